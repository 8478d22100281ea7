package txn

import (
	"crypto/rand"
	"errors"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/topology/kafka"
	"github.com/gokavro/gokavro/topology/kafka/kafkatest"
)

func TestSequenceNumbersStartOverAfterTheLast(t *testing.T) {
	t.Parallel()
	tests := []struct{ first, want int32 }{
		{first: 0, want: 2},
		{first: math.MaxInt32 - 2, want: math.MaxInt32},
		{first: math.MaxInt32 - 1, want: 0},
		{first: math.MaxInt32, want: 1},
	}
	for _, tt := range tests {
		l := &lane{sequence: tt.first, maxBytes: 1000, records: []*kafka.Record{{}, {}}}
		l.pack(&writer{})
		if l.acknowledge(2, 0); l.sequence != tt.want {
			t.Errorf("got %d after two records from %d on, want %d", l.sequence, tt.first, tt.want)
		}
	}
}

// The fake broker counts otherwise: it leaves the highest number out.
func TestABrokerCountsAsWeDo(t *testing.T) {
	t.Parallel()
	named := os.Getenv("KAFKA_BROKERS")
	if named == "" {
		t.Skip("KAFKA_BROKERS names no broker")
	}
	cfg := kafka.Config{Brokers: strings.Split(named, ",")}
	client := kafkatest.Dial(t, cfg)
	topic := "sequence-" + rand.Text()
	kafkatest.Create(t, client, kafka.Topic{Name: topic, Partitions: 1})
	// A log that was never written to takes no other number than 0.
	writeFrom(t, cfg, topic, 0, "a")
	writeFrom(t, cfg, topic, math.MaxInt32-2, "b", "c", "d")
	var got []string
	for _, r := range kafkatest.Read(t, client, kafka.Query{Topic: topic}) {
		got = append(got, string(r.Value))
	}
	if diff := cmp.Diff(got, []string{"a", "a", "b", "b", "c", "c", "d", "d"}); diff != "" {
		t.Errorf("values (-got +want): %s", diff)
	}
}

// writeFrom writes each value twice, with sequence numbers from first on.
func writeFrom(t *testing.T, cfg kafka.Config, topic string, first int32, values ...string) {
	t.Helper()
	w, err := newWriter(t.Context(), cfg, Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = w.close() }()
	for i, value := range values {
		r := kafka.Record{Topic: topic, Value: []byte(value)}
		again := r
		if err := w.load(t.Context(), []*kafka.Record{&r, &again}); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			w.topics[topic].lanes[0].sequence = first
		}
		if err := w.flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWhatABrokerHadAlreadyCountsAsWritten(t *testing.T) {
	t.Parallel()
	records := []*kafka.Record{{Topic: "t", Value: []byte("a")}, {Topic: "t", Value: []byte("b")}}
	l := &lane{topic: "t", partition: 3, maxBytes: 1000, records: records}
	l.pack(&writer{})
	if err := l.settle(&sarama.ProduceResponseBlock{Err: sarama.ErrDuplicateSequenceNumber}); err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		if r.Partition != 3 || r.Offset != -1 {
			t.Errorf("got partition %d and offset %d, want 3 and -1: not known", r.Partition, r.Offset)
		}
	}
	if !l.idle() || l.sequence != 2 {
		t.Errorf("got sequence number %d, want all written and 2", l.sequence)
	}
}

func TestTheBrokersRecordErrorNamesTheRecord(t *testing.T) {
	t.Parallel()
	for _, index := range []int32{-1, 0, 1, 2} {
		t.Run(strconv.Itoa(int(index)), func(t *testing.T) {
			t.Parallel()
			l := &lane{topic: "t", maxBytes: 1000, records: []*kafka.Record{{Key: []byte("0")}, {Key: []byte("1")}}}
			l.pack(&writer{})
			err := l.settle(&sarama.ProduceResponseBlock{
				Err: sarama.ErrInvalidRecord, RecordErrors: []sarama.ProduceResponseRecordError{{BatchIndex: index}},
			})
			want := "0"
			if index == 1 {
				want = "1"
			}
			refused, ok := errors.AsType[*RefusedError](err)
			if !ok || string(refused.Record.Key) != want {
				t.Fatalf("got %v, want a RefusedError for key %s", err, want)
			}
			if told := index == 0 || index == 1; refused.Alone != told {
				t.Errorf("got alone %t, want %t", refused.Alone, told)
			}
		})
	}
}

func TestARefusedRecordIsLookedForOneByOne(t *testing.T) {
	t.Parallel()
	top := &topic{name: "t"}
	top.grow(1, 1000)
	top.alone()
	l := top.lanes[0]
	l.alone = 2
	for i := range 6 {
		l.records = append(l.records, &kafka.Record{Topic: "t", Key: []byte(strconv.Itoa(i))})
	}
	for _, want := range []int{1, 1, 4} {
		l.pack(&writer{})
		if got := len(l.batch.Records); got != want {
			t.Fatalf("got a batch of %d records, want %d", got, want)
		}
		if want == 1 {
			refused, ok := errors.AsType[*RefusedError](l.fault(sarama.ErrInvalidRecord))
			if !ok || !refused.Alone {
				t.Errorf("got %v, want the one record to be meant", refused)
			}
		}
		if err := l.settle(&sarama.ProduceResponseBlock{}); err != nil {
			t.Fatal(err)
		}
	}
}
