package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/topology/kafka"
	"github.com/gokavro/gokavro/topology/kafka/kafkatest"
)

// fill writes per partition the values "0" to "n-1" and returns the topic.
func (b *testBundle) fill(t *testing.T, partitions int32, n int) string {
	t.Helper()
	topic := b.topic(t, partitions)
	var records []kafka.Record
	for i := range n {
		for p := range partitions {
			records = append(records, kafka.Record{Topic: topic, Partition: p, Value: fmt.Append(nil, i)})
		}
	}
	b.write(t, records...)
	return topic
}

func TestReadBeginsWhereItIsTold(t *testing.T) {
	t.Parallel()
	b := setup(t)
	topic := b.topic(t, 3)
	start := time.Now().Add(-time.Hour).Truncate(time.Second)
	for i := range 4 {
		for p := range int32(2) {
			b.write(t, kafka.Record{Topic: topic, Partition: p, Time: start.Add(time.Duration(i) * time.Minute), Value: []byte("v")})
		}
	}
	for _, tt := range []struct {
		name  string
		query kafka.Query
		want  map[int32][]int64
	}{
		{"all", kafka.Query{}, map[int32][]int64{0: {0, 1, 2, 3}, 1: {0, 1, 2, 3}}},
		{"one partition", kafka.Query{Partitions: []int32{1}}, map[int32][]int64{1: {0, 1, 2, 3}}},
		{"the same partition twice", kafka.Query{Partitions: []int32{1, 1}}, map[int32][]int64{1: {0, 1, 2, 3}}},
		{"an empty partition", kafka.Query{Partitions: []int32{2}}, map[int32][]int64{}},
		{"end", kafka.Query{From: kafka.End()}, map[int32][]int64{}},
		{"offset", kafka.Query{From: kafka.At(3), Partitions: []int32{0, 1}}, map[int32][]int64{0: {3}, 1: {3}}},
		{"time", kafka.Query{From: kafka.Since(start.Add(2 * time.Minute))}, map[int32][]int64{0: {2, 3}, 1: {2, 3}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.query.Topic = topic
			got := map[int32][]int64{}
			for _, r := range kafkatest.Read(t, b.client, tt.query) {
				got[r.Partition] = append(got[r.Partition], r.Offset)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("offsets (-want +got):\n%s", diff)
			}
		})
	}
	err := b.client.Read(t.Context(), kafka.Query{Topic: topic, From: kafka.At(9), UntilEnd: true}, nil)
	checkFault(t, err, topic+"/0 has no offset 9")
}

func TestReadHandsOverInOrderOneAtATime(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const partitions, each = 5, 400
	topic := b.fill(t, partitions, each)
	next := [partitions]int64{}
	inside := make(chan struct{}, 1)
	err := b.client.Read(t.Context(), kafka.Query{Topic: topic, UntilEnd: true}, func(r kafka.Record) error {
		select {
		case inside <- struct{}{}:
		default:
			t.Error("two calls at the same time")
		}
		if r.Offset != next[r.Partition] {
			t.Errorf("partition %d: offset %d, want %d", r.Partition, r.Offset, next[r.Partition])
		}
		next[r.Partition]++
		<-inside
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := [partitions]int64{each, each, each, each, each}; next != want {
		t.Errorf("records per partition %v, want %v", next, want)
	}
}

func TestReadUntilEndStopsAtTheEndsOfItsStart(t *testing.T) {
	t.Parallel()
	b := setup(t)
	topic := b.fill(t, 1, 3)
	var got []int64
	err := b.client.Read(t.Context(), kafka.Query{Topic: topic, UntilEnd: true}, func(r kafka.Record) error {
		b.write(t, kafka.Record{Topic: topic, Value: []byte("later")})
		got = append(got, r.Offset)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int64{0, 1, 2}, got); diff != "" {
		t.Errorf("offsets (-want +got):\n%s", diff)
	}
}

func TestReadFollowsUntilItsContextEnds(t *testing.T) {
	t.Parallel()
	b := setup(t)
	topic := b.fill(t, 2, 1)
	ctx, cancel := context.WithTimeout(t.Context(), kafkatest.Patience)
	defer cancel()
	count := 0
	err := b.client.Read(ctx, kafka.Query{Topic: topic}, func(r kafka.Record) error {
		switch count++; {
		case count == 2:
			b.write(t, kafka.Record{Topic: topic, Partition: 1, Value: []byte("later")})
		case count == 3 && string(r.Value) == "later":
			cancel()
		}
		return nil
	})
	if err != nil || count != 3 {
		t.Errorf("%d records, error %v, want 3 and none", count, err)
	}
}

func TestReadFromTheEndSeesOnlyWhatFollows(t *testing.T) {
	t.Parallel()
	b := setup(t)
	topic := b.fill(t, 1, 3)
	ctx, cancel := context.WithTimeout(t.Context(), kafkatest.Patience)
	defer cancel()
	got := make(chan kafka.Record, 100)
	done := make(chan error, 1)
	go func() {
		done <- b.client.Read(ctx, kafka.Query{Topic: topic, From: kafka.End()}, func(r kafka.Record) error {
			got <- r
			return kafka.ErrStop
		})
	}()
	// Whether the reading has begun shows only when it sees something.
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			b.write(t, kafka.Record{Topic: topic, Value: []byte("later")})
		case err := <-done:
			if r := <-got; err != nil || string(r.Value) != "later" {
				t.Errorf("read %q, error %v, want a later record", r.Value, err)
			}
			return
		}
	}
}

func TestReadEndsWithItsHandler(t *testing.T) {
	t.Parallel()
	b := setup(t)
	topic := b.fill(t, 3, 200)
	fault := errors.New("full disk")
	for _, tt := range []struct {
		name      string
		answer    error
		want      error
		untilEnd  bool
		lastCalls int
	}{
		{"stop", kafka.ErrStop, nil, true, 10},
		{"wrapped stop", fmt.Errorf("enough: %w", kafka.ErrStop), nil, false, 10},
		{"fault", fault, fault, true, 10},
		{"fault while following", fault, fault, false, 10},
		{"at once", kafka.ErrStop, nil, false, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			calls := 0
			err := b.client.Read(t.Context(), kafka.Query{Topic: topic, UntilEnd: tt.untilEnd}, func(kafka.Record) error {
				if calls++; calls == tt.lastCalls {
					return tt.answer
				}
				return nil
			})
			if !errors.Is(err, tt.want) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
			if calls != tt.lastCalls {
				t.Errorf("%d calls, want %d", calls, tt.lastCalls)
			}
		})
	}
}

func TestReadUntilEndTellsThatItWasCutShort(t *testing.T) {
	t.Parallel()
	b := setup(t)
	topic := b.fill(t, 1, 10)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	err := b.client.Read(ctx, kafka.Query{Topic: topic, UntilEnd: true}, func(kafka.Record) error {
		cancel()
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
	checkFault(t, err, `reading topic "`+topic+`"`)
}

func TestReadGoesOnThroughLeaderChanges(t *testing.T) {
	t.Parallel()
	b := setupFake(t, 3)
	topic := b.fill(t, 1, 5)
	ctx, cancel := context.WithTimeout(t.Context(), kafkatest.Patience)
	defer cancel()
	var got []string
	err := b.client.Read(ctx, kafka.Query{Topic: topic}, func(r kafka.Record) error {
		got = append(got, string(r.Value))
		if len(got) < 5 {
			return nil
		}
		if len(got) == 10 {
			return kafka.ErrStop
		}
		next := (b.fake.LeaderFor(topic, 0) + 1) % 3
		if err := b.fake.MoveTopicPartition(topic, 0, next); err != nil {
			t.Error(err)
		}
		b.write(t, kafka.Record{Topic: topic, Value: fmt.Append(nil, len(got))})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}, got); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
}

func TestReadGoesOnBehindDeletedRecords(t *testing.T) {
	t.Parallel()
	b := setupFake(t, 1)
	topic := b.topic(t, 1)
	// Batches so large that the reader cannot have the later ones in hand yet.
	const records = 64
	for range records {
		b.write(t, kafka.Record{Topic: topic, Value: make([]byte, 900_000)})
	}
	var got []int64
	err := b.client.Read(t.Context(), kafka.Query{Topic: topic, UntilEnd: true}, func(r kafka.Record) error {
		if got = append(got, r.Offset); r.Offset == 0 {
			b.deleteBefore(t, topic, records-1)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(got) == records || got[len(got)-1] != records-1 {
		t.Errorf("offsets %v, want a gap and then the last one", got)
	}
}

func TestReadEndsWhenWhatItWaitsForIsDeleted(t *testing.T) {
	t.Parallel()
	b := setupFake(t, 1)
	topic := b.topic(t, 1)
	const records = 64
	for range records {
		b.write(t, kafka.Record{Topic: topic, Value: make([]byte, 900_000)})
	}
	count := 0
	err := b.client.Read(t.Context(), kafka.Query{Topic: topic, UntilEnd: true}, func(r kafka.Record) error {
		if count++; r.Offset == 0 {
			b.deleteBefore(t, topic, records)
		}
		return nil
	})
	if err != nil || count == records {
		t.Errorf("%d records, error %v, want fewer than %d and none", count, err, records)
	}
}

func TestReadEndsWhenItsTopicIsDeleted(t *testing.T) {
	t.Parallel()
	b := setupFake(t, 1)
	topic := b.fill(t, 1, 3)
	ctx, cancel := context.WithTimeout(t.Context(), kafkatest.Patience)
	defer cancel()
	err := b.client.Read(ctx, kafka.Query{Topic: topic}, func(r kafka.Record) error {
		if r.Offset == 2 {
			return b.fake.DeleteTopic(topic)
		}
		return nil
	})
	if !errors.Is(err, kafka.ErrTopicNotFound) {
		t.Errorf("error %v, want ErrTopicNotFound", err)
	}
}

func TestReadDelaysNobodyElse(t *testing.T) {
	t.Parallel()
	b := setup(t)
	topic := b.topic(t, 1)
	ctx, cancel := context.WithCancel(t.Context())
	followed := make(chan error, 1)
	go func() {
		followed <- b.client.Read(ctx, kafka.Query{Topic: topic}, func(kafka.Record) error { return nil })
	}()
	begun := time.Now()
	const requests = 100
	for range requests {
		b.end(t, topic, kafka.ReadCommitted)
	}
	// Behind long polls each request would take 100 ms.
	if took := time.Since(begun); took > requests*50*time.Millisecond {
		t.Errorf("%d requests took %s beside a reading", requests, took)
	}
	cancel()
	if err := <-followed; err != nil {
		t.Error(err)
	}
}
