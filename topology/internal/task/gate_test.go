package task_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"
	"github.com/lovoo/goka"

	"github.com/gokavro/gokavro/topology/internal/task"
)

// turnstile is a gate that lets batches of a size in, each after a signal.
type turnstile struct {
	size   int
	let    chan int // how often a process has died of the record
	mu     sync.Mutex
	inside []string // what came in and out
	opened chan struct{}
}

func newTurnstile(size int) *turnstile {
	return &turnstile{size: size, let: make(chan int, 9), opened: make(chan struct{})}
}

func (s *turnstile) note(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inside = append(s.inside, what)
}

func (s *turnstile) isOpen() bool {
	select {
	case <-s.opened:
		return true
	default:
		return false
	}
}

func (s *turnstile) Size(context.Context) (int, error) {
	if s.isOpen() {
		return 0, nil
	}
	return s.size, nil
}

func (s *turnstile) Enter(ctx context.Context, topic string, offset int64) (int, error) {
	select {
	case deaths := <-s.let:
		s.note("in " + topic + string(rune('0'+offset)))
		return deaths, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

func (s *turnstile) Leave(done bool) {
	if done {
		s.note("out")
	}
}

func (s *turnstile) Open() {
	s.note("open")
	close(s.opened)
}

func (s *turnstile) check(t *testing.T, want ...string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if diff := cmp.Diff(s.inside, want); diff != "" {
		t.Errorf("at the gate (-got +want): %s", diff)
	}
}

func gated(gate task.Gate) func(*task.Config) { return func(cfg *task.Config) { cfg.Gate = gate } }

func TestRecordsGoThroughTheGateInBatches(t *testing.T) {
	t.Parallel()
	gate := newTurnstile(2)
	b := start(t, gated(gate), edges(appending)...)
	b.put(t, message("in", 1, "a"))
	gate.let <- 0
	b.seal(t, 1)
	b.put(t, message("in", 2, "b"))
	b.put(t, message("in", 3, "c"))
	gate.let <- 0
	gate.let <- 0
	b.seal(t, 3)
	b.Stop()
	if err := b.end(t); err != nil {
		t.Error(err)
	}
	gate.mu.Lock()
	defer gate.mu.Unlock()
	if diff := cmp.Diff(gate.inside[:3], []string{"in in1", "out", "in in2"}); diff != "" {
		t.Errorf("at the gate (-got +want): %s", diff)
	}
}

// The next batch waits for all of the one before.
func TestABatchIsProcessedBeforeTheNextGoesIn(t *testing.T) {
	t.Parallel()
	gate := newTurnstile(1)
	entered, release := make(chan struct{}), make(chan struct{})
	b := start(t, gated(gate), edges(func(ctx goka.Context, msg any) {
		if msg == "a" {
			close(entered)
			<-release
		}
		appending(ctx, msg)
	})...)
	b.put(t, message("in", 1, "a"), message("in", 2, "b"))
	gate.let <- 0
	gate.let <- 0
	<-entered
	gate.check(t, "in in1")
	close(release)
	b.seal(t, 2)
	if diff := cmp.Diff(b.outputs(t, "out"), []string{"k=a", "k=ab"}); diff != "" {
		t.Errorf("outputs (-got +want): %s", diff)
	}
}

// A record whose callback fails in a batch goes through the gate again.
func TestARecordThatFailsGoesInAgain(t *testing.T) {
	t.Parallel()
	gate := newTurnstile(1)
	failed := make(chan struct{}, 9)
	b := start(t, gated(gate), edges(func(ctx goka.Context, msg any) {
		if len(failed) == 0 {
			failed <- struct{}{}
			ctx.Fail(errors.New("asked to fail"))
		}
		appending(ctx, msg)
	})...)
	b.put(t, message("in", 1, "a"))
	gate.let <- 0
	gate.let <- 0
	b.seal(t, 1)
	b.Stop()
	if err := b.end(t); err != nil {
		t.Error(err)
	}
	gate.check(t, "in in1", "in in1", "out")
}

func TestARecordIsSetAsideAndNotProcessed(t *testing.T) {
	t.Parallel()
	gate := newTurnstile(1)
	b := start(t, func(cfg *task.Config) {
		cfg.Gate = gate
		cfg.Check = func(m *sarama.ConsumerMessage) error {
			if string(m.Value) == "b" {
				return errors.New("looked at")
			}
			return nil
		}
		cfg.Aside = func(k task.Killed) ([]task.Output, error) {
			return []task.Output{{Topic: "aside", Key: string(k.Message.Key), Value: append(k.Message.Value, byte('0'+k.Deaths))}}, nil
		}
	}, edges(appending)...)
	b.put(t, message("in", 1, "a"), message("in", 2, "b"), message("in", 3, "c"))
	gate.let <- 0
	gate.let <- 2
	gate.let <- 0
	b.seal(t, 3)
	if diff := cmp.Diff(b.outputs(t, "out"), []string{"k=a", "k=ac"}); diff != "" {
		t.Errorf("outputs (-got +want): %s", diff)
	}
	if diff := cmp.Diff(b.outputs(t, "aside"), []string{"k=b2"}); diff != "" {
		t.Errorf("set aside (-got +want): %s", diff)
	}
	if diff := cmp.Diff(b.offsets(), map[string]int64{"in": 4}); diff != "" {
		t.Errorf("offsets (-got +want): %s", diff)
	}
}

func TestARecordThatCannotBeSetAsideEndsTheTask(t *testing.T) {
	t.Parallel()
	for name, aside := range map[string]func(task.Killed) ([]task.Output, error){
		"there is nowhere to set it aside": nil,
		"asked to fail":                    func(task.Killed) ([]task.Output, error) { return nil, errors.New("asked to fail") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gate := newTurnstile(1)
			b := start(t, func(cfg *task.Config) { cfg.Gate, cfg.Aside = gate, aside }, edges(appending)...)
			b.put(t, message("in", 1, "a"))
			gate.let <- 3
			err := b.end(t)
			want := "record in/3 at offset 1: processing it killed the process 3 times: " + name
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %q", err, want)
			}
		})
	}
}

// A group that decides itself when its records are done cannot wait at a gate.
func TestAGroupThatDefersOpensTheGate(t *testing.T) {
	t.Parallel()
	gate := newTurnstile(2)
	var open []func(error)
	b := start(t, gated(gate), edges(func(ctx goka.Context, _ any) {
		open = append(open, ctx.DeferCommit())
		if len(open) == 3 {
			for _, done := range open {
				done(nil)
			}
		}
	})...)
	b.put(t, message("in", 1, "a"))
	gate.let <- 0
	b.put(t, message("in", 2, "b"), message("in", 3, "c"))
	b.seal(t, 3)
	if !gate.isOpen() {
		t.Error("the gate is not open")
	}
}

// goka passes over records without a value, and the group goes on behind them.
func TestARecordThatGokaLeavesOutIsDone(t *testing.T) {
	t.Parallel()
	gate := newTurnstile(1)
	b := start(t, gated(gate), edges(appending)...)
	none := message("in", 2, "")
	none.Value = nil
	b.put(t, message("in", 1, "a"), none)
	gate.let <- 0
	gate.let <- 0
	b.seal(t, 2)
	if diff := cmp.Diff(b.offsets(), map[string]int64{"in": 3}); diff != "" {
		t.Errorf("offsets (-got +want): %s", diff)
	}
}

// While a task is held, the record in hand is finished and none is begun.
func TestAHeldTaskRests(t *testing.T) {
	t.Parallel()
	entered, release := make(chan string, 9), make(chan struct{})
	b := start(t, nil, edges(blocking(entered, release))...)
	b.put(t, message("in", 1, "a"), message("in", 2, "b"))
	<-entered
	short, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	b.Hold(short) // the callback does not return
	held := make(chan struct{})
	go func() {
		b.Hold(t.Context())
		close(held)
	}()
	close(release)
	<-held
	b.seal(t, 1)
	if len(entered) > 0 {
		t.Errorf("%s was begun", <-entered)
	}
	b.Resume()
	b.seal(t, 2)
}
