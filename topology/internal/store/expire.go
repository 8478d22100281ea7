package store

import (
	"errors"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// Expire deletes rows that have outlived the TTL of their table at now, as
// [Table.Delete] does, so that tombstones reach the changelog with the next
// generation. It looks at limit entries of the time index at most, and returns
// how many: less than limit means that all is done. A row is deleted up to a
// thirty-second part of the TTL after it has expired, and not seen meanwhile.
// It is cheap when nothing has expired.
func (db *DB) Expire(now time.Time, limit int) (looked int, err error) {
	if err := db.faults.err(); err != nil {
		return 0, err
	}
	for _, spec := range db.cfg.Owner.Tables {
		if spec.TTL == 0 || looked >= limit {
			continue
		}
		n, err := db.tables[spec.Name].sweep(now.UnixMilli(), limit-looked)
		looked += n
		if err != nil {
			return looked, db.faults.note(fmt.Sprintf("expiring rows of table %q", spec.Name), err)
		}
	}
	return looked, nil
}

// sweep goes through the index, the oldest entries first. Those that a generation
// before it has seen to are not gone from the disk until that is flushed.
func (t *Table) sweep(now int64, limit int) (looked int, err error) {
	entries, err := t.aged(now)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, entries.Close()) }()
	for valid := entries.First(); valid && looked < limit; valid = entries.Next() {
		entry := string(entries.Key())
		_, key, err := splitIndex([]byte(entry[len(t.times):]))
		if err != nil {
			return looked, err
		}
		fresh, err := t.expire(entry, string(key), now)
		if err != nil {
			return looked, err
		}
		if fresh {
			looked++
		}
	}
	return looked, entries.Error()
}

// expire takes an entry off the index and deletes its row, unless that was set
// again. It returns false if that was done before. It holds mu all the while,
// lest the row is set between the look and the deletion.
func (t *Table) expire(entry, key string, now int64) (fresh bool, err error) {
	t.db.mu.Lock()
	defer t.db.mu.Unlock()
	if t.sweptBefore(entry) {
		return false, nil
	}
	found, known := t.written(key)
	if !known {
		if found, err = t.stored(key); err != nil {
			return false, err
		}
	}
	b := t.db.filled.of(t)
	b.sweep(entry)
	if found.value != nil && outlived(found.millis, now, t.spec.TTL) {
		b.put(key, row{millis: now})
	}
	return true, nil
}

// Tidy takes entries off the time index that are of no more use, their rows being
// set again or deleted: for a database that only a [Loader] writes to. [DB.Expire]
// does that elsewhere. Rows that have outlived their TTL stay until the changelog
// has their tombstones. It looks at limit entries at most of each table.
func (db *DB) Tidy(now time.Time, limit int) error {
	db.flushing.Lock()
	defer db.flushing.Unlock()
	if err := db.faults.err(); err != nil {
		return err
	}
	batch := db.disk.NewBatch()
	defer func() { _ = batch.Close() }()
	for _, spec := range db.cfg.Owner.Tables {
		if spec.TTL == 0 {
			continue
		}
		if err := db.tables[spec.Name].tidy(batch, now.UnixMilli(), limit); err != nil {
			return db.faults.note(fmt.Sprintf("tidying table %q", spec.Name), err)
		}
	}
	if batch.Empty() {
		return nil
	}
	return db.apply(batch, pebble.NoSync)
}

func (t *Table) tidy(batch *pebble.Batch, now int64, limit int) (err error) {
	entries, err := t.aged(now)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, entries.Close()) }()
	for valid := entries.First(); valid && limit > 0; valid = entries.Next() {
		limit--
		_, key, err := splitIndex(entries.Key()[len(t.times):])
		if err != nil {
			return err
		}
		found, err := t.stored(string(key))
		if err != nil {
			return err
		}
		if found.value != nil && outlived(found.millis, now, t.spec.TTL) {
			continue
		}
		if err := batch.Delete(entries.Key(), nil); err != nil {
			return err
		}
	}
	return entries.Error()
}

// aged iterates the entries of the index that are older than the TTL.
func (t *Table) aged(now int64) (*pebble.Iterator, error) {
	return t.db.disk.NewIter(&pebble.IterOptions{
		LowerBound: t.times,
		UpperBound: appendMillis(append([]byte(nil), t.times...), now-t.spec.TTL.Milliseconds()+1),
	})
}

func (t *Table) sweptBefore(entry string) bool {
	for _, g := range t.db.unflushed() {
		if b := g.buffers[t]; b != nil && b.swept[entry] {
			return true
		}
	}
	return false
}
