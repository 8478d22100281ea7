package backend

import (
	"context"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"
	"github.com/lovoo/goka"
)

type fakeSession struct {
	sarama.ConsumerGroupSession
	ctx    context.Context
	marked []int64
}

func (s *fakeSession) Context() context.Context { return s.ctx }

func (s *fakeSession) MarkOffset(_ string, _ int32, offset int64, _ string) {
	s.marked = append(s.marked, offset)
}

type fakeClaim struct {
	sarama.ConsumerGroupClaim
	messages chan *sarama.ConsumerMessage
}

func (c *fakeClaim) Topic() string                            { return "t" }
func (c *fakeClaim) Partition() int32                         { return 1 }
func (c *fakeClaim) Messages() <-chan *sarama.ConsumerMessage { return c.messages }

// deliver hands the offsets over and waits until goka's side took all.
func deliver(session *ordered, offsets ...int64) {
	claim := &fakeClaim{messages: make(chan *sarama.ConsumerMessage, len(offsets))}
	for _, offset := range offsets {
		claim.messages <- &sarama.ConsumerMessage{Topic: "t", Partition: 1, Offset: offset}
	}
	close(claim.messages)
	for range session.track(claim).Messages() {
	}
}

func TestOffsetsMoveOnlyOverRecordsThatAreAllDone(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name      string
		delivered []int64
		done      []int64
		want      []int64
	}{
		{name: "in order", delivered: []int64{0, 1, 2}, done: []int64{0, 1, 2}, want: []int64{1, 2, 3}},
		{name: "the first is last", delivered: []int64{0, 1, 2}, done: []int64{2, 1, 0}, want: []int64{3}},
		{name: "one in flight holds the rest", delivered: []int64{0, 1, 2}, done: []int64{0, 2}, want: []int64{1}},
		{name: "gaps of a compacted topic", delivered: []int64{5, 9, 12}, done: []int64{9, 5, 12}, want: []int64{10, 13}},
		{name: "marked twice", delivered: []int64{0, 1}, done: []int64{0, 0, 1}, want: []int64{1, 2}},
		{name: "never delivered", delivered: []int64{3}, done: []int64{2, 3}, want: []int64{4}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			inner := &fakeSession{ctx: t.Context()}
			session := newOrdered(inner)
			deliver(session, tt.delivered...)
			for _, offset := range tt.done {
				session.MarkOffset("t", 1, offset+1, "")
			}
			if diff := cmp.Diff(inner.marked, tt.want); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestMarksNeverPassARecordInFlight(t *testing.T) {
	t.Parallel()
	const seed = 11
	random := rand.New(rand.NewPCG(seed, seed))
	inner := &fakeSession{ctx: t.Context()}
	session := newOrdered(inner)
	offsets := make([]int64, 200)
	for i := range offsets {
		offsets[i] = int64(i)
	}
	deliver(session, offsets...)
	done := map[int64]bool{}
	for _, i := range random.Perm(len(offsets)) {
		done[int64(i)] = true
		session.MarkOffset("t", 1, int64(i)+1, "")
		for offset := int64(0); len(inner.marked) > 0 && offset < inner.marked[len(inner.marked)-1]; offset++ {
			if !done[offset] {
				t.Fatalf("seed %d: marked %d while %d is in flight", seed, inner.marked[len(inner.marked)-1], offset)
			}
		}
	}
	if got := inner.marked[len(inner.marked)-1]; got != int64(len(offsets)) {
		t.Errorf("seed %d: got the last mark %d, want %d", seed, got, len(offsets))
	}
}

func TestTrackingEndsWithTheSessionThoughNobodyReads(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		session := newOrdered(&fakeSession{ctx: ctx})
		claim := &fakeClaim{messages: make(chan *sarama.ConsumerMessage, delivered+1)}
		for i := range int64(delivered + 1) {
			claim.messages <- &sarama.ConsumerMessage{Offset: i}
		}
		tracked := session.track(claim)
		synctest.Wait()
		cancel()
		synctest.Wait()
		handed := 0
		for range tracked.Messages() {
			handed++
		}
		if handed != delivered {
			t.Errorf("got %d records handed over, want the %d that fit", handed, delivered)
		}
	})
}

func TestCarriedIsWhatWasPutOn(t *testing.T) {
	t.Parallel()
	at := time.UnixMilli(1_700_000_000_123)
	tests := []struct {
		name      string
		headers   goka.Headers
		at        time.Time
		partition int32
	}{
		{name: "nothing", partition: -1},
		{name: "time only", headers: Carry(at, -1), at: at, partition: -1},
		{name: "both", headers: Carry(at, 7), at: at, partition: 7},
		{name: "partition 0 and no time", headers: Carry(time.Time{}, 0), partition: 0},
		{name: "foreign headers", headers: goka.Headers{"h": []byte("v")}, partition: -1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			gotAt, gotPartition := carried(tt.headers)
			if !gotAt.Equal(tt.at) || gotPartition != tt.partition {
				t.Errorf("got (%s, %d), want (%s, %d)", gotAt, gotPartition, tt.at, tt.partition)
			}
		})
	}
}
