package store

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/objstorage/objstorageprovider"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"
)

const (
	// loadFile is the table file that a Loader makes before Pebble takes it over.
	loadFile = "LOADING"
	// smallLoad is up to how many bytes a load goes through Pebble's log: a file of
	// its own costs a few waits for the disk.
	smallLoad = 256 << 10
)

// Loader brings records of a changelog to the disk in bulk, past the buffer. It
// is for one goroutine, while the table is neither read nor written.
type Loader struct {
	table   *Table
	records []loaded
	bytes   int
}

// loaded is one record.
type loaded struct {
	key    []byte
	value  []byte
	millis int64
}

// Load returns a loader for a table.
func (db *DB) Load(table string) (*Loader, error) {
	t := db.tables[table]
	if t == nil {
		return nil, unknown(table)
	}
	return &Loader{table: t}, nil
}

// Add takes the changelog's next record; a nil value is a tombstone. The bytes
// must not be changed before Commit.
func (l *Loader) Add(key, value []byte, at time.Time) {
	l.records = append(l.records, loaded{key: key, value: value, millis: at.UnixMilli()})
	l.bytes += len(key) + len(value)
}

// Bytes returns how many bytes of keys and values wait for Commit.
func (l *Loader) Bytes() int { return l.bytes }

// Commit brings what was added to the disk, and next as the table's offset: all
// of it or nothing.
func (l *Loader) Commit(next int64) error {
	db := l.table.db
	db.flushing.Lock()
	defer db.flushing.Unlock()
	if err := db.faults.err(); err != nil {
		return err
	}
	write := l.ingest
	if l.bytes <= smallLoad {
		write = l.batch
	}
	if err := write(next); err != nil {
		return err
	}
	db.mu.Lock()
	l.table.offset = next
	db.mu.Unlock()
	l.table.forgetAll()
	clear(l.records)
	l.records, l.bytes = l.records[:0], 0
	return nil
}

// batch writes the records as a flush does.
func (l *Loader) batch(next int64) error {
	db := l.table.db
	batch := db.disk.NewBatch()
	defer func() { _ = batch.Close() }()
	room := encoder{table: l.table}
	err := batch.Set(prefix(offsetSpace, l.table.spec.Name), encodeOffset(next), nil)
	for _, r := range l.records {
		if err != nil {
			break
		}
		err = room.write(batch, keyed{string(r.key), row{r.value, r.millis}})
	}
	if err != nil {
		return db.faults.note("loading", err)
	}
	return db.apply(batch, pebble.NoSync)
}

// ingest writes the records, sorted, to a file that Pebble takes over as it is.
// That holds the offset too, so that the two never part.
func (l *Loader) ingest(next int64) error {
	db := l.table.db
	path := db.opts.FS.PathJoin(db.faults.folder, loadFile)
	err := l.writeFile(path, next)
	if err == nil {
		err = db.disk.Ingest(context.Background(), []string{path})
	}
	if err != nil {
		_ = db.opts.FS.Remove(path)
		return db.faults.note(fmt.Sprintf("loading table %q", l.table.spec.Name), err)
	}
	return db.faults.err()
}

func (l *Loader) writeFile(path string, next int64) error {
	db := l.table.db
	file, err := db.opts.FS.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	opts := db.opts.MakeWriterOptions(0, db.disk.TableFormat())
	w := sstable.NewWriter(objstorageprovider.NewFileWritable(file), opts)
	err = w.Set(prefix(offsetSpace, l.table.spec.Name), encodeOffset(next))
	rows := l.last()
	for i := range rows {
		if err != nil {
			break
		}
		err = l.writeRow(w, &rows[i])
	}
	if err == nil && l.table.spec.TTL > 0 {
		err = l.writeIndex(w, rows)
	}
	return errors.Join(err, w.Close())
}

// last sorts the records by key and leaves the last one of each.
func (l *Loader) last() []loaded {
	// Most comparisons need no more than the bytes in which the keys first differ.
	type entry struct {
		head uint64
		at   int
	}
	order := make([]entry, len(l.records))
	same := l.common()
	for i := range order {
		order[i] = entry{head(l.records[i].key[same:]), i}
	}
	slices.SortFunc(order, func(a, b entry) int {
		if a.head != b.head {
			return cmp.Compare(a.head, b.head)
		}
		return cmp.Or(bytes.Compare(l.records[a.at].key, l.records[b.at].key), cmp.Compare(a.at, b.at))
	})
	rows := make([]loaded, 0, len(order))
	for _, e := range order {
		r := l.records[e.at]
		if n := len(rows); n > 0 && bytes.Equal(rows[n-1].key, r.key) {
			rows[n-1] = r
			continue
		}
		rows = append(rows, r)
	}
	return rows
}

// common returns how many bytes all keys begin with alike.
func (l *Loader) common() int {
	first := l.records[0].key
	n := len(first)
	for i := range l.records {
		key := l.records[i].key
		n = min(n, len(key))
		for !bytes.Equal(key[:n], first[:n]) {
			n--
		}
	}
	return n
}

// head returns the first bytes of a key as a number that sorts as they do.
func head(key []byte) uint64 {
	var padded [8]byte
	copy(padded[:], key)
	return binary.BigEndian.Uint64(padded[:])
}

func (l *Loader) writeRow(w *sstable.Writer, r *loaded) error {
	t := l.table
	room := t.db.keys.Get().(*[]byte)
	defer t.db.keys.Put(room)
	at := len(t.rows) + len(r.key)
	*room = append(append((*room)[:0], t.rows...), r.key...)
	switch {
	case r.value == nil:
		return w.Delete(*room)
	case t.spec.TTL == 0:
		return w.Set(*room, r.value)
	}
	*room = appendTimed(*room, r.millis, r.value)
	return w.Set((*room)[:at], (*room)[at:])
}

// writeIndex writes the time index, in its own order.
func (l *Loader) writeIndex(w *sstable.Writer, rows []loaded) error {
	var entries [][]byte
	for _, r := range rows {
		if r.value != nil {
			entries = append(entries, l.table.appendIndex(nil, keyed{string(r.key), row{millis: r.millis}}))
		}
	}
	slices.SortFunc(entries, bytes.Compare)
	for _, entry := range entries {
		if err := w.Set(entry, nil); err != nil {
			return err
		}
	}
	return nil
}
