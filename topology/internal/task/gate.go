package task

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokavro/gokavro/topology/internal/parking"
)

// Gate is what records go through after the start of a task, a batch after the
// other, until it is open. A batch goes in when all of the one before is
// processed.
type Gate interface {
	// Size returns how many records the next batch may have, 0 when the gate is
	// open. It blocks until that is known or ctx ends.
	Size(ctx context.Context) (int, error)
	// Enter blocks until the batch that begins with a record may be processed, or
	// ctx ends. With deaths, that record is set aside and not processed. A parked
	// record has no topic, and a number that stays the same in place of an offset.
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
		r.single.Store(size == 1)
		done := r.pass(ctx, to, batch)
		r.single.Store(false)
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
	suspect, err := r.suspect(batch[0])
	if err != nil {
		r.broken(err)
		return false
	}
	if suspect != nil {
		at := suspect.spot()
		if at.queue != "" {
			at.offset = suspect.number()
		}
		deaths, err := r.task.cfg.Gate.Enter(ctx, at.topic, at.offset)
		switch {
		case err != nil:
			return false
		case deaths > 0:
			return r.setAside(ctx, suspect, deaths)
		}
	}
	return r.hand(ctx, to, batch) && r.task.inbox.awaitIdle(ctx)
}

// suspect returns the record that a batch begins with, nil when that is an alarm
// and nothing is due.
func (r *run) suspect(first *sarama.ConsumerMessage) (h *handed, err error) {
	cfg := &r.task.cfg
	switch {
	case slices.Contains(cfg.Topics, first.Topic):
		return r.shown(first), nil
	case cfg.Alarm != "" && first.Topic == cfg.Alarm:
		h, err = r.head(first, 1)
		r.queues = nil // it is looked up again when it is handed over
	}
	return h, err
}

// number tells a parked record from others.
func (h *handed) number() int64 {
	sum := fnv.New64a()
	_, _ = fmt.Fprintf(sum, "%s\n%s\n%d\n%d", h.queue, h.entry.Topic, h.entry.Partition, h.entry.Offset)
	return int64(sum.Sum64() >> 1)
}

// Single reports whether records are taken one at a time, parked ones too: one of
// them may end the process.
func (c *Context) Single() bool { return c.run.single.Load() }

// Killed is a record that the process has died of.
type Killed struct {
	// Message is the record as the group sees it.
	Message *sarama.ConsumerMessage
	// Earlier is the record with its tries as far as they are known, nil for one that
	// was read for the first time.
	Earlier *parking.Entry
	// Deaths is how often.
	Deaths int
}

// errNoAside is the end of a run that has nowhere to set a record aside.
var errNoAside = errors.New("there is nowhere to set it aside: start a binary that can process it")

// setAside finishes a record without processing it, and reports whether that is
// possible. Nothing else of the task is in hand.
func (r *run) setAside(ctx context.Context, h *handed, deaths int) bool {
	var outputs []Output
	err := errNoAside
	if r.task.cfg.Aside != nil {
		outputs, err = r.task.cfg.Aside(Killed{Message: h.shown, Earlier: h.entry, Deaths: deaths})
	}
	if err != nil {
		r.broken(fmt.Errorf("record %s/%d at offset %d: processing it killed the process %d times: %w",
			h.shown.Topic, h.shown.Partition, h.shown.Offset, deaths, err))
		return false
	}
	if h.queue != "" {
		defer r.task.inbox.wakeAt(time.Now()) // the alarm has rung for others too
	}
	return r.replace(ctx, h, Verdict{Outputs: outputs}) == done
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
