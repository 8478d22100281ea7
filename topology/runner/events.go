package runner

import (
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/gokavro/gokavro/topology/internal/restore"
)

// Events are told what a runner does besides processing. They are called from
// several goroutines and must not block. Those that are nil are not called.
type Events struct {
	// State is called when the runner's state has changed, one call after the
	// other. why is as [Runner.State] returns it.
	State func(from, to State, why string)
	// Restoring is called each time that a piece of a table's changelog was read.
	Restoring func(Restore)
	// Restored is called when a table is up to its changelog.
	Restored func(Restore)
	// Cleared is called when a table is emptied and restored from the beginning,
	// because it is damaged or does not fit its changelog.
	Cleared func(topic string, partition int32, reason string)
	// StandbyStarted is called when this process begins with a copy of a
	// partition's tables.
	StandbyStarted func(partition int32)
	// StandbyCaughtUp is called when a copy has come to the end of its changelogs.
	// It follows them from there.
	StandbyCaughtUp func(Standby)
	// Promoted is called when this process owns a partition that it had an
	// up-to-date copy of, and has read what the copy did not have yet.
	Promoted func(Promotion)
}

// Restore is how far a table has come on its way to the end of its changelog.
type Restore struct {
	// Topic and Partition are the changelog.
	Topic     string
	Partition int32
	// Next and End are the offset that is read next, and the one to end at.
	Next, End int64
	// Records and Bytes count what was read, the bytes of keys and values.
	Records, Bytes int64
	// RecordsPerSecond is the rate since the beginning.
	RecordsPerSecond float64
	// Took is the time since the beginning, Left an estimate of what is left by
	// the offsets; less than 0 as long as nothing was read.
	Took, Left time.Duration
}

// String says it in one line.
func (r Restore) String() string {
	return fmt.Sprintf("%s/%d: offset %d of %d, %d records (%d bytes), %.0f records/s, took %s, %s left",
		r.Topic, r.Partition, r.Next, r.End, r.Records, r.Bytes, r.RecordsPerSecond, r.Took.Round(time.Millisecond), r.Left.Round(time.Second))
}

func restoreOf(p restore.Progress) Restore {
	return Restore{
		Topic: p.Table.Topic, Partition: p.Table.Partition, Next: p.Next, End: p.End, Records: p.Records, Bytes: p.Bytes,
		RecordsPerSecond: p.RecordsPerSecond(), Took: p.Took, Left: p.Left(),
	}
}

// progressInterval is how often the progress of a restore is logged.
const progressInterval = 5 * time.Second

// restoring tells the log, and who wants to hear it, what the restore of one
// partition does.
func (c Config) restoring() restore.Events {
	var said atomic.Int64 // tables of a partition are restored at the same time
	said.Store(time.Now().UnixNano())
	due := func() bool {
		last, now := said.Load(), time.Now().UnixNano()
		return now-last >= int64(progressInterval) && said.CompareAndSwap(last, now)
	}
	return restore.Events{
		Progressed: func(p restore.Progress) {
			if c.Events.Restoring != nil {
				c.Events.Restoring(restoreOf(p))
			}
			if due() {
				tell(c.Logger, "restoring a table", p)
			}
		},
		Waiting: func(p restore.Progress) {
			if due() {
				tell(c.Logger, "waiting for the end of a transaction", p)
			}
		},
		Cleared: func(t restore.Table, reason string) {
			c.Logger.Warn("restoring a table from the beginning", "topic", t.Topic, "partition", t.Partition, "err", reason)
			if c.Events.Cleared != nil {
				c.Events.Cleared(t.Topic, t.Partition, reason)
			}
		},
		Finished: func(p restore.Progress) {
			if c.Events.Restored != nil {
				c.Events.Restored(restoreOf(p))
			}
			if p.Records > 0 {
				tell(c.Logger, "restored a table", p)
			}
		},
	}
}

func tell(log *slog.Logger, message string, p restore.Progress) {
	log.Info(message, "topic", p.Table.Topic, "partition", p.Table.Partition, "records", p.Records,
		"offset", p.Next, "end", p.End, "records_per_second", int(p.RecordsPerSecond()), "took", p.Took, "left", p.Left().Round(time.Second))
}
