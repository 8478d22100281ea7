package task

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokavro/gokavro/topology/internal/parking"
	"github.com/gokavro/gokavro/topology/internal/store"
)

// handed is a record on its way to goka. A hand-written group knows nothing of
// retries: it is given what was read before as a record of the input that this
// was read from first, while the task accounts for where it comes from now.
type handed struct {
	message *sarama.ConsumerMessage // as the inbox has it
	shown   *sarama.ConsumerMessage // as the group sees it
	entry   *parking.Entry          // of one that was read before, nil for others
	queue   string                  // the one that it is the first of, "" for one that is not parked
	fault   error                   // why it cannot be shown
}

// spot names a record as long as it is not done, also when it is taken in hand
// again.
type spot struct {
	topic  string
	offset int64
	queue  string
}

func (h *handed) spot() spot {
	if h.queue != "" {
		return spot{queue: h.queue}
	}
	return spot{topic: h.message.Topic, offset: h.message.Offset}
}

// waiting returns the record as it is parked.
func (h *handed) waiting() *parking.Entry {
	if h.entry != nil {
		return h.entry
	}
	return parking.NewEntry(h.shown)
}

// lane is the queue of the record's key.
func (h *handed) lane() string {
	return parking.Queue(string(h.shown.Key), h.shown.Topic, h.shown.Offset)
}

// show returns a record of the inbox as the group is to see it. Without one, for
// an alarm when nothing is due, it says what is next.
func (r *run) show(ctx context.Context, message *sarama.ConsumerMessage) (*handed, admission) {
	if cfg := &r.task.cfg; cfg.HandWritten && cfg.Alarm != "" && message.Topic == cfg.Alarm {
		return r.due(ctx, message)
	}
	return r.shown(message), handOver
}

// shown is show for a record of a topic.
func (r *run) shown(message *sarama.ConsumerMessage) *handed {
	h := &handed{message: message, shown: message}
	if cfg := &r.task.cfg; !cfg.HandWritten || cfg.Retry == "" || message.Topic != cfg.Retry {
		return h
	}
	if h.entry, h.fault = parking.Replayed(message); h.fault == nil {
		h.shown = h.entry.Message()
	}
	return h
}

// dueAtOnce bounds the queues that are looked up at once.
const dueAtOnce = 100

// due returns the parked record that is due first, when all before the alarm is
// done.
func (r *run) due(ctx context.Context, alarm *sarama.ConsumerMessage) (*handed, admission) {
	if !r.task.inbox.awaitFirst(ctx, alarm) {
		return nil, end
	}
	h, err := r.head(alarm, dueAtOnce)
	if err != nil {
		return nil, r.broken(err)
	}
	if h == nil {
		r.task.inbox.done(alarm.Topic, alarm.Offset)
		return nil, done
	}
	r.queues = r.queues[1:]
	// Of the times that are set only the earliest is kept: the one that comes after
	// those that are due is looked up behind them.
	r.task.inbox.wakeAt(time.Now())
	return h, handOver
}

// head returns the first record of the queue that is due first, nil when none
// is. It looks up so many queues. Nothing of the task is in hand.
func (r *run) head(alarm *sarama.ConsumerMessage, most int) (h *handed, err error) {
	lot := r.task.cfg.Lot
	if lot == nil {
		return nil, nil
	}
	if len(r.queues) == 0 {
		if r.queues, err = lot.Due(reader{r.task}, time.Now(), most); err != nil || len(r.queues) == 0 {
			return nil, err
		}
	}
	e, err := lot.First(reader{r.task}, r.queues[0])
	if err == nil && e == nil {
		err = fmt.Errorf("queue %q of the parked records is due and empty", r.queues[0])
	}
	if err != nil {
		return nil, err
	}
	return &handed{message: alarm, shown: e.Message(), entry: e, queue: r.queues[0]}, nil
}

// broken ends the run over a fault of the state.
func (r *run) broken(err error) admission {
	r.note(&FatalError{err})
	r.stop()
	return end
}

// standInLine parks a record behind the parked ones of its key, if there are any.
func (r *run) standInLine(ctx context.Context, h *handed) admission {
	lot := r.task.cfg.Lot
	if lot == nil || !r.task.cfg.HandWritten || h.queue != "" || len(h.shown.Key) == 0 || h.shown.Value == nil {
		return handOver
	}
	held, err := lot.Holds(reader{r.task}, h.lane())
	if err == nil && held {
		// What is in hand may be the last one of the queue.
		if !r.task.inbox.awaitFirst(ctx, h.message) {
			return end
		}
		held, err = lot.Holds(reader{r.task}, h.lane())
	}
	switch {
	case err != nil:
		return r.broken(err)
	case !held:
		return handOver
	}
	return r.replace(ctx, h, Verdict{Park: h.waiting(), Due: time.Now()})
}

// settle writes what a verdict says in the place of what a record did.
func (r *run) settle(c *Context, h *handed, v Verdict) error {
	for _, o := range v.Outputs {
		c.Stage(o)
	}
	if err := r.queue(c, h, v); err != nil {
		return err
	}
	c.Count(v.counts())
	return nil
}

// queue changes the queues of parked records as a verdict says.
func (r *run) queue(c *Context, h *handed, v Verdict) error {
	lot := r.task.cfg.Lot
	switch {
	case v.Park != nil && h.queue != "":
		return lot.Again(c, h.queue, v.Park, v.Due)
	case v.Park != nil:
		return lot.Park(c, h.lane(), v.Park, v.Due)
	case h.queue != "":
		return lot.Done(c, h.queue, time.Now())
	}
	return nil
}

// disguised returns what goka is given for a record. One that was read before has
// an offset that no other record of its topic can have, by which it is known when
// goka comes back with it.
func (r *run) disguised(h *handed) *sarama.ConsumerMessage {
	if h.entry == nil {
		return h.shown
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	message := *h.shown
	message.Offset = noOffset - 1 - int64(r.masks)
	r.masks++
	r.masked[message.Offset] = h
	return &message
}

// unmask returns the record that goka knows by an offset of disguised, nil for
// another offset or one that is forgotten.
func (r *run) unmask(offset int64) *handed {
	if offset >= noOffset {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.masked[offset]
}

// forget is told of a record that is done.
func (r *run) forget(offset int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.masked, offset)
}

// handedFor returns a record of the inbox that is not done as it was handed over,
// nil for none.
func (r *run) handedFor(message *sarama.ConsumerMessage) *handed {
	if message == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, h := range r.masked {
		if h.message == message {
			return h
		}
	}
	return r.shown(message)
}

// reader reads tables for the goroutine that hands over: as they are with all
// units that are handed over.
type reader struct{ task *Task }

// Row returns a row, nil when there is none.
func (v reader) Row(table, key string) (row []byte, value any, err error) {
	row, _, err = v.task.state.DB.Table(table).Get(key)
	if err != nil {
		err = unreadable(table, key, err)
	}
	return row, nil, err
}

// Scan yields the rows of [from,to).
func (v reader) Scan(table, from, to string) iter.Seq2[store.Row, error] {
	return v.task.state.DB.Table(table).Range(from, to)
}

// SetAlarm lets the alarm ring at a time.
func (v reader) SetAlarm(at time.Time) { v.task.inbox.wakeAt(at) }

func (b *inbox) wakeAt(at time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.alarm.set(at)
	b.wake()
}
