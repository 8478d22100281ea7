package task

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokavro/gokavro/topology/internal/backoff"
)

// Failure is a record that the group could not process. Of a hand-written one,
// whose callbacks cannot be wrapped, it is known when its processor has ended.
type Failure struct {
	Message *sarama.ConsumerMessage
	Err     error
	// Decoding is whether Check has refused it.
	Decoding bool
}

// Verdict says what becomes of a record that failed.
type Verdict struct {
	// Again tries it again after Pause.
	Again bool
	Pause time.Duration
	// Outputs are written in the place of what the record did.
	Outputs []Output
	// Err ends the run with the record undone.
	Err error
}

// aside is a record that is not handed to the processor any more.
type aside struct {
	topic   string
	offset  int64
	outputs []Output
}

// judge takes in what ended a processor. It reports whether a record is to blame,
// after the pause before its next try; an error ends the task.
func (t *Task) judge(failed *sarama.ConsumerMessage, err error) (judged bool, fatal error) {
	_, broken := errors.AsType[*FatalError](err)
	if failed == nil || t.cfg.Judge == nil || broken {
		return false, nil
	}
	verdict := t.cfg.Judge(Failure{Message: failed, Err: err})
	switch {
	case verdict.Err != nil:
		return true, &FatalError{Err: verdict.Err}
	case verdict.Again:
		backoff.Pause(t.soft, verdict.Pause)
	default:
		t.asides = append(t.asides, aside{topic: failed.Topic, offset: failed.Offset, outputs: verdict.Outputs})
	}
	return true, nil
}

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
func (r *run) admit(ctx context.Context, message *sarama.ConsumerMessage) admission {
	isIt := func(a aside) bool { return a.topic == message.Topic && a.offset == message.Offset }
	if i := slices.IndexFunc(r.task.asides, isIt); i >= 0 {
		admitted := r.replace(ctx, message, r.task.asides[i].outputs)
		if admitted == done {
			r.task.asides = slices.Delete(r.task.asides, i, i+1)
		}
		return admitted
	}
	if r.task.single > 0 {
		r.task.single--
		if !r.task.inbox.awaitFirst(ctx, message) {
			return end
		}
	}
	if r.task.cfg.Check == nil {
		return handOver
	}
	for {
		err := r.task.cfg.Check(message)
		if err == nil {
			return handOver
		}
		// Its verdict may be the run's end: those before it come first.
		if !r.task.inbox.awaitFirst(ctx, message) {
			return end
		}
		if r.task.cfg.Judge == nil {
			r.note(err)
			r.stop()
			return end
		}
		verdict := r.task.cfg.Judge(Failure{Message: message, Err: err, Decoding: true})
		switch {
		case verdict.Err != nil:
			r.note(&FatalError{Err: verdict.Err})
			r.stop()
			return end
		case !verdict.Again:
			return r.replace(ctx, message, verdict.Outputs)
		case !backoff.Pause(r.task.soft, verdict.Pause):
			return end
		}
	}
}

// replace finishes a record with outputs in the place of what it would have done,
// once all before it are done.
func (r *run) replace(ctx context.Context, message *sarama.ConsumerMessage, outputs []Output) admission {
	if !r.task.inbox.awaitFirst(ctx, message) {
		return end
	}
	unit := &Unit{topic: message.Topic, offset: message.Offset, time: message.Timestamp}
	for _, o := range outputs {
		unit.Emit(o)
	}
	if r.task.enter(r, unit) != nil {
		return end
	}
	r.task.finish(r, message.Topic, message.Offset)
	return done
}
