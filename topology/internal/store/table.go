package store

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// Table is one table of a database. A row that has outlived the table's TTL is
// not seen by any read.
type Table struct {
	db        *DB
	spec      Spec
	rows      []byte    // prefix of the rows
	times     []byte    // prefix of the time index
	offset    int64     // guarded by db.mu, and so is confirmed
	confirmed time.Time // when it was last known to be as its changelog

	caches caches
}

// Name returns the table's name.
func (t *Table) Name() string { return t.spec.Name }

// Get returns the value of a key, false if there is none. The value stays as it
// is and must not be changed.
func (t *Table) Get(key string) ([]byte, bool, error) {
	found, ok, err := t.read(key)
	return found.value, ok, err
}

func (t *Table) read(key string) (row, bool, error) {
	if err := t.db.faults.err(); err != nil {
		return row{}, false, err
	}
	found, known := t.buffered(key)
	if !known {
		var err error
		if found, err = t.stored(key); err != nil {
			return row{}, false, t.db.faults.note(fmt.Sprintf("reading key %q of table %q", key, t.spec.Name), err)
		}
	}
	if found.value == nil || t.expired(found) {
		return row{}, false, nil
	}
	return found, true, nil
}

// Set writes a value, which must not be changed afterwards. A nil value deletes
// the key, as it does in Kafka; an empty one is a value.
func (t *Table) Set(key string, value []byte) { t.set(key, value) }

// set returns the time of the row.
func (t *Table) set(key string, value []byte) (millis int64) {
	if t.spec.TTL > 0 {
		millis = t.now()
	}
	t.db.mu.Lock()
	t.db.filled.of(t).put(key, row{value: value, millis: millis})
	t.db.mu.Unlock()
	return millis
}

// Delete removes a key. That it is not there makes no difference.
func (t *Table) Delete(key string) { t.Set(key, nil) }

// buffered returns what is written and not flushed.
func (t *Table) buffered(key string) (row, bool) {
	t.db.mu.Lock()
	defer t.db.mu.Unlock()
	return t.written(key)
}

// written is buffered for one who holds mu.
func (t *Table) written(key string) (row, bool) {
	if found, ok := t.db.filled.get(t, key); ok {
		return found, true
	}
	for _, g := range slices.Backward(t.db.sealed) {
		if found, ok := g.get(t, key); ok {
			return found, true
		}
	}
	return row{}, false
}

// stored returns what the disk has: a row without a value if it has none.
func (t *Table) stored(key string) (row, error) {
	room := t.db.keys.Get().(*[]byte)
	defer t.db.keys.Put(room)
	*room = append(append((*room)[:0], t.rows...), key...)
	value, closer, err := t.db.disk.Get(*room)
	if errors.Is(err, pebble.ErrNotFound) {
		return row{}, nil
	}
	if err != nil {
		return row{}, err
	}
	found, err := t.parse(value)
	return found, errors.Join(err, closer.Close())
}

// parse reads a stored row, and copies it.
func (t *Table) parse(stored []byte) (found row, err error) {
	if t.spec.TTL > 0 {
		if found.millis, stored, err = splitTimed(stored); err != nil {
			return row{}, err
		}
	}
	found.value = append(make([]byte, 0, len(stored)), stored...)
	return found, nil
}

// expired tells whether a row has outlived the TTL.
func (t *Table) expired(r row) bool {
	return t.spec.TTL > 0 && outlived(r.millis, t.now(), t.spec.TTL)
}

func outlived(millis, now int64, ttl time.Duration) bool { return now-millis >= ttl.Milliseconds() }

// now returns the clock's time in Kafka's unit.
func (t *Table) now() int64 { return t.db.cfg.Now().UnixMilli() }
