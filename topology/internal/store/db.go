package store

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// DB is the database of one partition.
type DB struct {
	cfg    Config
	opts   *pebble.Options
	disk   *pebble.DB
	lock   *pebble.Lock
	own    *Shared // nil if the caller's is used
	faults *faults
	healed string
	tables map[string]*Table
	keys   sync.Pool // of *[]byte: room to build keys in

	// flushing lets one Flush, Drop, Clear or Load write at a time. It is taken
	// before mu.
	flushing sync.Mutex
	// mu guards what follows, and the tables' offsets.
	mu     sync.Mutex
	filled *Generation   // takes the writes
	sealed []*Generation // the oldest first
}

// Table returns a table by its name, nil if Owner does not name it.
func (db *DB) Table(name string) *Table { return db.tables[name] }

// Healed says why the folder was emptied when it was opened, "" if it was not.
func (db *DB) Healed() string { return db.healed }

// Offset returns the changelog offset that follows the last one of which the
// disk holds the effect, -1 if nothing is known of it: then the table is empty.
// It is 0 or more after the first Flush or Load that told an offset.
func (db *DB) Offset(table string) int64 {
	db.mu.Lock()
	defer db.mu.Unlock()
	if t := db.tables[table]; t != nil {
		return t.offset
	}
	return -1
}

// Seal makes one generation of everything written since the last Seal, also of
// nothing. What is written from now on belongs to the next.
func (db *DB) Seal() *Generation {
	db.mu.Lock()
	defer db.mu.Unlock()
	g := db.filled
	g.sealed = db.cfg.Now()
	db.sealed = append(db.sealed, g)
	db.filled = db.newGeneration()
	return g
}

// unflushed returns the generations that are not flushed, the oldest first, to
// one who holds mu.
func (db *DB) unflushed() []*Generation { return append(slices.Clip(db.sealed), db.filled) }

// Drop forgets everything that is not flushed: all sealed generations and the
// one that fills. Values that caches hold of the keys written in them are
// forgotten too. No record may be in work meanwhile.
func (db *DB) Drop() {
	db.flushing.Lock()
	defer db.flushing.Unlock()
	db.mu.Lock()
	dropped := db.unflushed()
	db.sealed, db.filled = nil, db.newGeneration()
	db.mu.Unlock()
	for _, g := range dropped {
		for t, b := range g.buffers {
			t.forget(b)
		}
	}
}

// Clear removes all rows of a table and its offset, for a restore from the
// beginning. What is not flushed of the table is forgotten.
func (db *DB) Clear(table string) error {
	t := db.tables[table]
	if t == nil {
		return unknown(table)
	}
	db.flushing.Lock()
	defer db.flushing.Unlock()
	if err := db.faults.err(); err != nil {
		return err
	}
	if err := db.clear(table); err != nil {
		return err
	}
	db.mu.Lock()
	for _, g := range db.unflushed() {
		delete(g.buffers, t)
	}
	t.offset, t.confirmed = -1, time.Time{}
	db.mu.Unlock()
	t.forgetAll()
	return nil
}

// clear removes what the disk has of a table, also of one that is not known any
// more.
func (db *DB) clear(table string) error {
	batch := db.disk.NewBatch()
	defer func() { _ = batch.Close() }()
	for _, space := range []byte{topicSpace, offsetSpace, confirmSpace, rowSpace, timeSpace} {
		from := prefix(space, table)
		if err := batch.DeleteRange(from, after(from), nil); err != nil {
			return db.faults.note("clearing a table", err)
		}
	}
	return db.apply(batch, pebble.Sync)
}

// apply writes a batch.
func (db *DB) apply(batch *pebble.Batch, how *pebble.WriteOptions) error {
	if err := db.faults.err(); err != nil {
		return err
	}
	if err := batch.Commit(how); err != nil {
		return db.faults.note("writing", err)
	}
	return db.faults.err() // guard does not tell Pebble
}

// Close closes the database. What is not flushed is lost. A second Close does
// nothing. It waits for what a [Loader] writes, which fails from then on with
// [ErrClosed]. Nothing else may run or come after it.
func (db *DB) Close() error {
	db.flushing.Lock()
	defer db.flushing.Unlock()
	if errors.Is(db.faults.err(), ErrClosed) {
		return nil
	}
	failed := db.faults.err() != nil
	err := errors.Join(db.disk.Close(), db.lock.Close())
	closed := fmt.Errorf("store: %s: %w", db.faults.folder, ErrClosed)
	db.faults.first.Store(&closed)
	if db.own != nil {
		db.own.Close()
	}
	if err != nil && !failed {
		return fmt.Errorf("store: closing %s: %w", db.faults.folder, err)
	}
	return nil
}

func unknown(table string) error {
	return fmt.Errorf("store: no table %q was given when the store was opened", table)
}
