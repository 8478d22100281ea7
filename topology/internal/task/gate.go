package task

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/IBM/sarama"
)

// Gate is what records go through after the start of a task, a batch after the
// other, until it is open. A batch goes in when all of the one before is
// processed.
type Gate interface {
	// Size returns how many records the next batch may have, 0 when the gate is
	// open. It blocks until that is known or ctx ends.
	Size(ctx context.Context) (int, error)
	// Enter blocks until the batch that begins with a record may be processed, or
	// ctx ends. With deaths, that record is set aside and not processed.
	Enter(ctx context.Context, topic string, offset int64) (deaths int, err error)
	// Leave ends a batch; done says that all of it is processed.
	Leave(done bool)
	// Open opens the gate for good.
	Open()
}

// passGate hands records over through the gate until that is open, and reports
// false when ctx ends before.
func (r *run) passGate(ctx context.Context, to chan<- *sarama.ConsumerMessage) bool {
	gate := r.task.cfg.Gate
	if gate == nil {
		return true
	}
	for {
		size, err := gate.Size(ctx)
		if err != nil || size == 0 {
			return err == nil
		}
		batch, err := r.task.inbox.next(ctx, size)
		if err != nil {
			return false
		}
		done := r.pass(ctx, to, batch)
		gate.Leave(done)
		if r.task.inbox.isDeferred() {
			// A record may never be done before others come.
			gate.Open()
			return ctx.Err() == nil
		}
		if !done {
			return false
		}
	}
}

// pass takes a batch through the gate, and reports whether all of it is
// processed.
func (r *run) pass(ctx context.Context, to chan<- *sarama.ConsumerMessage, batch []*sarama.ConsumerMessage) bool {
	first := batch[0]
	// Only what comes from the group's topics has a place there to tell of.
	if slices.Contains(r.task.cfg.Topics, first.Topic) {
		deaths, err := r.task.cfg.Gate.Enter(ctx, first.Topic, first.Offset)
		switch {
		case err != nil:
			return false
		case deaths > 0:
			return r.setAside(ctx, first, deaths)
		}
	}
	return r.hand(ctx, to, batch) && r.task.inbox.awaitIdle(ctx)
}

// errNoAside is the end of a run that has nowhere to set a record aside.
var errNoAside = errors.New("there is nowhere to set it aside: start a binary that can process it")

// setAside finishes a record without processing it, and reports whether that is
// possible. Nothing else of the task is in hand.
func (r *run) setAside(ctx context.Context, message *sarama.ConsumerMessage, deaths int) bool {
	var outputs []Output
	err := errNoAside
	if r.task.cfg.Aside != nil {
		outputs, err = r.task.cfg.Aside(message, deaths)
	}
	if err != nil {
		r.note(&FatalError{fmt.Errorf("record %s/%d at offset %d: processing it killed the process %d times: %w",
			message.Topic, message.Partition, message.Offset, deaths, err)})
		r.stop()
		return false
	}
	return r.replace(ctx, &handed{message: message, shown: message}, Verdict{Outputs: outputs}) == done
}

// DeferCommit keeps the record from being done until the function that it returns
// is called, as goka does.
func (c *Context) DeferCommit() func(error) {
	b := c.run.task.inbox
	b.mu.Lock()
	b.deferred = true
	b.wake()
	b.mu.Unlock()
	return c.gokaContext.DeferCommit()
}

func (b *inbox) isDeferred() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.deferred
}

// awaitIdle waits until all that was handed over is done, and reports false when
// ctx ends before, or the group decides when records are done.
func (b *inbox) awaitIdle(ctx context.Context) bool {
	for {
		b.mu.Lock()
		idle := len(b.flight) == 0
		b.watched = !idle
		deferred, changed := b.deferred, b.changed
		b.mu.Unlock()
		if idle || deferred {
			return idle
		}
		if pause(ctx, changed, 0) != nil {
			return false
		}
	}
}

// Hold keeps the task from beginning records, and waits until the one in hand is
// done, ctx ends or the task.
func (t *Task) Hold(ctx context.Context) {
	for {
		t.mu.Lock()
		t.held = true
		idle, room := len(t.pending) == 0, t.room
		t.mu.Unlock()
		if idle {
			return
		}
		select {
		case <-room:
		case <-ctx.Done():
			return
		case <-t.soft.Done():
			return
		}
	}
}

// Resume ends a Hold.
func (t *Task) Resume() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.held = false
	t.makeRoom()
}
