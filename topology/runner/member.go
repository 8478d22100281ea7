package runner

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/lovoo/goka"

	"github.com/gokavro/gokavro/topology/internal/engine"
	"github.com/gokavro/gokavro/topology/internal/letter"
	"github.com/gokavro/gokavro/topology/internal/parking"
	"github.com/gokavro/gokavro/topology/internal/refusal"
	"github.com/gokavro/gokavro/topology/internal/restore"
	"github.com/gokavro/gokavro/topology/internal/standby"
	"github.com/gokavro/gokavro/topology/internal/store"
	"github.com/gokavro/gokavro/topology/internal/task"
	"github.com/gokavro/gokavro/topology/internal/txn"
	"github.com/gokavro/gokavro/topology/kafka"
)

const (
	// commitInterval is how often finished work is committed.
	commitInterval = 100 * time.Millisecond
	// writeInterval is how often outputs are written ahead of their commit.
	writeInterval = 5 * time.Millisecond
	// writeAhead is how many outputs of a partition are worth that in a
	// transaction, where nobody sees them any earlier.
	writeAhead = 256
	// restoresAtOnce bounds the partitions that are restored at once: each takes
	// up to about 100 MB meanwhile.
	restoresAtOnce = 4
)

// member is this process as a member of its group.
type member struct {
	cfg    Config
	watch  *watch
	client *kafka.Client
	group  string
	id     string
	hasher func() hash.Hash32
	topics []string
	stores []store.Spec
	alarm  string       // the topic of task.Config.Alarm
	lot    *parking.Lot // nil for none
	retry  string       // the topic of a hand-written group's replays, "" for none
	shared *store.Shared
	disk   store.FS // nil for the machine's
	// partitions is how many the group's topics have.
	partitions atomic.Int32
	// restoring has room for the partitions that are restored at once.
	restoring chan struct{}
	standbys  *standby.Standbys // nil for none

	refusals *refusal.Memory
	letters  *letter.Writer

	besideGoka bool                                   // whether processes of goka may be members
	tombstones bool                                   // whether callbacks take records without a value
	codecs     map[string]goka.Codec                  // of a hand-written group's inputs, by topic
	lookups    map[string]task.Table                  // of a hand-written group, by topic
	joins      goka.Edges                             // of a hand-written group
	judge      func() func(task.Failure) task.Verdict // of a hand-written group, for each partition
	refuses    func(*kafka.Record) error              // of a hand-written group

	// aside returns what is written in place of a record that the process has died
	// of, nil where that ends the run.
	aside func(task.Killed) ([]task.Output, error)
}

// processorError is what stopped a processor, other than the end of its context.
type processorError struct{ err error }

// Error says what becomes of the work.
func (e *processorError) Error() string {
	if _, stuck := errors.AsType[*engine.StopError](e.err); stuck {
		return e.err.Error()
	}
	return fmt.Sprintf("the processor stopped: %v: what was in flight is processed again at the next start", e.err)
}

// Unwrap returns the cause.
func (e *processorError) Unwrap() error { return e.err }

// run runs an engine of this member and says what stopped it.
func (m *member) run(ctx context.Context, e *engine.Engine) error {
	defer m.removeLeftovers(ctx)()
	if err := e.Run(ctx); err != nil {
		return &processorError{err}
	}
	return nil
}

func (m *member) engine(group *goka.GroupGraph) engine.Config {
	_, _ = m.countPartitions() // the consumer meets what this meets
	m.shared, m.restoring = store.NewShared(int64(m.cfg.blockBytes())), make(chan struct{}, restoresAtOnce)
	config := engine.Config{
		Group: m.group, Topics: m.topics, Interval: commitInterval, WriteInterval: writeInterval, WriteAhead: writeAhead, StopTimeout: m.cfg.StopTimeout, Log: m.cfg.Logger,
		Consumer: m.consumer, Committer: m.exactlyOnce, Released: m.shared.Close, Refused: m.refused,
		Restoring: func() { m.watch.enter(Restoring) }, Board: m.watch.board, Memory: m.cfg.share(),
		Instance: m.id, NumStandby: m.cfg.NumStandby,
	}
	config.Host, _ = os.Hostname() // without a name every member counts as on another machine
	if !m.cfg.KeepMembership {
		config.Leave = m.leave
	}
	if m.cfg.Delivery == AtLeastOnce {
		config.Committer, config.WriteAhead = m.atLeastOnce, 1
	}
	config.Commits = func(ctx context.Context, of map[string][]int32) (map[string]map[int32]kafka.Commit, error) {
		return m.client.Commits(ctx, m.group, of)
	}
	config.Task = func(partition int32) task.Config { return m.task(group, partition) }
	m.keepStandbys(&config)
	return config
}

// retrying keeps what a commit waits for.
func (m *member) retrying(err error) { m.watch.board.Note(engine.AboutCommit, err) }

func (m *member) exactlyOnce(ctx context.Context) (txn.Committer, error) {
	return txn.NewExactlyOnce(ctx, m.client.Config(), txn.Config{TransactionalID: m.group + "-" + m.id, Hasher: m.hasher, Retrying: m.retrying, Singly: m.refusals.Suspects()})
}

func (m *member) atLeastOnce(ctx context.Context) (txn.Committer, error) {
	return txn.NewAtLeastOnce(ctx, m.client.Config(), txn.Config{Hasher: m.hasher, Retrying: m.retrying, Singly: m.refusals.Suspects()})
}

func (m *member) task(group *goka.GroupGraph, partition int32) task.Config {
	cfg := task.Config{
		Graph: group, Partition: partition, Topics: m.topics, Tables: m.stores, Alarm: m.alarm, Lot: m.lot,
		Lookups: m.lookups, Tombstones: m.tombstones, Aside: m.aside, Log: m.cfg.Logger,
	}
	if m.codecs != nil {
		cfg.HandWritten, cfg.Retry = true, m.retry
		cfg.Check, cfg.Judge, cfg.Refused = decodes(m.codecs), m.judge(), m.refuses
	}
	if len(m.stores)+len(m.joins) > 0 {
		cfg.Open = func(ctx context.Context) (task.State, error) { return m.open(ctx, partition) }
	}
	return cfg
}

// open opens a partition's tables and brings them up to their changelogs.
func (m *member) open(ctx context.Context, partition int32) (state task.State, err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, state.Close())
		}
	}()
	if len(m.joins) > 0 {
		following := follow(ctx, m.client, m.watch)
		state.Stop = following.stop
		state.Joins = map[string]task.Table{}
		for _, edge := range m.joins {
			if state.Joins[edge.Topic()], err = following.load(ctx, edge.Topic(), edge.Codec(), partition); err != nil {
				return state, err
			}
		}
	}
	if len(m.stores) == 0 {
		return state, nil
	}
	var promoted *promotion
	state.DB, promoted, err = m.openTables(partition)
	if _, foreign := errors.AsType[*store.OwnerError](err); foreign {
		err = &task.FatalError{Err: err}
	}
	if err != nil {
		return state, err
	}
	if err = m.restore(ctx, state.DB, partition, promoted); err == nil {
		promoted.done()
	}
	return state, err
}

// database says where a partition's tables are.
func (m *member) database(partition int32) store.Config {
	return store.Config{
		Dir: filepath.Join(m.cfg.StateDir, tablesFolder), Shared: m.shared, BufferBytes: m.storeBuffer(), FS: m.disk, Log: m.cfg.Logger,
		Owner: store.Owner{Group: m.group, Partition: partition, Tables: m.stores},
	}
}

// restore brings a partition's tables up to their changelogs. No more than a
// few partitions do so at once.
func (m *member) restore(ctx context.Context, db *store.DB, partition int32, promoted *promotion) error {
	select {
	case m.restoring <- struct{}{}:
		defer func() { <-m.restoring }()
	case <-ctx.Done():
		return ctx.Err()
	}
	var tables []restore.Table
	for _, spec := range m.stores {
		tables = append(tables, restore.Table{DB: db, Name: spec.Name, Topic: spec.Topic, Partition: partition})
	}
	return restore.Run(ctx, restore.Config{Client: m.client, Events: promoted.hear(m.cfg.restoring())}, tables...)
}
