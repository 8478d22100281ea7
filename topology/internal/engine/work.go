package engine

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"
	"golang.org/x/sync/errgroup"

	"github.com/gokavro/gokavro/topology/internal/assign"
	"github.com/gokavro/gokavro/topology/internal/guard"
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
	guard     *guard.Guard
	turn      chan struct{} // has room for the partition that is processed alone

	life context.Context //nolint:containedctx // ends at a fault and at the end of a graceful stop
	end  context.CancelCauseFunc

	allowed    context.Context //nolint:containedctx // ends when a commit that is under way is to be given up
	endCommits context.CancelFunc
	dropping   sync.WaitGroup // tasks of partitions that were lost

	complete   atomic.Bool // whether a session has had all its tables
	committing sync.Mutex  // held during a commit; guards what follows
	settled    bool        // whether work goes on
	since      time.Time   // when there was nothing to commit at first

	mu       sync.Mutex
	tasks    map[int32]*member
	open     map[int32]int               // tasks whose folder is not closed, by partition
	session  sarama.ConsumerGroupSession // nil between two
	last     lastSession
	left     bool
	rejoin   context.CancelFunc // ends the session, so that another one begins
	rejoined bool               // whether the group was asked for another assignment once
	warmed   time.Time          // when it was for copies that were warm
	share    assign.Share
	generation
	positions map[string]map[int32]int64 // what the group goes on from
}

// lastSession tells whether the next session follows right after it.
type lastSession struct {
	member     string
	generation int32
}

// precedes reports whether nobody else can have had partitions since.
func (l lastSession) precedes(s sarama.ConsumerGroupSession) bool {
	return l.member == s.MemberID() && (l.generation == s.GenerationID() || l.generation == s.GenerationID()-1)
}

// member is a task at work.
type member struct {
	task     *task.Task
	ended    chan struct{}
	leaving  bool          // whether it is being given up; mu guards it
	released chan struct{} // closed when it is committed for the last time
}

func newWork(e *Engine, committer txn.Committer) *work {
	w := &work{engine: e, committer: committer, tasks: map[int32]*member{}, open: map[int32]int{}, positions: map[string]map[int32]int64{}}
	w.guard, w.turn = w.newGuard(), make(chan struct{}, 1)
	w.generation.changed = make(chan struct{})
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
	err := w.replaced(context.Cause(w.life))
	if errors.Is(err, errStopped) {
		err = nil
	}
	_, stuck := errors.AsType[*StopError](err)
	if stuck = !w.release(stuck); stuck {
		err = &StopError{Bound: w.engine.cfg.StopTimeout}
	}
	w.endCommits()
	err = errors.Join(err, w.consumer.Close(), w.committer.Close())
	if _, replaced := errors.AsType[*InstanceError](err); isFinal(err) && !replaced {
		w.leave()
	}
	return err
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
	w.guard.Leave(nil)
	w.commit()
	w.end(cause)
	w.leave()
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
		if err := w.closeTables(m); err != nil {
			w.engine.cfg.Log.Warn("closing the tables of a partition", "partition", m.task.Partition(), "err", err)
		}
		w.closed(m.task.Partition())
	}
}

// closed makes the folder of a partition free for a standby.
func (w *work) closed(partition int32) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.open[partition]--
	if w.session != nil {
		w.placeStandbys()
	}
}

// start runs the task of a partition; mu is held.
func (w *work) start(partition int32) *member {
	cfg := w.engine.cfg.Task(partition)
	cfg.Changed = w.engine.changed
	if gate := w.gate(partition); gate != nil {
		cfg.Gate = gate
	}
	about := aboutPartition(partition)
	cfg.Trouble = func(err error) { w.engine.cfg.Board.Set(about, err) }
	cfg.Cured = func() { w.engine.cfg.Board.Clear(about) }
	if cfg.Open != nil {
		cfg.Open = w.opening(cfg.Open)
		w.reserve(partition)
		w.engine.restoring()
	}
	m := &member{task: task.New(cfg), ended: make(chan struct{}), released: make(chan struct{})}
	w.pause(m.task)
	w.open[partition]++
	go func() {
		defer close(m.ended)
		err := m.task.Run()
		cfg.Cured() // what the next task of the partition meets is its own
		switch {
		case err != nil && curedByOpening(err):
			w.fail(err)
		case err != nil:
			w.quit(err)
		}
	}()
	return m
}

// curedByOpening reports whether an error is of tables that are to be opened
// again: damaged ones are healed then, and a disk that was full may have room.
func curedByOpening(err error) bool {
	_, damaged := errors.AsType[*store.DamageError](err)
	_, failed := errors.AsType[*store.DiskError](err)
	return damaged || failed
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
