package task_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"
	"github.com/lovoo/goka"

	"github.com/gokavro/gokavro/processors/dlq"
	"github.com/gokavro/gokavro/topology/internal/parking"
	"github.com/gokavro/gokavro/topology/internal/store"
	"github.com/gokavro/gokavro/topology/internal/task"
)

// withRetries gives a hand-written group a topic for replays and a lot.
func withRetries(change func(*task.Config)) func(*task.Config) {
	return func(cfg *task.Config) {
		cfg.HandWritten, cfg.Topics, cfg.Retry = true, append(cfg.Topics, "again"), "again"
		cfg.Alarm, cfg.Lot = "lot", parking.New("lot", nil)
		cfg.Tables = append(cfg.Tables, store.Spec{Name: "lot", Topic: "lot"})
		cfg.Open = func(context.Context) (task.State, error) {
			db, err := store.Open(store.Config{Dir: "state", FS: store.InMemory(), Owner: store.Owner{Group: "g", Partition: 3, Tables: cfg.Tables}})
			return task.State{DB: db}, err
		}
		change(cfg)
	}
}

// again returns a record of the topic for replays that was in topic in.
func again(offset, origin int64, value string) *sarama.ConsumerMessage {
	m := message("again", offset, value)
	for _, h := range (dlq.Origin{Topic: "in", Partition: 3, Offset: origin, Time: time.Unix(7, 0), Attempts: 2}).Headers() {
		m.Headers = append(m.Headers, &sarama.RecordHeader{Key: []byte(h.Key), Value: h.Value})
	}
	return m
}

// placing writes what a callback is told of its record, and fails at values that
// begin with bad.
func placing(ctx goka.Context, msg any) {
	ctx.Emit("out", ctx.Key(), fmt.Sprintf("%s %s/%d %d", msg, ctx.Topic(), ctx.Offset(), ctx.Timestamp().Unix()))
	if strings.HasPrefix(msg.(string), "bad") {
		ctx.Fail(errors.New("asked to fail"))
	}
}

// A record that was read before is the group's as it was, and is accounted for
// where it was read now, also when the same is in hand twice.
func TestAHandWrittenGroupSeesReplayedRecordsAsTheyWere(t *testing.T) {
	t.Parallel()
	var judged []string
	b := start(t, withRetries(func(cfg *task.Config) {
		cfg.Judge = func(f task.Failure) task.Verdict {
			judged = append(judged, fmt.Sprintf("%s %s/%d %d %t", f.Message.Value, f.Message.Topic, f.Message.Offset, f.Earlier.Attempts, f.Parked))
			return aside(f)
		}
	}), edges(placing)...)
	b.put(t, again(40, 5, "a"), again(41, 5, "a"), again(42, 6, "bad"), again(43, 7, "b"))
	b.seal(t, 4)
	if diff := cmp.Diff(b.outputs(t, "out"), []string{"k=a in/5 7", "k=a in/5 7", "k=b in/7 7"}); diff != "" {
		t.Errorf("outputs (-got +want): %s", diff)
	}
	if diff := cmp.Diff(b.outputs(t, "dead"), []string{"k=bad false"}); diff != "" {
		t.Errorf("dead letters (-got +want): %s", diff)
	}
	if diff := cmp.Diff(judged, []string{"bad in/6 2 false"}); diff != "" {
		t.Errorf("verdicts (-got +want): %s", diff)
	}
	if diff := cmp.Diff(b.offsets(), map[string]int64{"again": 44}); diff != "" {
		t.Errorf("offsets (-got +want): %s", diff)
	}
}

// parkingJudge parks what fails, until it was tried so often.
func parkingJudge(tries int32) func(task.Failure) task.Verdict {
	return func(f task.Failure) task.Verdict {
		e := f.Earlier
		if e == nil {
			e = parking.NewEntry(f.Message)
		}
		next := *e
		if next.Attempts++; f.Deferred || next.Attempts == tries {
			return aside(f)
		}
		return task.Verdict{Park: &next, Due: time.Now()}
	}
}

func TestRecordsOfAHandWrittenGroupWaitBehindTheirKey(t *testing.T) {
	t.Parallel()
	var tries atomic.Int32
	callback := func(ctx goka.Context, msg any) {
		if msg == "bad" {
			tries.Add(1)
		}
		placing(ctx, msg)
	}
	b := start(t, withRetries(func(cfg *task.Config) { cfg.Judge = parkingJudge(3) }), edges(callback)...)
	other := message("in", 8, "other")
	other.Key = []byte("other")
	if err := b.Put(t.Context(), "in", 10, []*sarama.ConsumerMessage{message("in", 5, "a"), message("in", 6, "bad"), message("in", 7, "b"), other, message("in", 9, "c")}); err != nil {
		t.Fatal(err)
	}
	b.awaitOutputs(t, 4)
	var ofKey []string
	for _, out := range b.outputs(t, "out") {
		if strings.HasPrefix(out, "k=") {
			ofKey = append(ofKey, strings.Fields(out)[0])
		}
	}
	if diff := cmp.Diff(ofKey, []string{"k=a", "k=b", "k=c"}); diff != "" {
		t.Errorf("outputs of the key (-got +want): %s", diff)
	}
	if diff := cmp.Diff(b.offsets(), map[string]int64{"in": 10}); diff != "" {
		t.Errorf("offsets, of which the lot has none (-got +want): %s", diff)
	}
	if got := tries.Load(); got != 3 {
		t.Errorf("got %d tries, want 3", got)
	}
}

// Some are due together, and another one later.
func TestEachParkedRecordOfAHandWrittenGroupHasItsTurn(t *testing.T) {
	t.Parallel()
	tried := map[string]bool{}
	b := start(t, withRetries(func(cfg *task.Config) {
		cfg.Judge = func(f task.Failure) task.Verdict {
			wait := 20 * time.Millisecond
			if string(f.Message.Key) == "2" {
				wait *= 10
			}
			return task.Verdict{Park: parking.NewEntry(f.Message), Due: time.Now().Add(wait)}
		}
	}), edges(func(ctx goka.Context, msg any) {
		if !tried[ctx.Key()] {
			tried[ctx.Key()] = true
			ctx.Fail(errors.New("asked to fail"))
		}
		placing(ctx, msg)
	})...)
	for i := range int64(3) {
		m := message("in", i, "v")
		m.Key = strconv.AppendInt(nil, i, 10)
		b.put(t, m)
	}
	b.awaitOutputs(t, 3)
}

// awaitOutputs waits until so much is written to topic out.
func (b *testBundle) awaitOutputs(t *testing.T, n int) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for len(b.outputs(t, "out")) < n {
		b.take(t)
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("got %v, want %d", b.outputs(t, "out"), n)
		}
	}
}

// Nothing is known of the order of such a group's records.
func TestAGroupThatDefersParksNothing(t *testing.T) {
	t.Parallel()
	callback := func(ctx goka.Context, msg any) {
		commit := ctx.DeferCommit()
		placing(ctx, msg)
		commit(nil)
	}
	b := start(t, withRetries(func(cfg *task.Config) { cfg.Judge = parkingJudge(9) }), edges(callback)...)
	b.put(t, message("in", 5, "a"), message("in", 6, "bad"), message("in", 7, "b"))
	b.seal(t, 3)
	if diff := cmp.Diff(b.outputs(t, "dead"), []string{"k=bad false"}); diff != "" {
		t.Errorf("dead letters (-got +want): %s", diff)
	}
}

// suspicious is a gate for one record at a time, of which the first parked one has
// killed.
type suspicious struct {
	task.Gate
	numbers []int64
}

func (s *suspicious) Size(context.Context) (int, error) { return 1, nil }

func (s *suspicious) Leave(bool) {}

func (s *suspicious) Enter(_ context.Context, topic string, number int64) (int, error) {
	if topic != "" {
		return 0, nil
	}
	s.numbers = append(s.numbers, number)
	if len(s.numbers) == 1 {
		return 2, nil
	}
	return 0, nil
}

// A parked record goes through the gate under a number of its own, and is set
// aside with its row.
func TestAParkedRecordIsSetAsideAtTheGate(t *testing.T) {
	t.Parallel()
	gate := &suspicious{}
	var killed []task.Killed
	b := start(t, withRetries(func(cfg *task.Config) {
		cfg.Judge, cfg.Gate = parkingJudge(3), gate
		cfg.Aside = func(k task.Killed) ([]task.Output, error) {
			killed = append(killed, k)
			return []task.Output{{Topic: "aside", Partition: -1, Key: string(k.Message.Key), Value: k.Message.Value}}, nil
		}
	}), edges(placing)...)
	b.put(t, message("in", 5, "bad1"), message("in", 6, "bad2"), message("in", 7, "b"))
	b.awaitOutputs(t, 1)
	b.Kill()
	_ = b.end(t)
	if diff := cmp.Diff(b.outputs(t, "aside"), []string{"k=bad1"}); diff != "" {
		t.Errorf("set aside (-got +want): %s", diff)
	}
	if len(killed) != 1 || killed[0].Deaths != 2 || killed[0].Earlier == nil || killed[0].Earlier.Attempts != 1 {
		t.Errorf("got %+v, want the parked record with its tries", killed)
	}
	if diff := cmp.Diff(b.outputs(t, "dead"), []string{"k=bad2 false"}); diff != "" {
		t.Errorf("dead letters (-got +want): %s", diff)
	}
	if n := slices.Compact(gate.numbers); len(n) < 2 || n[0] == n[1] {
		t.Errorf("got the numbers %v, want each record to have its own", n)
	}
}
