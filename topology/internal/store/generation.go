package store

import (
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// Generation is what was written between two calls of [DB.Seal].
type Generation struct {
	db      *DB
	buffers map[*Table]*buffer
	sealed  time.Time
}

func (db *DB) newGeneration() *Generation {
	return &Generation{db: db, buffers: make(map[*Table]*buffer, len(db.tables))}
}

// of returns the buffer of a table.
func (g *Generation) of(t *Table) *buffer {
	b := g.buffers[t]
	if b == nil {
		b = newBuffer()
		g.buffers[t] = b
	}
	return b
}

func (g *Generation) get(t *Table, key string) (row, bool) {
	b := g.buffers[t]
	if b == nil {
		return row{}, false
	}
	found, ok := b.rows[key]
	return found, ok
}

// Change is one record for the changelog.
type Change struct {
	// Key is the row's key.
	Key string
	// Value is its value; nil is a tombstone. It must not be changed.
	Value []byte
	// Time is when the row was set, for the record's timestamp: a restore takes it
	// from there. It is zero in a table without a TTL.
	Time time.Time
}

// Changes yields the last write of each key of a table, in the keys' order.
func (g *Generation) Changes(table string) iter.Seq[Change] {
	return func(yield func(Change) bool) {
		for _, r := range g.rows(g.db.tables[table]) {
			change := Change{Key: r.key, Value: r.value}
			if r.millis != 0 {
				change.Time = time.UnixMilli(r.millis)
			}
			if !yield(change) {
				return
			}
		}
	}
}

// rows returns what was written to a table, in the keys' order.
func (g *Generation) rows(t *Table) []keyed {
	g.db.mu.Lock()
	defer g.db.mu.Unlock()
	b := g.buffers[t]
	if b == nil {
		return nil
	}
	return b.between("", nil)
}

// Flush brings the generation to the disk, together with the offsets that its
// changes have moved the changelogs to, by table: for each the one behind the
// table's last change, from which a restore goes on. It is all there afterwards
// or nothing is. Generations are flushed in the order of their sealing, each
// once; an error leaves the database of no use until it is opened again.
func (g *Generation) Flush(offsets map[string]int64) error {
	db := g.db
	db.flushing.Lock()
	defer db.flushing.Unlock()
	if err := g.isNext(); err != nil {
		return err
	}
	batch := db.disk.NewBatch()
	defer func() { _ = batch.Close() }()
	var confirmed []*Table
	for name, offset := range offsets {
		if db.tables[name] == nil {
			return unknown(name)
		}
		if err := batch.Set(prefix(offsetSpace, name), encodeOffset(offset), nil); err != nil {
			return db.faults.note("flushing", err)
		}
		if t := db.tables[name]; db.confirms(t, g.sealed) {
			confirmed = append(confirmed, t)
			if err := batch.Set(prefix(confirmSpace, name), encodeTime(g.sealed), nil); err != nil {
				return db.faults.note("flushing", err)
			}
		}
	}
	for t := range g.buffers {
		if err := g.write(batch, t); err != nil {
			return db.faults.note("flushing", err)
		}
	}
	if err := db.apply(batch, pebble.NoSync); err != nil {
		return err
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	db.sealed = append([]*Generation(nil), db.sealed[1:]...)
	for name, offset := range offsets {
		db.tables[name].offset = offset
	}
	for _, t := range confirmed {
		t.confirmed = g.sealed
	}
	return nil
}

// isNext makes sure that the generation is the oldest one that is sealed.
func (g *Generation) isNext() error {
	if err := g.db.faults.err(); err != nil {
		return err
	}
	g.db.mu.Lock()
	defer g.db.mu.Unlock()
	for i, waiting := range g.db.sealed {
		if waiting == g && i > 0 {
			return fmt.Errorf("store: flushing: %d generations before it are neither flushed nor dropped", i)
		}
		if waiting == g {
			return nil
		}
	}
	return errors.New("store: flushing: the generation is flushed or dropped already")
}

// write puts a table's rows into the batch.
func (g *Generation) write(batch *pebble.Batch, t *Table) error {
	for swept := range g.buffers[t].swept {
		if err := batch.Delete([]byte(swept), nil); err != nil {
			return err
		}
	}
	room := encoder{table: t}
	for _, r := range g.rows(t) {
		if err := room.write(batch, r); err != nil {
			return err
		}
	}
	return nil
}

// encoder writes the rows of a table.
type encoder struct {
	table      *Table
	key, value []byte
}

func (e *encoder) write(batch *pebble.Batch, r keyed) error {
	t := e.table
	e.key = append(append(e.key[:0], t.rows...), r.key...)
	if r.value == nil {
		return batch.Delete(e.key, nil)
	}
	if t.spec.TTL == 0 {
		return batch.Set(e.key, r.value, nil)
	}
	e.value = appendTimed(e.value[:0], r.millis, r.value)
	if err := batch.Set(e.key, e.value, nil); err != nil {
		return err
	}
	e.key = t.appendIndex(e.key[:0], r)
	return batch.Set(e.key, nil, nil)
}

// appendIndex appends a row's key in the time index.
func (t *Table) appendIndex(dst []byte, r keyed) []byte {
	dst = appendMillis(append(dst, t.times...), roundUp(r.millis, t.spec.TTL))
	return append(dst, r.key...)
}
