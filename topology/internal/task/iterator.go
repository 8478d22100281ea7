package task

import (
	"errors"
	"iter"
	"sync"

	"github.com/lovoo/goka/storage"

	"github.com/gokavro/gokavro/topology/internal/store"
)

// IteratorWithRange goes through the rows of [start,limit) as they are handed
// over; nil is no bound. goka uses it for visits, which may outlast the run.
func (s *rows) IteratorWithRange(start, limit []byte) (storage.Iterator, error) {
	t := s.run.task
	return t.iterators.add(func() iter.Seq2[store.Row, error] {
		return t.state.DB.Table(s.table).Range(string(start), string(limit))
	})
}

// iterators are those over the tables of a task. None touches them once they are
// closed.
type iterators struct {
	mu     sync.Mutex
	closed bool
	open   map[*iterator]bool
}

var errTablesClosed = errors.New("the tables of the partition are closed")

func (all *iterators) add(rows func() iter.Seq2[store.Row, error]) (*iterator, error) {
	all.mu.Lock()
	defer all.mu.Unlock()
	if all.closed {
		return nil, errTablesClosed
	}
	it := &iterator{all: all}
	it.next, it.stop = iter.Pull2(rows())
	if all.open == nil {
		all.open = map[*iterator]bool{}
	}
	all.open[it] = true
	return it, nil
}

// close ends all iterators for good.
func (all *iterators) close() {
	all.mu.Lock()
	defer all.mu.Unlock()
	all.closed = true
	for it := range all.open {
		it.end()
	}
}

// iterator is a storage.Iterator over a table.
type iterator struct {
	all  *iterators
	next func() (store.Row, error, bool)
	stop func()
	row  store.Row
	err  error
}

// end gives up what the table holds for the iterator; all.mu is held.
func (it *iterator) end() {
	it.stop()
	delete(it.all.open, it)
}

// Next moves on.
func (it *iterator) Next() bool {
	it.all.mu.Lock()
	defer it.all.mu.Unlock()
	if it.all.closed {
		it.err = errTablesClosed
		return false
	}
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
func (it *iterator) Release() {
	it.all.mu.Lock()
	defer it.all.mu.Unlock()
	it.end()
}

// Seek is not used by goka's visits.
func (it *iterator) Seek([]byte) bool {
	it.err = errors.New("seeking is not supported")
	return false
}
