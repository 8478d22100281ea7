package compile

import (
	"errors"
	"fmt"

	"github.com/lovoo/goka"

	"github.com/gokavro/gokavro/codecs"
	"github.com/gokavro/gokavro/codecs/registry"
	"github.com/gokavro/gokavro/processors/dlq"
	"github.com/gokavro/gokavro/topology/graph"
	"github.com/gokavro/gokavro/topology/internal/backend"
	"github.com/gokavro/gokavro/topology/internal/backoff"
)

// callback returns what goka calls for each record of an input.
func (p *Program) callback(node graph.Node) goka.ProcessCallback {
	return func(ctx goka.Context, msg any) {
		in, ok := msg.(*input)
		if !ok {
			p.stop(ctx, fmt.Errorf("input %s: goka handed over a %T", node.Name, msg))
			return
		}
		p.Counters.In.Add(1)
		if codec, ok := p.Codecs[node.Name].(codecs.HeaderCodec); ok {
			in.decode(codec, ctx.Headers())
		}
		x, err := p.try(ctx, node, in)
		var broken *storeError
		switch {
		case err == nil:
			x.apply()
		case ctx.Context().Err() != nil:
			// The record stays unmarked, and its next owner takes it again.
			ctx.DeferCommit()(backend.ErrAbandoned)
		case errors.As(err, &broken):
			p.stop(ctx, fmt.Errorf("record %s/%d at offset %d: %w", ctx.Topic(), ctx.Partition(), ctx.Offset(), err))
		default:
			p.bury(ctx, node, in, err)
		}
	}
}

// try runs the steps until they succeed or fail for good. Only a registry that
// does not answer is waited for.
func (p *Program) try(ctx goka.Context, node graph.Node, in *input) (*exec, error) {
	var wait backoff.Backoff
	for {
		x := p.exec(ctx)
		err := x.run(node, in)
		var away *registry.UnavailableError
		if err == nil || !errors.As(err, &away) {
			return x, err
		}
		p.Log.Warn("waiting for the schema registry", "topic", x.meta.Topic, "partition", x.meta.Partition,
			"offset", x.meta.Offset, "retry_in", wait.Next(), "err", err)
		if err := wait.Wait(ctx.Context()); err != nil {
			return nil, err
		}
		in.decode(p.Codecs[node.Name], ctx.Headers())
	}
}

func (p *Program) exec(ctx goka.Context) *exec {
	return &exec{program: p, ctx: ctx, meta: graph.Meta{
		Topic: string(ctx.Topic()), Partition: ctx.Partition(), Offset: ctx.Offset(), Key: ctx.Key(), Time: ctx.Timestamp(),
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

// stop ends the processor, leaving the record unmarked.
func (p *Program) stop(ctx goka.Context, err error) {
	p.Fail(err)
	ctx.DeferCommit()(err)
}

// bury keeps a record that cannot be processed as a dead letter.
func (p *Program) bury(ctx goka.Context, node graph.Node, in *input, cause error) {
	letter := p.letter(ctx, node, in, cause)
	data, err := p.Letters.Append(nil, &letter)
	if err != nil {
		p.stop(ctx, fmt.Errorf("keeping record %s/%d at offset %d as a dead letter: %w", ctx.Topic(), ctx.Partition(), ctx.Offset(), err))
		return
	}
	p.Counters.DeadLetters.Add(1)
	p.Log.Warn("kept as a dead letter", "topic", letter.Topic, "partition", letter.Partition, "offset", letter.Offset, "err", letter.Error)
	headers := backend.Carry(letter.Time, -1)
	ctx.Emit(p.stream(p.Graph.DeadLetters()), ctx.Key(), data, goka.WithCtxEmitHeaders(headers))
}

func (p *Program) letter(ctx goka.Context, node graph.Node, in *input, cause error) dlq.Letter {
	letter := dlq.Letter{
		Topic: string(ctx.Topic()), Partition: ctx.Partition(), Offset: ctx.Offset(), Time: ctx.Timestamp(),
		Key: []byte(ctx.Key()), Headers: []dlq.Header{}, Step: node.Name, Error: oneLine(cause.Error()),
	}
	if in.raw != nil {
		letter.Value = &in.raw
	}
	for key, value := range ctx.Headers() {
		letter.Headers = append(letter.Headers, dlq.Header{Key: key, Value: value})
	}
	return letter
}
