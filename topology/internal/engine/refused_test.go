package engine_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/IBM/sarama"

	"github.com/gokavro/gokavro/topology/internal/engine"
	"github.com/gokavro/gokavro/topology/internal/txn"
)

// refusing is a commit that the broker refuses because of its first record.
func refusing(_ context.Context, _ txn.Committer, b txn.Batch) error {
	return &txn.RefusedError{Record: b.Records[0], Alone: true, Err: sarama.ErrMessageSizeTooLarge}
}

func TestWorkStartsOverWithoutWhatABrokerRefuses(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var left, told atomic.Int32
	left.Store(2)
	b.commit = func(c txn.Committer) txn.Committer { return &faulty{c, &left, refusing} }
	b.edit = func(cfg *engine.Config) {
		cfg.Refused = func(r *txn.RefusedError) error {
			if told.Add(1); r.Record.Topic == "" {
				t.Errorf("got %v, want the record", r)
			}
			return nil
		}
	}
	r := b.run(t)
	for round := range 3 {
		b.write(t, round*20, 20)
		b.await(t, (round+1)*20*partitions)
	}
	r.stop(t)
	if told.Load() != 1 {
		t.Errorf("got %d refusals, want 1", told.Load())
	}
	b.checkExact(t, 60)
}

func TestARefusalThatNobodyKnowsHowToMeetEndsTheRun(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]func(*engine.Config){
		"nobody is told": nil,
		"it is final": func(cfg *engine.Config) {
			cfg.Refused = func(r *txn.RefusedError) error { return errors.Join(errors.New("for ever"), r) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			var left atomic.Int32
			left.Store(1)
			b.commit = func(c txn.Committer) txn.Committer { return &faulty{c, &left, refusing} }
			b.edit = edit
			b.write(t, 0, 1)
			err := b.run(t).wait(t)
			if err == nil || !strings.Contains(err.Error(), "topic out") && !strings.Contains(err.Error(), "topic g-table") {
				t.Errorf("got %v, want the refusal", err)
			}
		})
	}
}
