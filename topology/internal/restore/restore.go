// Package restore brings tables to the state that their changelogs tell.
package restore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gokavro/gokavro/topology/internal/backoff"
	"github.com/gokavro/gokavro/topology/internal/store"
	"github.com/gokavro/gokavro/topology/kafka"
)

const (
	defaultParallel = 4
	// loadBytes is how much of a changelog goes to the disk at a time.
	loadBytes = 32 << 20
	// An open transaction is looked at again after firstWait, then after up to
	// lastWait: the partition stands still until it ends.
	firstWait = 10 * time.Millisecond
	lastWait  = 250 * time.Millisecond
)

// Table is one table of one partition, with its changelog.
type Table struct {
	// DB is the database that has the table.
	DB *store.DB
	// Name is the table's name.
	Name string
	// Topic and Partition are its changelog.
	Topic     string
	Partition int32
}

// Config says how tables are restored.
type Config struct {
	// Client reads the changelogs.
	Client *kafka.Client
	// Parallel bounds how many tables are restored at once. Each takes up to about
	// 100 MB of memory meanwhile. The default is 4.
	Parallel int
	// Events hears what goes on.
	Events Events
}

// Run brings each table up to the end that its changelog has when its turn
// comes: from [store.DB.Offset] on, or from the beginning if nothing is known of
// it, or what is known does not fit the changelog. A transaction that is open
// there is waited for, but nothing that no reader is ever shown: markers and
// aborted records. Nothing else may use the tables.
//
// The first error ends all. What was restored by then is kept: the next Run goes
// on from there.
func Run(ctx context.Context, cfg Config, tables ...Table) error {
	if cfg.Parallel <= 0 {
		cfg.Parallel = defaultParallel
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(cfg.Parallel)
	for _, table := range tables {
		group.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			r := run{table: table, client: cfg.Client, events: cfg.Events}
			if err := r.restore(ctx); err != nil {
				return fmt.Errorf("restore: table %q from %s/%d: %w", table.Name, table.Topic, table.Partition, err)
			}
			return nil
		})
	}
	return group.Wait()
}

// run is the restore of one table.
type run struct {
	table  Table
	client *kafka.Client
	events Events

	loader   *store.Loader
	next     int64 // of the changelog, behind what was read
	progress Progress
	asked    time.Time // when the end was asked for
}

func (r *run) restore(ctx context.Context) error {
	var err error
	if r.loader, err = r.table.DB.Load(r.table.Name); err != nil {
		return err
	}
	for {
		if err := r.identify(ctx); err != nil {
			return err
		}
		end, err := r.begin()
		if err != nil {
			return err
		}
		err = r.readTo(ctx, end)
		if !errors.Is(err, kafka.ErrOutOfRange) {
			return err
		}
		// Retention has overtaken the reading.
		if err := r.clear("records were deleted while they were read"); err != nil {
			return err
		}
	}
}

// identify starts the table over if its rows come from a topic that is gone,
// however long the one of the same name is by now.
func (r *run) identify(ctx context.Context) error {
	id, err := r.client.TopicID(ctx, r.table.Topic)
	if err != nil || id == "" {
		return err
	}
	noted, err := r.table.DB.TopicID(r.table.Name)
	if err != nil || noted == id {
		return err
	}
	if noted != "" {
		if err := r.clear(fmt.Sprintf("it is of a topic with id %s, but the changelog has id %s: it was made anew", noted, id)); err != nil {
			return err
		}
	}
	return r.table.DB.SetTopicID(r.table.Name, id)
}

// begin finds out where to go on, and where the changelog ends.
func (r *run) begin() (end int64, err error) {
	first, err := r.client.Offset(r.table.Topic, r.table.Partition, kafka.Beginning())
	if err != nil {
		return 0, err
	}
	r.asked = time.Now()
	if end, err = r.client.EndOffset(r.table.Topic, r.table.Partition, kafka.ReadUncommitted); err != nil {
		return 0, err
	}
	known := r.table.DB.Offset(r.table.Name)
	stale := r.stale(end - known)
	switch {
	case known > end:
		err = r.clear(fmt.Sprintf("it corresponds to offset %d, but the changelog ends at %d: it was truncated or made anew", known, end))
	case known >= 0 && known < first:
		err = r.clear(fmt.Sprintf("it corresponds to offset %d, but the changelog begins at %d: records after it were deleted", known, first))
	case known >= 0 && stale != "":
		err = r.clear(stale)
	}
	if err != nil {
		return 0, err
	}
	r.next = max(r.table.DB.Offset(r.table.Name), first)
	r.progress = Progress{Table: r.table, From: r.next, Next: r.next, End: end, began: time.Now()}
	r.events.started(r.progress)
	return end, nil
}

// clear starts the table over.
func (r *run) clear(reason string) error {
	r.events.cleared(r.table, reason)
	if err := r.table.DB.Clear(r.table.Name); err != nil {
		return err
	}
	var err error
	r.loader, err = r.table.DB.Load(r.table.Name)
	return err
}

// readTo reads as far as transactions are settled, until that is the end.
func (r *run) readTo(ctx context.Context, end int64) error {
	wait := backoff.Backoff{First: firstWait, Last: lastWait}
	for {
		stable, err := r.client.EndOffset(r.table.Topic, r.table.Partition, kafka.ReadCommitted)
		if err != nil {
			return err
		}
		stable = min(stable, end)
		if err := r.read(ctx, stable); err != nil {
			return err
		}
		if stable == end {
			if err := r.table.DB.Confirm(r.table.Name, r.asked); err != nil {
				return err
			}
			r.events.finished(r.progress)
			return nil
		}
		r.events.waiting(r.progress)
		if err := wait.Wait(ctx); err != nil {
			return err
		}
	}
}

// read loads what is visible up to the offset to.
func (r *run) read(ctx context.Context, to int64) error {
	if r.next < to {
		part := kafka.Range{Topic: r.table.Topic, Partition: r.table.Partition, From: r.next, To: to}
		if err := r.client.ReadBulk(ctx, part, r.take); err != nil {
			return err
		}
		r.next = to
	}
	if r.next == r.table.DB.Offset(r.table.Name) {
		return nil
	}
	r.progress.Next = r.next
	return r.loader.Commit(r.next)
}

func (r *run) take(piece kafka.Bulk) error {
	for i := range piece.Records {
		record := &piece.Records[i]
		r.progress.Bytes += int64(len(record.Key) + len(record.Value))
		if record.Key != nil {
			r.loader.Add(record.Key, record.Value, record.Time)
		}
	}
	r.progress.Records += int64(len(piece.Records))
	r.next = piece.Next
	r.progress.Next = r.next
	r.events.progressed(r.progress)
	if r.loader.Bytes() < loadBytes {
		return nil
	}
	return r.loader.Commit(r.next)
}
