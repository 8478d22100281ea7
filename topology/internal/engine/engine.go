// Package engine runs the tasks of one process: one consumer group that gives
// them partitions and records, and one committer that takes what they have
// finished, outputs, changes of tables and offsets together.
package engine

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokavro/gokavro/topology/internal/backoff"
	"github.com/gokavro/gokavro/topology/internal/health"
	"github.com/gokavro/gokavro/topology/internal/task"
	"github.com/gokavro/gokavro/topology/internal/txn"
	"github.com/gokavro/gokavro/topology/kafka"
)

// Config says what an engine runs.
type Config struct {
	// Group is the consumer group.
	Group string
	// Topics are those that the group consumes.
	Topics []string
	// Task returns what the task of a partition runs.
	Task func(partition int32) task.Config
	// Instance is the name by which the group knows this process over restarts,
	// group.instance.id. Host is the machine that it runs on.
	Instance, Host string
	// Consumer makes the group's consumer, which is to share the partitions with
	// that strategy.
	Consumer func(sarama.BalanceStrategy) (sarama.ConsumerGroup, error)
	// Leave takes the member with an id out of the group when Run ends. It is nil
	// for a process that stays a member until its session ends.
	Leave func(ctx context.Context, member string) error
	// Committer makes a committer. The engine makes a new one after each fault.
	Committer func(context.Context) (txn.Committer, error)
	// Until bounds the work, by topic and partition: records at these offsets and
	// behind them are left alone. A topic that is not there has no bound, and a
	// partition of one that is there has nothing to be done.
	Until map[string]map[int32]int64
	// Commits returns what the group has committed in partitions of topics. Without
	// it a record whose processing ends the process does so for ever.
	Commits func(ctx context.Context, of map[string][]int32) (map[string]map[int32]kafka.Commit, error)
	// Settle is how long the process runs before it takes a record that may be what
	// earlier ones died of. The default is 5 s.
	Settle time.Duration
	// Interval is how often finished work is committed.
	Interval time.Duration
	// WriteInterval is how often outputs are written ahead of their commit.
	WriteInterval time.Duration
	// WriteAhead is how many outputs of a task are worth that.
	WriteAhead int
	// StopTimeout bounds a graceful stop.
	StopTimeout time.Duration
	// Assigned is called when the process has its share of the partitions, none
	// included, and their tables are restored. The first time is after it has got
	// those that it makes warm copies for.
	Assigned func()
	// Restoring is called when tables of a partition are about to be restored. It
	// may be nil.
	Restoring func()
	// Memory is what all tasks together may take, each the same part of it. The
	// default are the tasks' own limits.
	Memory task.Share
	// Board is told what holds up the work. It may be nil.
	Board *health.Board
	// Committed is told of what a commit has taken of each task. It may be nil.
	Committed func(*task.Sealed)
	// Refused is told of a record that a broker does not take, and returns nil when
	// the tasks are going to leave it out on the second pass. It may be nil; such a
	// record ends the run then, as it does with an error.
	Refused func(*txn.RefusedError) error
	// NumStandby is how many copies of each partition's tables the group keeps, and
	// Standby keeps those that are this process's. It is nil for none.
	NumStandby int
	Standby    Standby
	// Released is called when nothing of the engine works any more: when Run ends,
	// or after a stop that a callback held up, when that returns.
	Released func()
	Log      *slog.Logger
}

// Engine runs tasks. Its methods are safe for concurrent use.
type Engine struct {
	cfg     Config
	wake    chan struct{} // has room for one: a commit is due
	id      string        // of this process
	settled time.Time     // when this process counts as well

	announced atomic.Bool // whether the process has had its share once

	mu     sync.Mutex
	work   *work           // nil between two
	paused map[string]bool // topics
}

// New returns an engine that does nothing until Run.
func New(cfg Config) *Engine {
	return &Engine{
		cfg: cfg, wake: make(chan struct{}, 1), paused: map[string]bool{}, id: rand.Text()[:8], settled: time.Now().Add(cmp.Or(cfg.Settle, settleTime)),
	}
}

// Run works until ctx ends, and returns nil then, when all that was in hand is
// committed. What trying again may cure it tries again, for ever. Every other
// end is an error.
func (e *Engine) Run(ctx context.Context) error {
	err := e.run(ctx)
	if _, stuck := errors.AsType[*StopError](err); !stuck {
		e.cfg.Released()
	}
	return err
}

func (e *Engine) run(ctx context.Context) error {
	var wait backoff.Backoff
	for {
		commits, err := e.once(ctx)
		known, err := e.refused(err)
		if err == nil || !known && isFinal(err) {
			return err
		}
		if ctx.Err() != nil {
			return nil
		}
		if commits > 0 || known {
			wait.Reset()
		}
		e.cfg.Board.Set(aboutWork, err)
		e.cfg.Log.Warn("starting over from what is committed", "group", e.cfg.Group, "retry_in", wait.Next(), "err", err)
		if wait.Wait(ctx) != nil {
			return nil
		}
	}
}

// StopError says that a graceful stop took longer than it may.
type StopError struct{ Bound time.Duration }

// Error returns the message.
func (e *StopError) Error() string {
	return fmt.Sprintf("the processor did not stop within %s: what was in flight is processed again by the partitions' next owner", e.Bound)
}

// taskError is a fault of a task that restarting it did not cure.
type taskError struct{ err error }

// Error returns the message of the fault.
func (e *taskError) Error() string { return e.err.Error() }

// Unwrap returns the fault.
func (e *taskError) Unwrap() error { return e.err }

func isFinal(err error) bool {
	var stuck *StopError
	var broken *taskError
	var replaced *InstanceError
	return errors.As(err, &replaced) || errors.As(err, &stuck) || errors.As(err, &broken) || txn.IsFinal(err)
}

// changed makes a commit due. It never blocks.
func (e *Engine) changed() {
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// once works with one committer and one consumer until ctx ends or something
// fails.
func (e *Engine) once(ctx context.Context) (commits int64, err error) {
	expected := e.cfg.Board.Expect(aboutCommit, slow)
	committer, err := e.cfg.Committer(ctx)
	expected()
	if err != nil {
		return 0, err
	}
	w := newWork(e, committer)
	if w.consumer, err = e.cfg.Consumer(w.strategy()); err != nil {
		return 0, errors.Join(err, committer.Close())
	}
	e.set(w)
	defer e.set(nil)
	err = w.run(ctx)
	return w.commits.Load(), err
}

func (e *Engine) restoring() {
	if e.cfg.Restoring != nil {
		e.cfg.Restoring()
	}
}

func (e *Engine) set(w *work) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.work = w
}

// Visit runs a visitor of the group on every row of the tables that this
// process has.
func (e *Engine) Visit(ctx context.Context, name string, meta any) (int64, error) {
	e.mu.Lock()
	w := e.work
	e.mu.Unlock()
	if w == nil {
		return 0, errors.New("visiting rows: the processor is not running")
	}
	var total int64
	for _, m := range w.members() {
		visited, err := m.task.Visit(ctx, name, meta)
		total += visited
		if err != nil {
			return total, fmt.Errorf("visiting the rows of partition %d: %w", m.task.Partition(), err)
		}
	}
	return total, nil
}
