package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/topology/kafka"
	"github.com/gokavro/gokavro/topology/kafka/kafkatest"
)

// bulk returns what a reading in bulk of partition 0 hands over.
func (b *testBundle) bulk(t *testing.T, r kafka.Range) (records []kafka.Record, next int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), kafkatest.Patience)
	defer cancel()
	next = -1
	err := b.client.ReadBulk(ctx, r, func(piece kafka.Bulk) error {
		records, next = append(records, piece.Records...), piece.Next
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return records, next
}

func TestReadBulkSeesWhatReadSees(t *testing.T) {
	t.Parallel()
	b := setup(t)
	topic := b.topic(t, 1)
	b.write(t, kafka.Record{
		Topic: topic, Key: []byte("k"), Value: []byte{}, Time: time.UnixMilli(1_700_000_000_123),
		Headers: []kafka.Header{{Key: "h", Value: []byte("1")}, {Key: "h"}},
	}, kafka.Record{Topic: topic, Key: []byte("k")}, kafka.Record{Topic: topic, Value: []byte("no key")})
	x := kafkatest.NewTransactor(t, b.cfg, topic)
	for round := range 6 {
		x.Begin()
		x.Write("k", fmt.Sprintf("round %d", round))
		x.Write("k", fmt.Sprintf("round %d again", round))
		if round%2 == 0 {
			x.Abort()
		} else {
			x.Commit()
		}
	}
	x.Begin()
	x.Write("k", "the last is aborted")
	x.Abort()
	b.awaitStable(t, topic)
	end := b.end(t, topic, kafka.ReadCommitted)
	for _, iso := range []kafka.Isolation{kafka.ReadCommitted, kafka.ReadUncommitted} {
		want := kafkatest.Read(t, b.client, kafka.Query{Topic: topic, Isolation: iso})
		got, _ := b.bulk(t, kafka.Range{Topic: topic, To: end, Isolation: iso})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", iso, diff)
		}
	}
	all := kafkatest.Read(t, b.client, kafka.Query{Topic: topic})
	for i, first := range all {
		got, next := b.bulk(t, kafka.Range{Topic: topic, From: first.Offset, To: all[len(all)-1].Offset})
		if diff := cmp.Diff(offsets(all[i:len(all)-1]), offsets(got)); diff != "" {
			t.Errorf("from %d (-want +got):\n%s", first.Offset, diff)
		}
		if len(got) > 0 && next <= got[len(got)-1].Offset {
			t.Errorf("from %d: got next offset %d, want one behind the last record", first.Offset, next)
		}
	}
}

func TestReadBulkEndsWithTheHandlersError(t *testing.T) {
	t.Parallel()
	b := setup(t)
	topic := b.topic(t, 1)
	b.write(t, kafka.Record{Topic: topic, Value: []byte("1")})
	want := errors.New("enough")
	err := b.client.ReadBulk(t.Context(), kafka.Range{Topic: topic, To: 1}, func(kafka.Bulk) error { return want })
	if !errors.Is(err, want) {
		t.Errorf("got %v, want %v", err, want)
	}
}

func TestReadBulkRefusesOffsetsThatAreGone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	topic := b.topic(t, 1)
	b.write(t, kafka.Record{Topic: topic, Value: []byte("1")}, kafka.Record{Topic: topic, Value: []byte("2")})
	admin, err := sarama.NewClusterAdminFromClient(b.client.Sarama())
	if err != nil {
		t.Fatal(err)
	}
	if err := admin.DeleteRecords(topic, map[int32]int64{0: 1}); err != nil {
		t.Fatal(err)
	}
	err = b.client.ReadBulk(t.Context(), kafka.Range{Topic: topic, To: 2}, func(kafka.Bulk) error { return nil })
	if !errors.Is(err, kafka.ErrOutOfRange) {
		t.Errorf("got %v, want %v", err, kafka.ErrOutOfRange)
	}
	if err := b.client.ReadBulk(t.Context(), kafka.Range{Topic: topic + "-x", To: 2}, nil); !errors.Is(err, kafka.ErrTopicNotFound) {
		t.Errorf("got %v, want %v", err, kafka.ErrTopicNotFound)
	}
}
