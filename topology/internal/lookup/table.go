// Package lookup holds a table's topic in memory, whole, so that a step may
// look up any key.
package lookup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gokavro/gokavro/codecs"
	"github.com/gokavro/gokavro/codecs/registry"
	"github.com/gokavro/gokavro/topology/internal/backoff"
	"github.com/gokavro/gokavro/topology/internal/health"
	"github.com/gokavro/gokavro/topology/kafka"
)

// Table follows a compacted topic. It does not matter how its writer placed
// the keys where all partitions are held. Of two records of one key in different
// partitions the one that is read last wins. Get is safe for concurrent use.
type Table struct {
	topic      string
	partitions []int32 // none are all
	codec      codecs.Untyped
	log        *slog.Logger

	mu   sync.RWMutex
	rows map[string]*row
}

// New returns a table that is empty until Load. It holds all partitions unless
// some are named.
func New(topic string, codec codecs.Untyped, log *slog.Logger, partitions ...int32) *Table {
	return &Table{topic: topic, partitions: partitions, codec: codec, log: log, rows: map[string]*row{}}
}

// row decodes its value when it is first asked for.
type row struct {
	mu    sync.Mutex
	raw   []byte // nil once value or err is known for good
	value any
	err   error
}

func (r *row) get(codec codecs.Untyped) (any, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.raw == nil {
		return r.value, r.err
	}
	value, err := codec.Decode(r.raw)
	if _, ok := errors.AsType[*registry.UnavailableError](err); ok {
		return nil, err
	}
	r.raw, r.value, r.err = nil, value, err
	return value, err
}

// Get returns the value of key, nil when the table has none. The value is
// shared: it must not be changed.
func (t *Table) Get(key string) (any, error) {
	t.mu.RLock()
	found := t.rows[key]
	t.mu.RUnlock()
	if found == nil {
		return nil, nil
	}
	return found.get(t.codec)
}

// Len returns the number of keys.
func (t *Table) Len() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return len(t.rows)
}

func (t *Table) put(record kafka.Record) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if record.Value == nil {
		delete(t.rows, string(record.Key))
		return
	}
	t.rows[string(record.Key)] = &row{raw: record.Value}
}

// Load reads the topic up to its present end, and returns the positions from
// which Follow goes on.
func (t *Table) Load(ctx context.Context, client *kafka.Client) (*Follower, error) {
	f := &Follower{table: t, client: client, next: map[int32]*kafka.Position{}}
	partitions := t.partitions
	if len(partitions) == 0 {
		count, err := client.Partitions(t.topic)
		if err != nil {
			return nil, fmt.Errorf("loading table %s: %w", t.topic, err)
		}
		for partition := range count {
			partitions = append(partitions, partition)
		}
	}
	for _, partition := range partitions {
		f.next[partition] = new(kafka.Position)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(loadsAtOnce)
	for _, partition := range partitions {
		group.Go(func() error { return f.load(ctx, partition) })
	}
	if err := group.Wait(); err != nil {
		return nil, fmt.Errorf("loading table %s: %w", t.topic, err)
	}
	return f, nil
}

// loadsAtOnce bounds the partitions that are read at once.
const loadsAtOnce = 4

// Follower keeps a loaded table up to date.
type Follower struct {
	// Board is told while the topic cannot be followed. It may be nil.
	Board *health.Board

	table  *Table
	client *kafka.Client
	next   map[int32]*kafka.Position // each is used by the goroutine of its partition
}

// load reads a partition in bulk, up to where its transactions are settled now.
func (f *Follower) load(ctx context.Context, partition int32) error {
	end, err := f.client.EndOffset(f.table.topic, partition, kafka.ReadCommitted)
	if err != nil {
		return err
	}
	for {
		first, err := f.client.Offset(f.table.topic, partition, kafka.Beginning())
		if err != nil {
			return err
		}
		part := kafka.Range{Topic: f.table.topic, Partition: partition, From: first, To: end}
		err = f.client.ReadBulk(ctx, part, f.takeAll)
		// Retention may overtake the reading.
		if !errors.Is(err, kafka.ErrOutOfRange) {
			*f.next[partition] = kafka.At(max(first, end))
			return err
		}
	}
}

// takeAll copies the values, since a piece lives as long as a part of it.
func (f *Follower) takeAll(piece kafka.Bulk) error {
	for _, record := range piece.Records {
		record.Value = bytes.Clone(record.Value)
		f.table.put(record)
	}
	return nil
}

func (f *Follower) take(record kafka.Record) error {
	f.table.put(record)
	*f.next[record.Partition] = kafka.At(record.Offset + 1)
	return nil
}

// Run follows the topic until ctx ends. A broker that is away is waited for.
func (f *Follower) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for partition := range f.next {
		group.Go(func() error {
			f.follow(ctx, partition)
			return nil
		})
	}
	return group.Wait()
}

func (f *Follower) follow(ctx context.Context, partition int32) {
	var wait backoff.Backoff
	for ctx.Err() == nil {
		query := kafka.Query{Topic: f.table.topic, Partitions: []int32{partition}, From: *f.next[partition], Interrupted: f.trouble}
		err := f.client.Read(ctx, query, func(record kafka.Record) error {
			wait.Reset()
			return f.take(record)
		})
		if ctx.Err() != nil {
			return
		}
		f.Board.Pass(f.about(), err, wait.Next()+forgotten)
		f.table.log.Warn("following a table again", "topic", f.table.topic, "partition", partition, "retry_in", wait.Next(), "err", err)
		_ = wait.Wait(ctx) // its only error is the end of the loop
	}
}

// forgotten is how long after its last fault the following counts as healthy. A
// fault that lasts comes again before that.
const forgotten = 5 * time.Second

func (f *Follower) about() string { return "following table " + f.table.topic }

func (f *Follower) trouble(err error) { f.Board.Pass(f.about(), err, forgotten) }
