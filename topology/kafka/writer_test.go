package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokavro/gokavro/topology/kafka"
	"github.com/gokavro/gokavro/topology/kafka/kafkatest"
)

func TestWriterKeepsEveryPartOfARecord(t *testing.T) {
	t.Parallel()
	b := setup(t)
	topic := b.topic(t, 1)
	when := time.Date(2024, 2, 29, 12, 0, 0, 123_456_789, time.UTC)
	records := []kafka.Record{
		{Topic: topic, Time: when, Key: []byte("k"), Value: []byte("v"), Headers: []kafka.Header{{Key: "h", Value: []byte("1")}, {Key: "h", Value: []byte("2")}}},
		{Topic: topic, Time: when, Key: []byte("tombstone")},
		{Topic: topic, Time: when, Key: []byte{}, Value: []byte{}},
		{Topic: topic, Time: when, Value: []byte("no key")},
		{Topic: topic, Value: []byte("now")},
	}
	begun := time.Now().Truncate(time.Millisecond)
	delivered := b.write(t, records...)
	got := kafkatest.Read(t, b.client, kafka.Query{Topic: topic})
	if diff := cmp.Diff(delivered, got); diff != "" {
		t.Errorf("delivered and read (-delivered +read):\n%s", diff)
	}
	for i, r := range got[:4] {
		want := records[i]
		want.Offset, want.Time = int64(i), when.Truncate(time.Millisecond)
		if diff := cmp.Diff(want, r); diff != "" {
			t.Errorf("record %d (-want +got):\n%s", i, diff)
		}
	}
	if now := got[4].Time; now.Before(begun) || now.After(time.Now()) {
		t.Errorf("time of a record without one: %s", now)
	}
}

func TestWriterChoosesPartitions(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const partitions = 4
	topic := b.topic(t, partitions)
	var records []kafka.Record
	var want []int32
	for i := range 40 {
		key := fmt.Appendf(nil, "key-%d", i)
		h := kafka.NewHasher()
		_, _ = h.Write(key)
		records = append(records, kafka.Record{Topic: topic, Partition: -1, Key: key})
		want = append(want, int32(h.Sum32()%partitions))
		// The partition by hand wins over the key.
		records = append(records, kafka.Record{Topic: topic, Partition: int32(i % partitions), Key: key})
		want = append(want, int32(i%partitions))
	}
	var got []int32
	for _, r := range b.write(t, records...) {
		got = append(got, r.Partition)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("partitions (-want +got):\n%s", diff)
	}
}

func TestWriterSpreadsRecordsWithoutKey(t *testing.T) {
	t.Parallel()
	b := setup(t)
	topic := b.topic(t, 4)
	count := map[int32]int{}
	for _, r := range b.write(t, slices.Repeat([]kafka.Record{{Topic: topic, Partition: -1, Value: []byte("v")}}, 40)...) {
		count[r.Partition]++
	}
	if diff := cmp.Diff(map[int32]int{0: 10, 1: 10, 2: 10, 3: 10}, count); diff != "" {
		t.Errorf("records per partition (-want +got):\n%s", diff)
	}
}

func TestWriterReportsTheFirstError(t *testing.T) {
	t.Parallel()
	b := setup(t)
	topic, missing := b.topic(t, 2), topicName(t)
	w, err := kafka.NewWriter(b.cfg)
	if err != nil {
		t.Fatal(err)
	}
	results := make(chan error, 1)
	send := func(r kafka.Record) error {
		if err := w.Write(t.Context(), r, func(_ kafka.Record, err error) { results <- err }); err != nil {
			return err
		}
		return <-results
	}
	first := send(kafka.Record{Topic: topic, Partition: 7})
	checkFault(t, first, `writing to topic "`+topic+`": it has no partition 7`)
	lost := send(kafka.Record{Topic: missing})
	checkFault(t, lost, `topic "`+missing+`": topic not found`)
	if !errors.Is(lost, kafka.ErrTopicNotFound) {
		t.Errorf("error %v is not ErrTopicNotFound", lost)
	}
	checkFault(t, send(kafka.Record{Topic: topic, Value: []byte(strings.Repeat("x", 2<<20))}), `writing to topic "`+topic+`"`)
	for range 2 {
		if err := w.Close(); !errors.Is(err, first) {
			t.Errorf("Close: %v, want %v", err, first)
		}
	}
	err = w.Write(t.Context(), kafka.Record{Topic: topic}, nil)
	checkFault(t, err, "the writer is closed")
}

func TestWriteRejectsWhatItCannotSend(t *testing.T) {
	t.Parallel()
	b := setup(t)
	w, err := kafka.NewWriter(b.cfg)
	if err != nil {
		t.Fatal(err)
	}
	checkFault(t, w.Write(t.Context(), kafka.Record{}, nil), "no topic")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err = w.Write(ctx, kafka.Record{Topic: "any"}, nil)
	checkFault(t, err, `writing to topic "any"`)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
	if err := w.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

func TestWriterKeepsEachCallersOrder(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const callers, each = 4, 500
	topic := b.topic(t, 2)
	w, err := kafka.NewWriter(b.cfg)
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	for caller := range callers {
		wait.Go(func() {
			for i := range each {
				r := kafka.Record{Topic: topic, Partition: -1, Key: fmt.Appendf(nil, "%d", caller), Value: fmt.Appendf(nil, "%d", i)}
				if err := w.Write(t.Context(), r, nil); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	next := map[string]int{}
	for _, r := range kafkatest.Read(t, b.client, kafka.Query{Topic: topic}) {
		if want := strconv.Itoa(next[string(r.Key)]); string(r.Value) != want {
			t.Fatalf("caller %s: read %s, want %s", r.Key, r.Value, want)
		}
		next[string(r.Key)]++
	}
	if diff := cmp.Diff(map[string]int{"0": each, "1": each, "2": each, "3": each}, next); diff != "" {
		t.Errorf("records per caller (-want +got):\n%s", diff)
	}
}

func TestWriterWritesOnceThroughBrokerFaults(t *testing.T) {
	t.Parallel()
	b := setupFake(t, 3)
	topic := b.topic(t, 1)
	var refusals int
	b.fake.ControlKey(int16(kmsg.Produce), func(request kmsg.Request) (kmsg.Response, error, bool) {
		if refusals++; refusals > 3 {
			return nil, nil, false
		}
		b.fake.KeepControl()
		return refuse(request.(*kmsg.ProduceRequest)), nil, true
	})
	var want []string
	var records []kafka.Record
	for i := range 300 {
		want = append(want, strconv.Itoa(i))
		records = append(records, kafka.Record{Topic: topic, Value: fmt.Append(nil, i)})
	}
	b.write(t, records...)
	if err := b.fake.MoveTopicPartition(topic, 0, (b.fake.LeaderFor(topic, 0)+1)%3); err != nil {
		t.Fatal(err)
	}
	b.write(t, kafka.Record{Topic: topic, Value: []byte("moved")})
	if diff := cmp.Diff(append(want, "moved"), values(kafkatest.Read(t, b.client, kafka.Query{Topic: topic}))); diff != "" {
		t.Errorf("values read (-want +got):\n%s", diff)
	}
}

// refuse answers as a broker that no longer leads the partition.
func refuse(request *kmsg.ProduceRequest) kmsg.Response {
	response := request.ResponseKind().(*kmsg.ProduceResponse)
	for _, topic := range request.Topics {
		answer := kmsg.NewProduceResponseTopic()
		answer.Topic, answer.TopicID = topic.Topic, topic.TopicID
		for _, partition := range topic.Partitions {
			p := kmsg.NewProduceResponseTopicPartition()
			p.Partition, p.ErrorCode = partition.Partition, kerr.NotLeaderForPartition.Code
			answer.Partitions = append(answer.Partitions, p)
		}
		response.Topics = append(response.Topics, answer)
	}
	return response
}
