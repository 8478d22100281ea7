package engine

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"
	"golang.org/x/sync/errgroup"

	"github.com/gokavro/gokavro/topology/internal/store"
	"github.com/gokavro/gokavro/topology/internal/task"
	"github.com/gokavro/gokavro/topology/internal/txn"
)

// work is what goes on between two faults. Lock order: committing, then mu.
type work struct {
	engine    *Engine
	committer txn.Committer
	consumer  sarama.ConsumerGroup
	commits   atomic.Int64

	life context.Context //nolint:containedctx // ends at a fault and at the end of a graceful stop
	end  context.CancelCauseFunc

	allowed    context.Context //nolint:containedctx // ends when a commit that is under way is to be given up
	endCommits context.CancelFunc
	dropping   sync.WaitGroup // tasks of partitions that were lost

	committing sync.Mutex // held during a commit

	mu        sync.Mutex
	tasks     map[int32]*member
	session   sarama.ConsumerGroupSession // nil between two
	last      lastSession
	positions map[string]map[int32]int64 // what the group goes on from
}

// lastSession tells whether the next session follows right after it.
type lastSession struct {
	member     string
	generation int32
}

// member is a task at work.
type member struct {
	task  *task.Task
	ended chan struct{}
}

func newWork(e *Engine, committer txn.Committer, consumer sarama.ConsumerGroup) *work {
	w := &work{engine: e, committer: committer, consumer: consumer, tasks: map[int32]*member{}, positions: map[string]map[int32]int64{}}
	w.life, w.end = context.WithCancelCause(context.Background())
	w.allowed, w.endCommits = context.WithCancel(context.Background())
	return w
}

var errStopped = errors.New("stopped")

// run works until ctx ends or something fails, and leaves nothing running but
// callbacks that do not return.
func (w *work) run(ctx context.Context) error {
	var group errgroup.Group
	group.Go(func() error { w.consume(); return nil })
	group.Go(func() error { w.commitLoop(); return nil })
	select {
	case <-ctx.Done():
		w.stop()
	case <-w.life.Done():
	}
	_ = group.Wait()
	err := context.Cause(w.life)
	if errors.Is(err, errStopped) {
		err = nil
	}
	_, stuck := errors.AsType[*StopError](err)
	if stuck = !w.release(stuck); stuck {
		err = &StopError{Bound: w.engine.cfg.StopTimeout}
	}
	w.endCommits()
	return errors.Join(err, w.consumer.Close(), w.committer.Close())
}

// stop lets every task finish the record in hand, commits, and ends the work.
func (w *work) stop() {
	members := w.members()
	for _, m := range members {
		m.task.Stop()
	}
	bound := time.NewTimer(w.engine.cfg.StopTimeout)
	defer bound.Stop()
	cause := errStopped
	for _, m := range members {
		select {
		case <-m.ended:
			continue
		case <-w.life.Done():
		case <-bound.C:
			cause = &StopError{Bound: w.engine.cfg.StopTimeout}
		}
		break
	}
	for _, m := range members {
		m.task.Kill()
	}
	// The last commit may take as long again, and no longer.
	defer time.AfterFunc(w.engine.cfg.StopTimeout, w.endCommits).Stop()
	w.commit()
	w.end(cause)
}

// release gives up all tasks, and reports whether that is done within the bound
// of a stop; a callback that does not return keeps its task and its tables. With
// late the bound has passed already.
func (w *work) release(late bool) bool {
	released := make(chan struct{})
	go func() {
		defer close(released)
		w.drop(w.members())
		w.dropping.Wait()
	}()
	bound := w.engine.cfg.StopTimeout
	if late {
		bound = 0
	}
	timer := time.NewTimer(bound)
	defer timer.Stop()
	select {
	case <-released:
		return true
	case <-timer.C:
		go func() {
			<-released
			w.engine.cfg.Released()
		}()
		return false
	}
}

// fail ends the work; the first fault counts.
func (w *work) fail(err error) { w.end(err) }

func (w *work) members() []*member {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []*member
	for _, m := range w.tasks {
		all = append(all, m)
	}
	return all
}

// drop ends tasks without a commit and gives up their tables.
func (w *work) drop(members []*member) {
	for _, m := range members {
		m.task.Kill()
	}
	for _, m := range members {
		<-m.ended
		if err := m.task.Close(); err != nil {
			w.engine.cfg.Log.Warn("closing the tables of a partition", "partition", m.task.Partition(), "err", err)
		}
	}
}

// start runs the task of a partition.
func (w *work) start(partition int32) *member {
	cfg := w.engine.cfg.Task(partition)
	cfg.Changed = w.engine.changed
	if cfg.Open != nil {
		cfg.Open = w.opening(w.promoting(partition, cfg.Open))
	}
	m := &member{task: task.New(cfg), ended: make(chan struct{})}
	go func() {
		defer close(m.ended)
		err := m.task.Run()
		// Tables that are damaged are healed when they are opened again.
		if _, damaged := errors.AsType[*store.DamageError](err); err != nil && !damaged {
			err = &taskError{err}
		}
		if err != nil {
			w.fail(err)
		}
	}()
	return m
}

// opening ends the work over a fault of the tables that trying again does not
// cure.
func (w *work) opening(open func(context.Context) (task.State, error)) func(context.Context) (task.State, error) {
	return func(ctx context.Context) (task.State, error) {
		state, err := open(ctx)
		if _, fatal := errors.AsType[*task.FatalError](err); fatal {
			w.fail(&taskError{err})
		}
		return state, err
	}
}
