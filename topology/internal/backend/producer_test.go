package backend

import (
	"errors"
	"maps"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/lovoo/goka"

	"github.com/gokavro/gokavro/topology/kafka"
)

func TestEmittedRecordsKeepTimePartitionAndHeaders(t *testing.T) {
	t.Parallel()
	client := dial(t, 4)
	writer, err := kafka.NewWriter(client.Config())
	if err != nil {
		t.Fatal(err)
	}
	p := &producer{writer: writer, names: Names{"group-table": "t"}}
	at := time.UnixMilli(1_000_000_000_123)
	placed := Carry(at, 3)
	placed["trace"] = []byte("7")
	kept := map[string][]byte{}
	maps.Copy(kept, placed)
	byKey, err := partitionOf("k", 4)
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := (byKey + 1) % 4
	want := []kafka.Record{
		{Topic: "t", Partition: 3, Time: at, Key: []byte("k"), Value: []byte("placed"), Headers: []kafka.Header{{Key: "trace", Value: []byte("7")}}},
		{Topic: "t", Partition: byKey, Time: at, Key: []byte("k"), Value: []byte("by key")},
		{Topic: "t", Partition: elsewhere, Time: at, Key: []byte("k")},
	}
	for _, promise := range []*goka.Promise{
		p.EmitWithHeaders("group-table", "k", []byte("placed"), placed),
		p.EmitWithHeaders("t", "k", []byte("by key"), Carry(at, -1)),
		p.EmitWithHeaders("t", "k", nil, Carry(at, elsewhere)),
	} {
		promise.ThenWithMessage(func(sent *sarama.ProducerMessage, err error) {
			if err != nil || sent == nil {
				t.Errorf("got %v, %v; want the record sent", sent, err)
			}
		})
	}
	begin := time.Now()
	p.Emit("t", "now", []byte("now"))
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	got := map[string]kafka.Record{}
	for _, r := range read(t, client, "t") {
		got[string(r.Value)] = r
	}
	for _, w := range want {
		if diff := cmp.Diff(got[string(w.Value)], w, cmpopts.IgnoreFields(kafka.Record{}, "Offset")); diff != "" {
			t.Errorf("record %q (-got +want): %s", w.Value, diff)
		}
	}
	if now := got["now"].Time; now.Before(begin.Truncate(time.Millisecond)) {
		t.Errorf("got time %s for a record without one, want the time of the call", now)
	}
	if diff := cmp.Diff(map[string][]byte(placed), kept); diff != "" {
		t.Errorf("the headers of the emit were changed: %s", diff)
	}
}

// partitionOf is where Java's clients put a key.
func partitionOf(key string, partitions int32) (int32, error) {
	hasher := kafka.NewHasher()
	_, err := hasher.Write([]byte(key))
	return int32(hasher.Sum32()) % partitions, err
}

func TestAPromiseTellsThatARecordIsNotWritten(t *testing.T) {
	t.Parallel()
	client := dial(t, 1)
	writer, err := kafka.NewWriter(client.Config())
	if err != nil {
		t.Fatal(err)
	}
	p := &producer{writer: writer}
	faults := make(chan error, 3)
	keep := func(err error) { faults <- err }
	p.Emit("absent", "k", nil).Then(keep)
	if err := <-faults; !errors.Is(err, kafka.ErrTopicNotFound) {
		t.Errorf("a missing topic: got %v, want ErrTopicNotFound", err)
	}
	p.EmitWithHeaders("t", "k", nil, Carry(time.Time{}, 9)).Then(keep)
	if err := <-faults; err == nil {
		t.Error("a missing partition: got no error")
	}
	_ = p.Close()
	p.Emit("t", "k", nil).Then(keep)
	if err := <-faults; err == nil {
		t.Error("a closed producer: got no error")
	}
}
