package kafka_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokavro/gokavro/topology/kafka"
	"github.com/gokavro/gokavro/topology/kafka/kafkatest"
)

// follower follows partitions from the beginning and keeps what it gets.
type follower struct {
	mu     sync.Mutex
	tails  []kafka.Tail
	got    []kafka.Record
	stable int64
	failed error
}

func (f *follower) wanted() []kafka.Tail {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]kafka.Tail(nil), f.tails...)
}

func (f *follower) take(piece kafka.Piece) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.tails {
		if f.tails[i] != piece.Tail {
			continue
		}
		if f.failed = piece.Err; f.failed != nil {
			f.tails = nil
			return
		}
		f.got, f.stable, f.tails[i].From = append(f.got, piece.Records...), piece.Stable, piece.Bulk.Next
	}
}

func (f *follower) values() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return values(f.got)
}

func (b *testBundle) follow(t *testing.T, tails ...kafka.Tail) *follower {
	t.Helper()
	f := &follower{tails: tails}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.client.Follow(ctx, f.wanted, f.take) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return f
}

func (f *follower) await(t *testing.T, want ...string) {
	t.Helper()
	kafkatest.Await(t, "all records have come", func() bool { return len(f.values()) >= len(want) })
	if diff := cmp.Diff(want, f.values()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestFollowSeesOnlyWhatIsCommitted(t *testing.T) {
	t.Parallel()
	b := setup(t)
	topic := b.topic(t, 1)
	f := b.follow(t, kafka.Tail{Topic: topic})
	x := kafkatest.NewTransactor(t, b.cfg, topic)
	x.Begin()
	x.Write("k", "committed")
	x.Commit()
	f.await(t, "committed")
	x.Begin()
	x.Write("k", "aborted")
	x.Abort()
	x.Begin()
	open := x.Write("k", "open")
	b.write(t, kafka.Record{Topic: topic, Value: []byte("behind it")})
	kafkatest.Await(t, "the offset has come to the open transaction", func() bool { return f.wanted()[0].From == open })
	f.await(t, "committed")
	x.Commit()
	f.await(t, "committed", "open", "behind it")
	kafkatest.Await(t, "the offset has come to the end", func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		return f.tails[0].From == f.stable
	})
}

func TestFollowReadsSeveralPartitionsOfSeveralBrokers(t *testing.T) {
	t.Parallel()
	b := setupFake(t, 3)
	const partitions = 40 // more than one request takes
	topic := b.topic(t, partitions)
	var tails []kafka.Tail
	var records []kafka.Record
	want := map[string]int{}
	for p := range int32(partitions) {
		tails = append(tails, kafka.Tail{Topic: topic, Partition: p})
		value := string(rune('A' + p))
		want[value]++
		records = append(records, kafka.Record{Topic: topic, Partition: p, Value: []byte(value)})
	}
	f := b.follow(t, tails...)
	b.write(t, records...)
	kafkatest.Await(t, "all have come", func() bool { return len(f.values()) >= partitions })
	got := map[string]int{}
	for _, value := range f.values() {
		got[value]++
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestFollowOutlastsALeaderThatMovesAndABrokerThatIsAway(t *testing.T) {
	t.Parallel()
	b := setupFake(t, 2)
	topic := b.topic(t, 1)
	f := b.follow(t, kafka.Tail{Topic: topic})
	b.write(t, kafka.Record{Topic: topic, Value: []byte("1")})
	f.await(t, "1")
	leader := b.fake.LeaderFor(topic, 0)
	if err := b.fake.MoveTopicPartition(topic, 0, 1-leader); err != nil {
		t.Fatal(err)
	}
	b.write(t, kafka.Record{Topic: topic, Value: []byte("2")})
	f.await(t, "1", "2")
	cut := make(chan struct{}, 1)
	b.fake.ControlKey(int16(kmsg.Fetch), func(kmsg.Request) (kmsg.Response, error, bool) {
		select {
		case cut <- struct{}{}:
			return nil, errors.New("cut"), true
		default:
			return nil, nil, false
		}
	})
	kafkatest.Await(t, "a connection was cut", func() bool { return len(cut) > 0 })
	b.write(t, kafka.Record{Topic: topic, Value: []byte("3")})
	f.await(t, "1", "2", "3")
}

func TestFollowTellsOfAnOffsetThatIsGone(t *testing.T) {
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
	f := b.follow(t, kafka.Tail{Topic: topic})
	kafkatest.Await(t, "the fault is told", func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		return errors.Is(f.failed, kafka.ErrOutOfRange)
	})
}
