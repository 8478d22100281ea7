package task_test

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"
	"github.com/lovoo/goka"

	"github.com/gokavro/gokavro/topology/internal/task"
	"github.com/gokavro/gokavro/topology/kafka"
)

// aside writes what a record was set aside for in its place.
func aside(f task.Failure) task.Verdict {
	return task.Verdict{Outputs: []task.Output{{Topic: "dead", Partition: -1, Key: "k", Value: fmt.Appendf(nil, "%s %t", f.Message.Value, f.Decoding)}}}
}

func TestARecordThatIsJudgedIsSetAsideAlone(t *testing.T) {
	t.Parallel()
	for name, fail := range failures() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := start(t, func(cfg *task.Config) { cfg.Judge = aside }, edges(func(ctx goka.Context, msg any) {
				appending(ctx, msg)
				if msg == "b" {
					fail(ctx)
				}
			})...)
			b.put(t, message("in", 5, "a"), message("in", 6, "b"), message("in", 7, "c"), message("in", 8, "d"))
			b.seal(t, 4)
			if diff := cmp.Diff(b.outputs(t, "out"), []string{"k=a", "k=ac", "k=acd"}); diff != "" {
				t.Errorf("outputs (-got +want): %s", diff)
			}
			if diff := cmp.Diff(b.outputs(t, "dead"), []string{"k=b false"}); diff != "" {
				t.Errorf("dead letters (-got +want): %s", diff)
			}
			if diff := cmp.Diff(b.offsets(), map[string]int64{"in": 9}); diff != "" {
				t.Errorf("offsets (-got +want): %s", diff)
			}
		})
	}
}

// Records of another topic, which come meanwhile, may go first when those that
// were in hand are handed over again.
func TestRecordsThatFailInOtherOrderAreJudgedOnce(t *testing.T) {
	t.Parallel()
	var b *testBundle
	var judged, begun atomic.Int32
	started := make(chan struct{})
	b = start(t, func(cfg *task.Config) {
		cfg.Limits.MaxIdle = time.Millisecond
		cfg.Judge = func(f task.Failure) task.Verdict {
			judged.Add(1)
			return aside(f)
		}
	}, edges(func(ctx goka.Context, msg any) {
		if msg == "late" && begun.Add(1) == 1 {
			<-started
			b.put(t, message("other", 3, "early"))
		}
		ctx.Fail(errors.New("asked to fail"))
	})...)
	close(started)
	b.put(t, message("in", 10, "late"))
	b.seal(t, 2)
	if diff := cmp.Diff(b.outputs(t, "dead"), []string{"k=early false", "k=late false"}); diff != "" {
		t.Errorf("dead letters (-got +want): %s", diff)
	}
	if got := judged.Load(); got != 2 {
		t.Errorf("got %d verdicts, want one of each record", got)
	}
}

func TestARecordThatTheCheckRefusesIsJudged(t *testing.T) {
	t.Parallel()
	b := start(t, func(cfg *task.Config) {
		cfg.Judge = aside
		cfg.Check = func(m *sarama.ConsumerMessage) error {
			if string(m.Value) < "c" {
				return errors.New("not decoded")
			}
			return nil
		}
	}, edges(appending)...)
	b.put(t, message("in", 5, "a"), message("in", 6, "b"), message("in", 7, "c"))
	b.seal(t, 3)
	if diff := cmp.Diff(b.outputs(t, "out"), []string{"k=c"}); diff != "" {
		t.Errorf("outputs (-got +want): %s", diff)
	}
	if diff := cmp.Diff(b.outputs(t, "dead"), []string{"k=a true", "k=b true"}); diff != "" {
		t.Errorf("dead letters (-got +want): %s", diff)
	}
}

func TestAJudgeMayHaveARecordTriedAgain(t *testing.T) {
	t.Parallel()
	var tries, checks atomic.Int32
	b := start(t, func(cfg *task.Config) {
		cfg.Limits.Restarts = 1
		cfg.Judge = func(task.Failure) task.Verdict { return task.Verdict{Again: true} }
		cfg.Check = func(m *sarama.ConsumerMessage) error {
			if string(m.Value) == "a" && checks.Add(1) < 4 {
				return errors.New("not yet")
			}
			return nil
		}
	}, edges(func(ctx goka.Context, msg any) {
		appending(ctx, msg)
		if msg == "b" && tries.Add(1) < 4 {
			ctx.Fail(errors.New("not yet"))
		}
	})...)
	b.put(t, message("in", 5, "a"), message("in", 6, "b"), message("in", 7, "c"))
	b.seal(t, 3)
	if diff := cmp.Diff(b.outputs(t, "out"), []string{"k=a", "k=ab", "k=abc"}); diff != "" {
		t.Errorf("outputs (-got +want): %s", diff)
	}
}

func TestAJudgeMayEndTheRun(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"b", "x"} {
		b := start(t, func(cfg *task.Config) {
			cfg.Judge = func(f task.Failure) task.Verdict { return task.Verdict{Err: fmt.Errorf("the end: %w", f.Err)} }
			cfg.Check = func(m *sarama.ConsumerMessage) error {
				if string(m.Value) == "x" {
					return errors.New("no")
				}
				return nil
			}
		}, edges(func(ctx goka.Context, msg any) {
			if msg == "b" {
				ctx.Fail(errors.New("no"))
			}
			appending(ctx, msg)
		})...)
		b.put(t, message("in", 5, "a"), message("in", 6, value), message("in", 7, "c"))
		_, fatal := errors.AsType[*task.FatalError](b.end(t))
		if err := b.end(t); !fatal || !strings.Contains(err.Error(), "the end: ") || !strings.HasSuffix(err.Error(), "no") {
			t.Errorf("got %v, want a fatal error of the judge's", err)
		}
		b.seal(t, 1)
	}
}

func TestWhatABrokerRefusesFailsItsRecord(t *testing.T) {
	t.Parallel()
	for _, topic := range []string{"out", table} {
		t.Run(topic, func(t *testing.T) {
			t.Parallel()
			b := start(t, func(cfg *task.Config) {
				cfg.Judge = func(f task.Failure) task.Verdict {
					if !strings.Contains(f.Err.Error(), "refused") {
						t.Errorf("got %v, want why the broker refuses it", f.Err)
					}
					return aside(f)
				}
				cfg.Refused = func(r *kafka.Record) error {
					if r.Topic == topic && strings.Contains(string(r.Value), "b") {
						return errors.New("refused")
					}
					return nil
				}
			}, edges(appending)...)
			b.put(t, message("in", 5, "a"), message("in", 6, "b"), message("in", 7, "c"))
			b.seal(t, 3)
			if diff := cmp.Diff(b.outputs(t, "out"), []string{"k=a", "k=ac"}); diff != "" {
				t.Errorf("outputs (-got +want): %s", diff)
			}
			if diff := cmp.Diff(b.outputs(t, "dead"), []string{"k=b false"}); diff != "" {
				t.Errorf("dead letters (-got +want): %s", diff)
			}
		})
	}
}
