package task

import (
	"errors"
	"iter"

	"github.com/lovoo/goka/storage"

	"github.com/gokavro/gokavro/topology/internal/store"
)

// IteratorWithRange goes through the rows of [start,limit) as they are handed
// over; nil is no bound. goka uses it for visits.
func (s *rows) IteratorWithRange(start, limit []byte) (storage.Iterator, error) {
	return newIterator(s.run.task.state.DB.Table(s.table).Range(string(start), string(limit))), nil
}

// iterator is a storage.Iterator over a table.
type iterator struct {
	next func() (store.Row, error, bool)
	stop func()
	row  store.Row
	err  error
}

func newIterator(rows iter.Seq2[store.Row, error]) *iterator {
	it := &iterator{}
	it.next, it.stop = iter.Pull2(rows)
	return it
}

// Next moves on.
func (it *iterator) Next() bool {
	row, err, ok := it.next()
	it.row, it.err = row, err
	return ok && err == nil
}

// Err returns what ended the iteration.
func (it *iterator) Err() error { return it.err }

// Key returns the row's key.
func (it *iterator) Key() []byte { return []byte(it.row.Key) }

// Value returns the row's bytes.
func (it *iterator) Value() ([]byte, error) { return it.row.Value, it.err }

// Release ends the iteration.
func (it *iterator) Release() { it.stop() }

// Seek is not used by goka's visits.
func (it *iterator) Seek([]byte) bool {
	it.err = errors.New("seeking is not supported")
	return false
}
