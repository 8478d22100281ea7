package compile

import (
	"errors"
	"fmt"

	"github.com/gokavro/gokavro/processors"
	"github.com/gokavro/gokavro/topology/graph"
	"github.com/gokavro/gokavro/topology/internal/backoff"
	"github.com/gokavro/gokavro/topology/internal/letter"
	"github.com/gokavro/gokavro/topology/internal/task"
	"github.com/gokavro/gokavro/topology/kafka"
)

// again waits before the next try of a record that has failed, and reports
// whether there is to be one. A stop ends the wait.
func (t *trial) again(err error) bool {
	pause, ok := t.tries.Again(inPlace(t.record, t.policy(err).Retry))
	if !ok || !t.curable(err) {
		return false
	}
	t.program.Retries.Add(1)
	t.program.loud.Warn(t.program.Log, "trying a record again", t.at("attempt", t.tries.Failed(), "retry_in", pause, "err", letter.OneLine(err.Error()))...)
	return backoff.Pause(t.record.Stopping(), pause)
}

// curable reports whether another try may succeed: a step has failed, and does
// not say that it will again.
func (t *trial) curable(err error) bool {
	step, ok := errors.AsType[*graph.StepError](err)
	return ok && step.Kind == graph.Step && !processors.IsPermanent(err)
}

func (t *trial) policy(err error) graph.Policy {
	return t.program.Graph.Policy(t.node.Name, t.step(err))
}

// step returns where a record has failed.
func (t *trial) step(err error) string {
	if step, ok := errors.AsType[*graph.StepError](err); ok {
		return step.Node
	}
	return t.node.Name
}

// giveUp does with a record what the policy says of where it failed.
func (t *trial) giveUp(err error) {
	p, r := t.program, t.record
	r.Forget()
	if t.curable(err) {
		parked, unfit := p.park(r, t.policy(err).Retry, t.tries.Failed())
		if parked {
			return
		}
		if unfit != nil {
			err = fmt.Errorf("%w; %w", err, unfit)
		}
	}
	f := letter.Failure{Message: r.Message(), Step: t.step(err), Err: err, Attempts: earlier(r) + t.tries.Failed()}
	if broken, ok := errors.AsType[*graph.PanicError](err); ok {
		p.Log.Debug("a panic", t.at("stack", string(broken.Stack))...)
	}
	switch t.policy(err).Action {
	case graph.Fail:
		p.stop(r, f.Fatal())
	case graph.Skip:
		r.Count(task.Counts{Skipped: 1})
		p.loud.Warn(p.Log, "skipped a record", t.at("step", f.Step, "err", letter.OneLine(err.Error()))...)
	default:
		t.bury(f)
	}
}

// bury keeps the record as a dead letter.
func (t *trial) bury(f letter.Failure) {
	p := t.program
	out, err := p.letter(f)
	if err != nil {
		p.stop(t.record, fmt.Errorf("%w; the record's fault was: %s", err, letter.OneLine(f.Err.Error())))
		return
	}
	t.record.Count(task.Counts{DeadLetters: 1})
	p.loud.Warn(p.Log, "kept as a dead letter", t.at("step", f.Step, "err", letter.OneLine(f.Err.Error()))...)
	t.record.Stage(out)
}

// letter returns the dead letter of a failure, or why it cannot be kept.
func (p *Program) letter(f letter.Failure) (task.Output, error) {
	out, err := p.Letters.Output(f)
	if err == nil {
		err = p.Refusals.Check(&kafka.Record{Topic: out.Topic, Key: []byte(out.Key), Value: out.Value, Time: out.Time})
	}
	if err != nil {
		return out, fmt.Errorf("%w: see to the topic of the dead letters, or give the input topology.OnError(topology.Skip)", err)
	}
	return out, nil
}
