package standby

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gokavro/gokavro/topology/internal/backoff"
	"github.com/gokavro/gokavro/topology/internal/restore"
	"github.com/gokavro/gokavro/topology/internal/store"
	"github.com/gokavro/gokavro/topology/kafka"
)

const (
	// openPause is the first wait for a folder that the partition's task has not
	// given up yet.
	openPause = 20 * time.Millisecond
	// quietTries is how often that is not worth a word.
	quietTries = 5
	// A table with a TTL is tidied at intervals, a bit at a time.
	tidyInterval = 10 * time.Second
	tidiedAtOnce = 10_000
)

// copied is the copy of one partition. Lock order: using, then mu.
type copied struct {
	of        *Standbys
	partition int32
	life      context.Context //nolint:containedctx // ends with the copy
	end       context.CancelFunc
	failed    chan error // has room for one: why it is not followed any more; publish makes it
	warm      bool       // whether it was up to date when it was reserved

	using sync.Mutex // held while the database is opened, closed or written to by what follows
	db    *store.DB  // nil while it is closed

	mu     sync.Mutex
	tables map[string]*followed // by topic, once they are loaded
	behind map[string]int64     // offsets, by topic, while they are loaded
}

// followed is a table that is loaded.
type followed struct {
	db     *store.DB
	name   string
	loader *store.Loader
	next   int64 // offset to go on from
	lag    int64
}

func newCopied(of *Standbys, partition int32) *copied {
	c := &copied{of: of, partition: partition}
	c.life, c.end = context.WithCancel(of.life)
	return c
}

// run keeps the copy until it is closed. What it meets it tries again: a store
// that is damaged is emptied when it is opened, and one that does not fit its
// changelog when it is loaded.
func (c *copied) run() {
	wait := backoff.Backoff{First: openPause}
	for try := 1; ; try++ {
		loaded, err := c.keep()
		err = errors.Join(err, c.shut())
		if c.life.Err() != nil {
			return
		}
		if loaded {
			try = 1
			wait.Reset()
		}
		if loaded || try > quietTries {
			c.of.cfg.Log.Warn("starting a standby again", "partition", c.partition, "retry_in", wait.Next(), "err", err)
		}
		_ = wait.Wait(c.life)
	}
}

// detach ends the copy and returns its database, which nothing uses any more; nil
// if it is not loaded.
func (c *copied) detach() *store.DB {
	c.using.Lock()
	defer c.using.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.tables == nil || c.life.Err() != nil {
		return nil
	}
	db := c.db
	c.db, c.tables = nil, nil
	c.end()
	return db
}

// close ends the copy and gives its folder up. A loading that waits for a broker
// ends by itself.
func (c *copied) close() error {
	c.end()
	return c.shut()
}

func (c *copied) shut() error {
	c.using.Lock()
	defer c.using.Unlock()
	c.mu.Lock()
	c.tables, c.behind = nil, nil
	c.mu.Unlock()
	db := c.db
	c.db = nil
	if db == nil {
		return nil
	}
	return db.Close()
}

// keep opens the copy, loads it, and lets it be followed until something fails.
func (c *copied) keep() (loaded bool, err error) {
	if err := c.open(); err != nil {
		return false, err
	}
	if err := c.load(); err != nil {
		return false, err
	}
	tidy := time.NewTicker(tidyInterval)
	defer tidy.Stop()
	for {
		select {
		case <-c.life.Done():
			return true, nil
		case err := <-c.failed:
			return true, err
		case now := <-tidy.C:
			if err := c.tidy(now); err != nil {
				return true, err
			}
		}
	}
}

func (c *copied) open() error {
	c.using.Lock()
	defer c.using.Unlock()
	if err := c.life.Err(); err != nil {
		return err
	}
	cfg := c.of.cfg.Store
	cfg.Owner.Partition = c.partition
	var err error
	c.db, err = store.Open(cfg)
	return err
}

// load brings the tables up to their changelogs and has them followed.
func (c *copied) load() error {
	db := c.opened()
	if db == nil {
		return c.life.Err()
	}
	if call := c.of.cfg.Events.Started; call != nil {
		call(c.partition)
	}
	select {
	case c.of.loading <- struct{}{}:
		defer func() { <-c.of.loading }()
	case <-c.life.Done():
		return c.life.Err()
	}
	done := Progress{Partition: c.partition}
	if err := c.restore(db, &done); err != nil {
		return err
	}
	if err := c.publish(db); err != nil {
		return err
	}
	if call := c.of.cfg.Events.CaughtUp; call != nil {
		call(done)
	}
	return nil
}

func (c *copied) opened() *store.DB {
	c.using.Lock()
	defer c.using.Unlock()
	return c.db
}

func (c *copied) restore(db *store.DB, done *Progress) error {
	var tables []restore.Table
	for _, spec := range c.of.cfg.Store.Owner.Tables {
		tables = append(tables, restore.Table{DB: db, Name: spec.Name, Topic: spec.Topic, Partition: c.partition})
	}
	var events restore.Events
	if c.of.cfg.Events.Restore != nil {
		events = c.of.cfg.Events.Restore()
	}
	heard, finished := events.Progressed, events.Finished
	events.Progressed = func(p restore.Progress) {
		c.note(p)
		if heard != nil {
			heard(p)
		}
	}
	events.Finished = func(p restore.Progress) {
		done.Records += p.Records
		done.Bytes += p.Bytes
		if finished != nil {
			finished(p)
		}
	}
	return restore.Run(c.life, restore.Config{Client: c.of.cfg.Client, Parallel: 1, Events: events}, tables...)
}

// note keeps how far a loading is.
func (c *copied) note(p restore.Progress) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.behind == nil {
		c.behind = map[string]int64{}
	}
	c.behind[p.Table.Topic] = p.End - p.Next
}

// publish has the tables followed from where they are.
func (c *copied) publish(db *store.DB) error {
	tables := map[string]*followed{}
	for _, spec := range c.of.cfg.Store.Owner.Tables {
		loader, err := db.Load(spec.Name)
		if err != nil {
			return err
		}
		tables[spec.Topic] = &followed{db: db, name: spec.Name, loader: loader, next: max(db.Offset(spec.Name), 0)}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tables, c.behind = tables, nil
	c.failed = make(chan error, 1)
	return nil
}

// tails returns what is to be followed.
func (c *copied) tails() []kafka.Tail {
	c.mu.Lock()
	defer c.mu.Unlock()
	var tails []kafka.Tail
	for topic, table := range c.tables {
		tails = append(tails, kafka.Tail{Topic: topic, Partition: c.partition, From: table.next})
	}
	return tails
}

// take brings a piece of a changelog to the disk.
func (c *copied) take(piece kafka.Piece) {
	c.using.Lock()
	defer c.using.Unlock()
	c.mu.Lock()
	table := c.tables[piece.Topic]
	wanted := table != nil && table.next == piece.From
	c.mu.Unlock()
	if !wanted {
		return
	}
	err := piece.Err
	if err == nil {
		err = table.load(piece)
	}
	if err != nil {
		c.fail(fmt.Errorf("standby: following %s/%d: %w", piece.Topic, piece.Partition, err))
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	table.next, table.lag = piece.Next, max(piece.Stable-piece.Next, 0)
}

func (t *followed) load(piece kafka.Piece) error {
	for i := range piece.Records {
		if record := &piece.Records[i]; record.Key != nil {
			t.loader.Add(record.Key, record.Value, record.Time)
		}
	}
	if piece.Next > piece.From {
		if err := t.loader.Commit(piece.Next); err != nil {
			return err
		}
	}
	if piece.Next < piece.Stable {
		return nil
	}
	return t.db.Confirm(t.name, time.Now())
}

// fail ends the following, to start over.
func (c *copied) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tables = nil
	select {
	case c.failed <- err:
	default:
	}
}

// tidy keeps the time index of rows that were set again from growing.
func (c *copied) tidy(now time.Time) error {
	c.using.Lock()
	defer c.using.Unlock()
	if c.db == nil {
		return nil
	}
	return c.db.Tidy(now, tidiedAtOnce)
}

// lag returns how many offsets the copy is behind, -1 if that is not known.
func (c *copied) lag() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	var sum int64
	for _, table := range c.tables {
		sum += table.lag
	}
	for _, behind := range c.behind {
		sum += behind
	}
	if c.tables == nil && len(c.behind) == 0 {
		return -1
	}
	return sum
}

func (c *copied) isWarm() bool {
	c.mu.Lock()
	loaded := c.tables != nil
	c.mu.Unlock()
	return loaded && c.lag() <= warmLag
}
