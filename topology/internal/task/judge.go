package task

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokavro/gokavro/topology/internal/backoff"
	"github.com/gokavro/gokavro/topology/internal/parking"
)

// Failure is a record that the group could not process. Of a hand-written one,
// whose callbacks cannot be wrapped, it is known when its processor has ended.
type Failure struct {
	// Message is the record as the group sees it.
	Message *sarama.ConsumerMessage
	Err     error
	// Decoding is whether Check has refused it.
	Decoding bool
	// Earlier is the record with the tries before those of this task, nil for one
	// that was read for the first time. Parked is whether it comes out of the lot.
	Earlier *parking.Entry
	Parked  bool
	spot    spot
	// Deferred is whether the group decides when its records are done: none may be
	// parked then, as later ones of its key may be in hand already.
	Deferred bool
}

// Verdict says what becomes of a record that failed.
type Verdict struct {
	// Again tries it again after Pause.
	Again bool
	Pause time.Duration
	// Outputs are written in the place of what the record did.
	Outputs []Output
	// Park is the record as it waits for another try until Due, nil for one that
	// does not. Cause is why.
	Park  *parking.Entry
	Due   time.Time
	Cause error
	// Err ends the run with the record undone.
	Err error
}

// counts tells how the verdict deals with its record. One that is parked behind
// others has not failed.
func (v Verdict) counts() Counts {
	switch {
	case v.Park != nil && v.Cause == nil:
		return Counts{}
	case v.Park != nil:
		return Counts{Parked: 1}
	case len(v.Outputs) > 0:
		return Counts{DeadLetters: 1}
	}
	return Counts{Skipped: 1}
}

// aside is a record that is not handed to the processor any more.
type aside struct {
	spot
	verdict Verdict
}

// judge takes in what ended a processor. It reports whether a record is to blame,
// after the pause before its next try; an error ends the task.
func (t *Task) judge(failed *handed, err error) (judged bool, fatal error) {
	_, broken := errors.AsType[*FatalError](err)
	if failed == nil || t.cfg.Judge == nil || broken {
		return false, nil
	}
	verdict := t.cfg.Judge(t.failure(failed, err))
	switch {
	case verdict.Err != nil:
		return true, &FatalError{Err: verdict.Err}
	case verdict.Again:
		backoff.Pause(t.soft, verdict.Pause)
	default:
		t.asides = append(t.asides, aside{failed.spot(), verdict})
	}
	return true, nil
}

func (t *Task) failure(h *handed, err error) Failure {
	return Failure{Message: h.shown, Err: err, Earlier: h.entry, Parked: h.queue != "", Deferred: t.inbox.isDeferred(), spot: h.spot()}
}

// IsOf reports whether another failure was of the same record.
func (f Failure) IsOf(other Failure) bool { return f.spot == other.spot }

// inHand returns the record that the processor failed at: the one that is blamed,
// or else the one that it began and did not finish. A callback that defers its
// commit may leave several; these are handed over one at a time then, until it
// shows. mu is held.
func (t *Task) inHand(blamed *Unit) *sarama.ConsumerMessage {
	if blamed != nil {
		return t.inbox.inHand(blamed.topic, blamed.offset)
	}
	var undone []*Unit
	for _, u := range t.pending {
		if !u.done {
			undone = append(undone, u)
		}
	}
	if len(undone) != 1 {
		t.single = len(undone)
		return nil
	}
	return t.inbox.inHand(undone[0].topic, undone[0].offset)
}

// admission is what becomes of a record before goka sees it.
type admission int

const (
	handOver admission = iota // goka gets it
	done                      // it was set aside
	end                       // the run ends
)

// admit looks at a record before goka sees it.
func (r *run) admit(ctx context.Context, h *handed) admission {
	isIt := func(a aside) bool { return a.spot == h.spot() }
	if i := slices.IndexFunc(r.task.asides, isIt); i >= 0 {
		admitted := r.replace(ctx, h, r.task.asides[i].verdict)
		if admitted == done {
			r.task.asides = slices.Delete(r.task.asides, i, i+1)
		}
		return admitted
	}
	if r.task.single > 0 {
		r.task.single--
		if !r.task.inbox.awaitFirst(ctx, h.message) {
			return end
		}
	}
	if next := r.standInLine(ctx, h); next != handOver {
		return next
	}
	return r.examine(ctx, h)
}

// examine has Check look at a record.
func (r *run) examine(ctx context.Context, h *handed) admission {
	for {
		err := h.fault
		if err == nil && r.task.cfg.Check != nil {
			err = r.task.cfg.Check(h.shown)
		}
		if err == nil {
			return handOver
		}
		// Its verdict may be the run's end: those before it come first.
		if !r.task.inbox.awaitFirst(ctx, h.message) {
			return end
		}
		if r.task.cfg.Judge == nil {
			r.note(err)
			r.stop()
			return end
		}
		failure := r.task.failure(h, err)
		failure.Decoding = true
		verdict := r.task.cfg.Judge(failure)
		switch {
		case verdict.Err != nil:
			r.note(&FatalError{Err: verdict.Err})
			r.stop()
			return end
		case !verdict.Again:
			return r.replace(ctx, h, verdict)
		case !backoff.Pause(r.task.soft, verdict.Pause):
			return end
		}
	}
}

// replace finishes a record with a verdict in the place of what it would have
// done, once all before it are done.
func (r *run) replace(ctx context.Context, h *handed, v Verdict) admission {
	m := h.message
	if !r.task.inbox.awaitFirst(ctx, m) {
		return end
	}
	unit := r.task.unit(m.Topic, m.Offset)
	unit.time = m.Timestamp
	if r.task.enter(r, unit) != nil {
		return end
	}
	if err := r.settleOrElse(&Context{run: r, unit: unit}, h, v); err != nil {
		return r.broken(err)
	}
	r.task.finish(r, m.Topic, m.Offset)
	return done
}

// settleOrElse settles a verdict, or another one where the record cannot be
// parked.
func (r *run) settleOrElse(c *Context, h *handed, v Verdict) error {
	err := r.settle(c, h, v)
	unfit, ok := errors.AsType[*parking.RefusedError](err)
	if !ok || r.task.cfg.Judge == nil {
		return err
	}
	failure := r.task.failure(h, unfit)
	if v.Cause != nil {
		failure.Err = fmt.Errorf("%w; %w", v.Cause, unfit)
	}
	if v = r.task.cfg.Judge(failure); v.Err != nil {
		return v.Err
	}
	return r.settle(c, h, v)
}
