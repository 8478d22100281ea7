package store

import (
	"errors"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// confirmEvery is how far behind the truth Confirmed may be, so that not each
// flush has to write it.
const confirmEvery = time.Minute

// Confirmed returns when a table was last known to be as its changelog, to the
// minute, and never too late. It is zero if nothing is known of it.
func (db *DB) Confirmed(table string) time.Time {
	db.mu.Lock()
	defer db.mu.Unlock()
	if t := db.tables[table]; t != nil {
		return t.confirmed
	}
	return time.Time{}
}

// Confirm notes that a table has been as its changelog at that time. [DB.Clear]
// forgets it.
func (db *DB) Confirm(table string, at time.Time) error {
	t := db.tables[table]
	if t == nil {
		return unknown(table)
	}
	db.flushing.Lock()
	defer db.flushing.Unlock()
	if !db.confirms(t, at) {
		return nil
	}
	batch := db.disk.NewBatch()
	defer func() { _ = batch.Close() }()
	if err := batch.Set(prefix(confirmSpace, table), encodeTime(at), nil); err != nil {
		return db.faults.note("noting when a table was read", err)
	}
	if err := db.apply(batch, pebble.NoSync); err != nil {
		return err
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	t.confirmed = at
	return nil
}

// confirms reports whether a time is worth to be noted.
func (db *DB) confirms(t *Table, at time.Time) bool {
	db.mu.Lock()
	defer db.mu.Unlock()
	return at.Sub(t.confirmed) >= confirmEvery
}

// readConfirmed takes up what was noted before.
func (t *Table) readConfirmed() error {
	stored, closer, err := t.db.disk.Get(prefix(confirmSpace, t.spec.Name))
	if errors.Is(err, pebble.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("store: reading when table %q was read: %w", t.spec.Name, err)
	}
	if len(stored) != timeBytes {
		err = fmt.Errorf("store: reading when table %q was read: %w: %w", t.spec.Name, pebble.ErrCorruption, errShort)
	} else {
		t.confirmed = time.UnixMilli(readMillis(stored))
	}
	return errors.Join(err, closer.Close())
}

func encodeTime(at time.Time) []byte { return appendMillis(nil, at.UnixMilli()) }
