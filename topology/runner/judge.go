package runner

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gokavro/gokavro/codecs"
	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/codecs/registry"
	"github.com/gokavro/gokavro/processors"
	"github.com/gokavro/gokavro/processors/dlq"
	"github.com/gokavro/gokavro/topology/graph"
	"github.com/gokavro/gokavro/topology/internal/backoff"
	"github.com/gokavro/gokavro/topology/internal/letter"
	"github.com/gokavro/gokavro/topology/internal/parking"
	"github.com/gokavro/gokavro/topology/internal/refusal"
	"github.com/gokavro/gokavro/topology/internal/task"
	"github.com/gokavro/gokavro/topology/kafka"
)

// OnError sets what becomes of records of inputs that the group cannot process:
// that their codec does not decode, that their callback fails or panics at, or
// whose outputs a broker refuses. Without topics it is for all inputs that have
// none of their own. Default: the dead letters, without another try. Records that
// the policy's Retry.Topic parks wait in the table GROUP-parked, which is created;
// a group that calls DeferCommit parks none.
func OnError(p graph.Policy, topics ...string) GroupOption {
	return func(g *Group) {
		if len(topics) == 0 {
			topics = []string{allInputs}
		}
		for _, topic := range topics {
			g.policies[topic] = p
		}
	}
}

// allInputs stands for every input in a group's policies.
const allInputs = ""

// policy is that of a topic, complete.
func (g *Group) policy(topic string) graph.Policy {
	p, own := g.policies[topic]
	switch {
	case own:
	case slices.Contains(g.inputs(), topic):
		p = g.policies[allInputs]
	default:
		p = graph.Policy{} // a replayed record, or a parked one, of an input that was there once
	}
	if p.Action == "" {
		p.Action = graph.DeadLetter
	}
	return p
}

// checkPolicies returns what is wrong with the options of [OnError].
func (g *Group) checkPolicies() error {
	inputs := g.inputs()
	known := map[string]bool{allInputs: true}
	for _, topic := range inputs {
		known[topic] = true
	}
	var faults []string
	for topic, p := range g.policies {
		if !known[topic] {
			faults = append(faults, fmt.Sprintf("topic %q is no input of the group: name one of %s", topic, strings.Join(inputs, ", ")))
		}
		if p.Retry.Topic && g.uses(g.names().Parked()) {
			faults = append(faults, fmt.Sprintf("topic %s is for parked records, and the group has another use for it: leave the retry topic out", g.names().Parked()))
		}
		faults = append(faults, p.Faults()...)
	}
	if len(faults) == 0 {
		return nil
	}
	return fmt.Errorf("goka group %s: OnError: %s", g.graph.Group(), strings.Join(faults, "; "))
}

// deadLetters is the topic of the group's dead letters.
func (g *Group) deadLetters() string { return g.names().DeadLetters() }

// buries reports whether any input's records may become dead letters.
func (g *Group) buries() bool {
	return slices.ContainsFunc(g.inputs(), func(topic string) bool { return g.policy(topic).Action == graph.DeadLetter })
}

// letterWriter makes the group's dead letters: in the format of the registry,
// where there is one, or else in single-object encoding.
func (g *Group) letterWriter(ctx context.Context) (*letter.Writer, error) {
	w := &letter.Writer{Topic: g.deadLetters(), Version: letter.BinaryVersion()}
	if len(g.cfg.Registry) == 0 {
		w.Codec = lettersCodec(avro.Format(avro.SingleObject))
		return w, nil
	}
	client, err := registry.New(g.cfg.registry())
	if err != nil {
		return nil, err
	}
	bound := lettersCodec().Bind(avro.Binding{Registry: client, Topic: w.Topic, AutoRegister: true})
	w.Codec, _ = bound.(codecs.Codec[dlq.Letter])
	if c, ok := bound.(preparer); ok && g.buries() {
		err = c.Prepare(ctx)
	}
	return w, err
}

// judge says for one partition what becomes of records that fail. It is for one
// goroutine.
type judge struct {
	group   *Group
	letters *letter.Writer

	last  task.Failure // the one before
	tries backoff.Tries
	away  backoff.Backoff
}

func (g *Group) judge(letters *letter.Writer) func(task.Failure) task.Verdict {
	return (&judge{group: g, letters: letters}).verdict
}

func (j *judge) verdict(f task.Failure) task.Verdict {
	m := f.Message
	if !f.IsOf(j.last) {
		j.away = backoff.Backoff{}
	}
	if !f.IsOf(j.last) || f.Parked { // what is parked has its tries with it
		j.tries = backoff.Tries{}
	}
	j.last = f
	at := []any{"topic", m.Topic, "partition", m.Partition, "offset", m.Offset, "err", letter.OneLine(f.Err.Error())}
	if _, away := errors.AsType[*registry.UnavailableError](f.Err); away {
		pause := j.away.Take()
		j.group.cfg.Logger.Warn("waiting for the schema registry", append(at, "retry_in", pause)...)
		return task.Verdict{Again: true, Pause: pause}
	}
	retry := j.group.policy(m.Topic).Retry
	if f.Parked {
		retry.Attempts, retry.Budget = 1, 0 // while others wait
	}
	pause, ok := j.tries.Again(retry)
	if ok && curable(f) {
		j.group.stats.retries.Add(1)
		j.group.loud.Warn(j.group.cfg.Logger, "trying a record again", append(at, "attempt", j.tries.Failed(), "retry_in", pause)...)
		return task.Verdict{Again: true, Pause: pause}
	}
	if parked, ok := j.park(f); ok {
		return parked
	}
	return j.giveUp(letter.Failure{Message: m, Step: m.Topic, Err: f.Err, Attempts: j.tries.Failed() + earlier(f)}, at)
}

// park lets a record wait for another try, if it is to have one.
func (j *judge) park(f task.Failure) (task.Verdict, bool) {
	if !curable(f) || f.Deferred {
		return task.Verdict{}, false
	}
	e := f.Earlier
	if e == nil {
		e = parking.NewEntry(f.Message)
	}
	next, due := e.Next(j.group.policy(f.Message.Topic).Retry, j.tries.Failed(), f.Parked, time.Now())
	if next == nil {
		return task.Verdict{}, false
	}
	return task.Verdict{Park: next, Due: due, Cause: f.Err}, true
}

// earlier is how often a record was tried before this task had it in hand.
func earlier(f task.Failure) int {
	if f.Earlier == nil {
		return 0
	}
	return int(f.Earlier.Attempts)
}

// curable reports whether another try may succeed: not of what a broker refuses,
// be it an output or the record as it is parked.
func curable(f task.Failure) bool {
	_, refused := errors.AsType[*refusal.Error](f.Err)
	return !f.Decoding && !refused && !processors.IsPermanent(f.Err)
}

func (j *judge) giveUp(f letter.Failure, at []any) task.Verdict {
	g := j.group
	switch g.policy(f.Message.Topic).Action {
	case graph.Fail:
		return task.Verdict{Err: f.Fatal()}
	case graph.Skip:
		g.loud.Warn(g.cfg.Logger, "skipped a record", at...)
		return task.Verdict{}
	}
	out, err := j.letters.Output(f)
	if err == nil {
		err = g.refusals.Check(&kafka.Record{Topic: out.Topic, Key: []byte(out.Key), Value: out.Value, Time: out.Time})
	}
	if err != nil {
		return task.Verdict{Err: fmt.Errorf("%w: see to the topic of the dead letters, or give the input another action on errors", err)}
	}
	g.loud.Warn(g.cfg.Logger, "kept as a dead letter", at...)
	return task.Verdict{Outputs: []task.Output{out}}
}

// aside does what the input's policy says with a record that the process has died
// of so often, and returns what is written for it.
func (g *Group) aside(letters *letter.Writer) func(task.Killed) ([]task.Output, error) {
	return func(k task.Killed) ([]task.Output, error) {
		j, m := &judge{group: g, letters: letters}, k.Message
		f := letter.Killed(k, m.Topic)
		verdict := j.giveUp(f, []any{"topic", m.Topic, "partition", m.Partition, "offset", m.Offset, "err", f.Err})
		return verdict.Outputs, verdict.Err
	}
}
