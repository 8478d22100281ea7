package runner

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokavro/gokavro/topology/internal/engine"
	"github.com/gokavro/gokavro/topology/internal/restore"
	"github.com/gokavro/gokavro/topology/internal/standby"
	"github.com/gokavro/gokavro/topology/internal/store"
)

// lookTime is how long a process waits, before it joins its group, for the lengths
// of the changelogs.
const lookTime = 3 * time.Second

// Standby is how a copy of a partition's tables came to the end of their
// changelogs.
type Standby struct {
	// Partition is the partition.
	Partition int32
	// Records and Bytes count what was read, the bytes of keys and values.
	Records, Bytes int64
}

// Promotion is how a copy of a partition's tables became the owner's.
type Promotion struct {
	// Partition is the partition.
	Partition int32
	// Records and Bytes count what the copy did not have yet.
	Records, Bytes int64
	// Took is the time from taking the copy over until the partition went on.
	Took time.Duration
}

// String says it in one line.
func (p Promotion) String() string {
	return fmt.Sprintf("partition %d: %d records (%d bytes) read, took %s", p.Partition, p.Records, p.Bytes, p.Took.Round(time.Millisecond))
}

// keepStandbys has the engine keep copies of other members' tables, if there are
// tables: those that are wanted, and those of partitions that it is to get.
func (m *member) keepStandbys(config *engine.Config) {
	if len(m.stores) == 0 {
		return
	}
	m.standbys = standby.New(standby.Config{
		Client: m.client, Store: m.database(0), Log: m.cfg.Logger, Events: m.cfg.standbyEvents(),
	})
	config.Standby = m.standbys
	join := config.Consumer
	config.Consumer = func(strategy sarama.BalanceStrategy) (sarama.ConsumerGroup, error) {
		ctx, cancel := context.WithTimeout(context.Background(), lookTime)
		defer cancel()
		if err := m.standbys.Look(ctx); err != nil {
			m.cfg.Logger.Warn("looking how long the changelogs are: tables may count as big that are not", "err", err)
		}
		return join(strategy)
	}
	released := config.Released
	config.Released = func() {
		if err := m.standbys.Close(); err != nil {
			m.cfg.Logger.Warn("closing the standbys", "err", err)
		}
		released()
	}
}

// removeLeftovers removes tables of partitions that have moved away, until the
// function that it returns is called.
func (m *member) removeLeftovers(ctx context.Context) (stop func()) {
	if len(m.stores) == 0 {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { standby.NewLeftovers(m.database(0), m.cfg.Logger).Run(ctx) })
	return func() {
		cancel()
		running.Wait()
	}
}

// standbyEvents tells the log, and who wants to hear it, what copies do.
func (c Config) standbyEvents() standby.Events {
	return standby.Events{
		Started: func(partition int32) {
			if c.Events.StandbyStarted != nil {
				c.Events.StandbyStarted(partition)
			}
		},
		CaughtUp: func(p standby.Progress) {
			c.Logger.Info("a standby is up to date", "partition", p.Partition, "records", p.Records, "bytes", p.Bytes)
			if c.Events.StandbyCaughtUp != nil {
				c.Events.StandbyCaughtUp(Standby{Partition: p.Partition, Records: p.Records, Bytes: p.Bytes})
			}
		},
		Restore: func() restore.Events {
			events := c.restoring()
			return restore.Events{Cleared: events.Cleared}
		},
	}
}

// promotion is the opening of an up-to-date copy by its partition's task.
type promotion struct {
	cfg   Config
	began time.Time

	mu   sync.Mutex
	read Promotion
}

// openTables opens a partition's tables, or takes over the copy of them that this
// process has. promoted is nil if that was not up to date.
func (m *member) openTables(partition int32) (db *store.DB, promoted *promotion, err error) {
	began := time.Now()
	if m.standbys != nil {
		db, warm, err := m.standbys.Take(partition)
		if warm {
			promoted = &promotion{cfg: m.cfg, began: began, read: Promotion{Partition: partition}}
		}
		if db != nil || err != nil {
			return db, promoted, err
		}
	}
	db, err = store.Open(m.database(partition))
	return db, nil, err
}

// hear counts what the restore of the tables reads.
func (p *promotion) hear(events restore.Events) restore.Events {
	if p == nil {
		return events
	}
	finished := events.Finished
	events.Finished = func(done restore.Progress) {
		finished(done)
		p.mu.Lock()
		defer p.mu.Unlock()
		p.read.Records += done.Records
		p.read.Bytes += done.Bytes
	}
	return events
}

// done tells that the tables are there.
func (p *promotion) done() {
	if p == nil {
		return
	}
	p.read.Took = time.Since(p.began)
	p.cfg.Logger.Info("promoted a standby", "partition", p.read.Partition, "records", p.read.Records, "bytes", p.read.Bytes, "took", p.read.Took)
	if p.cfg.Events.Promoted != nil {
		p.cfg.Events.Promoted(p.read)
	}
}
