package compile

import (
	"context"
	"errors"
	"iter"
	"runtime/debug"
	"time"

	"github.com/IBM/sarama"
	"github.com/lovoo/goka"

	"github.com/gokavro/gokavro/codecs"
	"github.com/gokavro/gokavro/codecs/registry"
	"github.com/gokavro/gokavro/topology/graph"
	"github.com/gokavro/gokavro/topology/internal/backoff"
	"github.com/gokavro/gokavro/topology/internal/store"
	"github.com/gokavro/gokavro/topology/internal/task"
)

// record is what a task gives a callback: a *task.Context.
type record interface {
	goka.Context
	// Stopping ends when the task is to stop.
	Stopping() context.Context
	// Row returns a store's row for key: bytes, or its value where that is known.
	Row(table, key string) (row []byte, value any, err error)
	// SetRow stages a row; nil bytes delete it.
	SetRow(table, key string, row []byte, value any)
	// Stage adds a record to what this one writes.
	Stage(task.Output)
	// Count notes how this record was dealt with.
	Count(task.Counts)
	// Forget gives up the rows that were taken so far.
	Forget()
	// Scan yields the rows of a part of a table.
	Scan(table, from, to string) iter.Seq2[store.Row, error]
	// Single reports whether parked records are to be taken one at a time.
	Single() bool
	// SetAlarm has the callback of alarms called at a time.
	SetAlarm(at time.Time)
	// Message returns the record as it was read.
	Message() *sarama.ConsumerMessage
}

// callback returns what goka calls for each record of an input.
func (p *Program) callback(node graph.Node) goka.ProcessCallback {
	return func(ctx goka.Context, msg any) {
		r, in := ctx.(record), msg.(*input)
		if !p.waits(r, node) {
			p.process(r, node, in)
		}
	}
}

// process takes a record through the steps, until it is done, parked or set aside.
func (p *Program) process(r record, node graph.Node, in *input) {
	if codec, ok := p.Codecs[node.Name].(codecs.HeaderCodec); ok {
		in.decode(codec, r.Headers())
	}
	t := &trial{program: p, record: r, node: node, in: in}
	x, err := t.run()
	var broken *storeError
	switch {
	case err == nil:
		x.apply()
	case r.Stopping().Err() != nil:
		// The record stays undone, and its next owner takes it again.
		r.Fail(task.ErrAbandoned)
	case errors.As(err, &broken):
		p.broken(r, err)
	default:
		t.giveUp(err)
	}
}

// trial is one record on its way through the steps.
type trial struct {
	program *Program
	record  record
	node    graph.Node // the input
	in      *input
	tries   backoff.Tries
	away    backoff.Backoff // of the registry
	waited  bool            // for the registry
}

// registryAway is what a trouble is about.
const registryAway = "waiting for the schema registry"

// run takes the record through the steps until they succeed or it is to be given
// up. A registry that does not answer is waited for.
func (t *trial) run() (*exec, error) {
	defer func() {
		if t.waited {
			t.program.Board.Clear(registryAway)
		}
	}()
	t.tries.Begin()
	for {
		x := t.program.exec(t.record)
		err := x.run(t.node, t.in)
		if err == nil || t.record.Stopping().Err() != nil {
			return x, err
		}
		if away, ok := errors.AsType[*registry.UnavailableError](err); ok {
			err = t.await(away)
		} else if t.again(err) {
			err = nil
		}
		if err != nil {
			return nil, err
		}
		t.record.Forget()
		t.in.decode(t.program.Codecs[t.node.Name], t.record.Headers())
	}
}

// await waits before the registry is asked again.
func (t *trial) await(away *registry.UnavailableError) error {
	t.waited = true
	t.program.Board.Set(registryAway, away)
	t.program.Log.Warn("waiting for the schema registry", t.at("retry_in", t.away.Next(), "err", away)...)
	return t.away.Wait(t.record.Stopping())
}

// at returns the attributes of a log line about the record.
func (t *trial) at(more ...any) []any {
	return append([]any{"topic", string(t.record.Topic()), "partition", t.record.Partition(), "offset", t.record.Offset()}, more...)
}

func (p *Program) exec(r record) *exec {
	return &exec{program: p, record: r, meta: graph.Meta{
		Topic: string(r.Topic()), Partition: r.Partition(), Offset: r.Offset(), Key: r.Key(), Time: r.Timestamp(),
	}}
}

// run takes the record through the steps and encodes what they wrote. A panic
// that no step's is, such as one of a table's codec, is an error of the record.
func (x *exec) run(node graph.Node, in *input) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &graph.PanicError{Value: r, Stack: debug.Stack()}
		}
	}()
	if in.err != nil {
		return in.err
	}
	if err := node.Handle(x, in.value); err != nil {
		return err
	}
	return x.encode()
}

// stop ends the whole run, leaving the record undone.
func (p *Program) stop(r record, err error) { r.Fail(&task.FatalError{Err: err}) }
