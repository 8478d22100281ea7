package runner

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/IBM/sarama"
	"github.com/lovoo/goka"

	"github.com/gokavro/gokavro/topology/graph"
	"github.com/gokavro/gokavro/topology/internal/compile"
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
)

// process runs the topology's tasks until ctx ends.
func (r *Runner) process(ctx context.Context, site *site, tables map[string]compile.Table) error {
	program := &compile.Program{
		Graph: r.graph, Topic: site.topic, Codecs: site.codecs, Letters: site.letters, Tables: tables,
		Counters: &r.counters, Log: r.cfg.Logger, MaxRecordBytes: site.kafka.Config().Sarama().Producer.MaxMessageBytes,
	}
	id, err := identity(r.cfg.StateDir)
	if err != nil {
		return err
	}
	shared := store.NewShared(cacheBytes)
	name := site.topic(r.graph.Name)
	member := member{site: site, group: name, id: id, shared: shared}
	for _, n := range r.graph.Of(graph.Input) {
		member.topics = append(member.topics, site.topic(n.Topic))
	}
	for _, n := range r.graph.Of(graph.Store) {
		member.stores = append(member.stores, store.Spec{Name: n.Name, Topic: site.topic(n.Topic)})
	}
	config := member.engine(program.Group(name))
	config.Assigned, config.Released = r.assigned, shared.Close
	err = engine.New(config).Run(ctx)
	if _, stuck := errors.AsType[*engine.StopError](err); err != nil && !stuck {
		return fmt.Errorf("the processor stopped: %w: what was in flight is processed again at the next start", err)
	}
	return err
}

// member is this process as a member of its group.
type member struct {
	site   *site
	group  string
	id     string
	topics []string
	stores []store.Spec
	shared *store.Shared
}

func (m *member) engine(group *goka.GroupGraph) engine.Config {
	cfg := m.site.cfg
	config := engine.Config{
		Group: m.group, Topics: m.topics, Interval: commitInterval, StopTimeout: cfg.StopTimeout, Log: cfg.Logger,
		Consumer: m.consumer, Committer: m.exactlyOnce,
	}
	if cfg.Delivery == AtLeastOnce {
		config.Committer, config.Interval, config.OffsetInterval = m.atLeastOnce, writeInterval, commitInterval
	}
	config.Task = func(partition int32) task.Config { return m.task(group, partition) }
	return config
}

func (m *member) consumer() (sarama.ConsumerGroup, error) {
	cfg := m.site.kafka.Config()
	conf := cfg.Sarama()
	conf.Consumer.Offsets.AutoCommit.Enable = false
	conf.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{goka.CopartitioningStrategy}
	return sarama.NewConsumerGroup(cfg.Brokers, m.group, conf)
}

func (m *member) exactlyOnce(ctx context.Context) (txn.Committer, error) {
	return txn.NewExactlyOnce(ctx, m.site.kafka.Config(), txn.Config{TransactionalID: m.group + "-" + m.id})
}

func (m *member) atLeastOnce(ctx context.Context) (txn.Committer, error) {
	return txn.NewAtLeastOnce(ctx, m.site.kafka.Config(), txn.Config{})
}

func (m *member) task(group *goka.GroupGraph, partition int32) task.Config {
	cfg := task.Config{
		Graph: group, Partition: partition, Topics: m.topics, Changelogs: map[string]string{},
		Tombstones: true, Log: m.site.cfg.Logger,
	}
	for _, spec := range m.stores {
		cfg.Changelogs[spec.Name] = spec.Topic
	}
	if len(m.stores) > 0 {
		cfg.Open = func(ctx context.Context) (*store.DB, error) { return m.open(ctx, partition) }
	}
	return cfg
}

// open opens a partition's tables and brings them up to their changelogs.
func (m *member) open(ctx context.Context, partition int32) (*store.DB, error) {
	db, err := store.Open(store.Config{
		Dir: filepath.Join(m.site.cfg.StateDir, "tables"), Shared: m.shared, Log: m.site.cfg.Logger,
		Owner: store.Owner{Group: m.group, Partition: partition, Tables: m.stores},
	})
	if err != nil {
		return nil, err
	}
	if err := m.restore(ctx, db, partition); err != nil {
		_ = db.Close()
		return nil, err
	}
	return db, nil
}

func (m *member) restore(ctx context.Context, db *store.DB, partition int32) error {
	for _, spec := range m.stores {
		next := map[string]int64{spec.Name: max(db.Offset(spec.Name), 0)}
		err := m.site.kafka.Read(ctx, kafka.Query{
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
