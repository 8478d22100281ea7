package compile

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/lovoo/goka"

	"github.com/gokavro/gokavro/codecs"
	"github.com/gokavro/gokavro/codecs/registry"
	"github.com/gokavro/gokavro/processors/dlq"
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
	// Scan yields the rows of a part of a table.
	Scan(table, from, to string) iter.Seq2[store.Row, error]
	// SetAlarm has the callback of alarms called at a time.
	SetAlarm(at time.Time)
}

// callback returns what goka calls for each record of an input.
func (p *Program) callback(node graph.Node) goka.ProcessCallback {
	return func(ctx goka.Context, msg any) {
		r, in := ctx.(record), msg.(*input)
		p.Counters.In.Add(1)
		if !p.waits(r, in) {
			p.process(r, node, in)
		}
	}
}

// process takes a record in hand until it is done, parked or set aside.
func (p *Program) process(r record, node graph.Node, in *input) {
	if codec, ok := p.Codecs[node.Name].(codecs.HeaderCodec); ok {
		in.decode(codec, r.Headers())
	}
	x, err := p.try(r, node, in)
	var broken *storeError
	switch {
	case err == nil:
		x.apply()
	case r.Stopping().Err() != nil:
		// The record stays undone, and its next owner takes it again.
		r.Fail(task.ErrAbandoned)
	case errors.As(err, &broken):
		p.broken(r, err)
	case p.park(r, in, p.retry(node, in, err), 1):
	default:
		p.bury(r, node, in, err)
	}
}

// retry returns how a record that failed is tried again.
func (p *Program) retry(node graph.Node, in *input, cause error) graph.Retry {
	step, ok := errors.AsType[*graph.StepError](cause)
	if in.err != nil || !ok {
		return graph.Retry{}
	}
	return p.Graph.Policy(node.Name, step.Node).Retry
}

// try runs the steps until they succeed or fail for good. Only a registry that
// does not answer is waited for.
func (p *Program) try(r record, node graph.Node, in *input) (*exec, error) {
	var wait backoff.Backoff
	for {
		x := p.exec(r)
		err := x.run(node, in)
		var away *registry.UnavailableError
		if err == nil || !errors.As(err, &away) {
			return x, err
		}
		p.Log.Warn("waiting for the schema registry", "topic", x.meta.Topic, "partition", x.meta.Partition,
			"offset", x.meta.Offset, "retry_in", wait.Next(), "err", err)
		if err := wait.Wait(r.Stopping()); err != nil {
			return nil, err
		}
		in.decode(p.Codecs[node.Name], r.Headers())
	}
}

func (p *Program) exec(r record) *exec {
	return &exec{program: p, record: r, meta: graph.Meta{
		Topic: string(r.Topic()), Partition: r.Partition(), Offset: r.Offset(), Key: r.Key(), Time: r.Timestamp(),
	}}
}

// run takes the record through the steps and encodes what they wrote. A panic
// in a step is an error of the record.
func (x *exec) run(node graph.Node, in *input) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("a step panicked: %v", r)
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

// bury keeps a record that cannot be processed as a dead letter.
func (p *Program) bury(r record, node graph.Node, in *input, cause error) {
	letter := p.letter(r, node, in, cause)
	data, err := p.Letters.Append(nil, &letter)
	if err != nil {
		p.stop(r, fmt.Errorf("keeping record %s/%d at offset %d as a dead letter: %w", r.Topic(), r.Partition(), r.Offset(), err))
		return
	}
	p.Counters.DeadLetters.Add(1)
	p.Log.Warn("kept as a dead letter", "topic", letter.Topic, "partition", letter.Partition, "offset", letter.Offset, "err", letter.Error)
	r.Stage(task.Output{Topic: p.Topic(p.Graph.DeadLetters()), Partition: -1, Key: r.Key(), Value: data, Time: letter.Time})
}

func (p *Program) letter(ctx record, node graph.Node, in *input, cause error) dlq.Letter {
	letter := dlq.Letter{
		Topic: string(ctx.Topic()), Partition: ctx.Partition(), Offset: ctx.Offset(), Time: ctx.Timestamp(),
		Headers: []dlq.Header{}, Step: node.Name, Error: oneLine(cause.Error()),
		Attempts: earlier(ctx) + 1, Position: dlq.Unknown, WriterSchema: dlq.Unknown, ReaderSchema: dlq.Unknown, FailedAt: time.Now(),
	}
	key := []byte(ctx.Key())
	letter.Key = &key
	if in.raw != nil {
		letter.Value = &in.raw
	}
	for key, value := range ctx.Headers() {
		letter.Headers = append(letter.Headers, dlq.Header{Key: key, Value: &value})
	}
	return letter
}
