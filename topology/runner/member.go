package runner

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"path/filepath"
	"time"

	"github.com/IBM/sarama"
	"github.com/lovoo/goka"

	"github.com/gokavro/gokavro/topology/internal/engine"
	"github.com/gokavro/gokavro/topology/internal/store"
	"github.com/gokavro/gokavro/topology/internal/task"
	"github.com/gokavro/gokavro/topology/internal/txn"
	"github.com/gokavro/gokavro/topology/kafka"
)

const (
	// commitInterval is how often a transaction is committed.
	commitInterval = 100 * time.Millisecond
	// writeInterval is how often records are written at least once.
	writeInterval = 5 * time.Millisecond
	// cacheBytes bounds what is kept in memory of the state's files.
	cacheBytes = 64 << 20
	// tablesFolder is where the state folder keeps tables.
	tablesFolder = "tables"
)

// member is this process as a member of its group.
type member struct {
	cfg    Config
	client *kafka.Client
	group  string
	id     string
	hasher func() hash.Hash32
	topics []string
	stores []store.Spec
	shared *store.Shared

	tombstones bool                  // whether callbacks take records without a value
	codecs     map[string]goka.Codec // of a hand-written group's inputs, by topic
	lookups    map[string]task.Table // of a hand-written group, by topic
	joins      goka.Edges            // of a hand-written group
}

// run runs an engine of this member and says what stopped it.
func (m *member) run(ctx context.Context, e *engine.Engine) error {
	err := e.Run(ctx)
	if _, stuck := errors.AsType[*engine.StopError](err); err != nil && !stuck {
		return fmt.Errorf("the processor stopped: %w: what was in flight is processed again at the next start", err)
	}
	return err
}

func (m *member) engine(group *goka.GroupGraph) engine.Config {
	config := engine.Config{
		Group: m.group, Topics: m.topics, Interval: commitInterval, StopTimeout: m.cfg.StopTimeout, Log: m.cfg.Logger,
		Consumer: m.consumer, Committer: m.exactlyOnce, Released: m.shared.Close,
	}
	if m.cfg.Delivery == AtLeastOnce {
		config.Committer, config.Interval, config.OffsetInterval = m.atLeastOnce, writeInterval, commitInterval
	}
	config.Task = func(partition int32) task.Config { return m.task(group, partition) }
	return config
}

func (m *member) consumer() (sarama.ConsumerGroup, error) {
	cfg := m.client.Config()
	conf := cfg.Sarama()
	conf.Consumer.Offsets.AutoCommit.Enable = false
	conf.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{goka.CopartitioningStrategy}
	return sarama.NewConsumerGroup(cfg.Brokers, m.group, conf)
}

func (m *member) exactlyOnce(ctx context.Context) (txn.Committer, error) {
	return txn.NewExactlyOnce(ctx, m.client.Config(), kafka.ProducerConfig{TransactionalID: m.group + "-" + m.id, Hasher: m.hasher})
}

func (m *member) atLeastOnce(ctx context.Context) (txn.Committer, error) {
	return txn.NewAtLeastOnce(ctx, m.client.Config(), kafka.ProducerConfig{Hasher: m.hasher})
}

func (m *member) task(group *goka.GroupGraph, partition int32) task.Config {
	cfg := task.Config{
		Graph: group, Partition: partition, Topics: m.topics, Changelogs: map[string]string{},
		Lookups: m.lookups, Tombstones: m.tombstones, Log: m.cfg.Logger,
	}
	if m.codecs != nil {
		cfg.Check = decodes(m.codecs)
	}
	for _, spec := range m.stores {
		cfg.Changelogs[spec.Name] = spec.Topic
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
		following := follow(ctx, m.client, m.cfg.Logger)
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
	state.DB, err = store.Open(store.Config{
		Dir: filepath.Join(m.cfg.StateDir, tablesFolder), Shared: m.shared, Log: m.cfg.Logger,
		Owner: store.Owner{Group: m.group, Partition: partition, Tables: m.stores},
	})
	if err != nil {
		return state, err
	}
	return state, m.restore(ctx, state.DB, partition)
}

func (m *member) restore(ctx context.Context, db *store.DB, partition int32) error {
	for _, spec := range m.stores {
		next := map[string]int64{spec.Name: max(db.Offset(spec.Name), 0)}
		err := m.client.Read(ctx, kafka.Query{
			Topic: spec.Topic, Partitions: []int32{partition}, From: kafka.At(next[spec.Name]), UntilEnd: true,
		}, func(record kafka.Record) error {
			db.Table(spec.Name).Set(string(record.Key), record.Value)
			next[spec.Name] = record.Offset + 1
			return nil
		})
		if err != nil {
			return err
		}
		if err := db.Seal().Flush(next); err != nil {
			return err
		}
	}
	return nil
}
