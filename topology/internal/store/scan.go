package store

import (
	"bytes"
	"errors"
	"fmt"
	"iter"

	"github.com/cockroachdb/pebble/v2"
)

// Row is a key with its value.
type Row struct {
	// Key is the row's key.
	Key string
	// Value is its value. It must not be changed.
	Value []byte
}

// Range yields the rows with keys from from up to and without to, in the order
// of their bytes, as they are when the loop begins; an empty to is no bound. An
// error is the last thing that it yields.
func (t *Table) Range(from, to string) iter.Seq2[Row, error] {
	if to == "" {
		return t.scan(from, nil)
	}
	return t.scan(from, &to)
}

// Prefix yields the rows whose keys begin with p, as [Table.Range] does.
func (t *Table) Prefix(p string) iter.Seq2[Row, error] {
	end := after([]byte(p))
	if end == nil {
		return t.scan(p, nil)
	}
	to := string(end)
	return t.scan(p, &to)
}

func (t *Table) scan(from string, to *string) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		s, err := t.newScan(from, to)
		if err == nil {
			err = errors.Join(s.run(yield), s.disk.Close())
		}
		if err != nil && !errors.Is(err, errStopped) {
			yield(Row{}, err)
		}
	}
}

// errStopped is the end of a loop that its body has left.
var errStopped = errors.New("stopped")

// scan merges what is not flushed over what the disk has.
type scan struct {
	table    *Table
	buffered []keyed
	disk     *pebble.Iterator
	now      int64
}

// newScan takes both at one moment.
func (t *Table) newScan(from string, to *string) (*scan, error) {
	if err := t.db.faults.err(); err != nil {
		return nil, err
	}
	s := &scan{table: t, now: t.now()}
	bounds := &pebble.IterOptions{
		LowerBound: append(bytes.Clone(t.rows), from...),
		UpperBound: after(t.rows),
	}
	if to != nil {
		bounds.UpperBound = append(bytes.Clone(t.rows), *to...)
	}
	t.db.mu.Lock()
	defer t.db.mu.Unlock()
	for _, g := range t.db.unflushed() {
		if b := g.buffers[t]; b != nil {
			s.buffered = overlay(s.buffered, b.between(from, to))
		}
	}
	var err error
	if s.disk, err = t.db.disk.NewIter(bounds); err != nil {
		return nil, t.db.faults.note(fmt.Sprintf("scanning table %q", t.spec.Name), err)
	}
	return s, nil
}

func (s *scan) run(yield func(Row, error) bool) error {
	for valid := s.disk.First(); valid; valid = s.disk.Next() {
		key := string(s.disk.Key()[len(s.table.rows):])
		covered, err := s.passBuffered(key, yield)
		if err != nil {
			return err
		}
		if covered {
			continue
		}
		if err := s.passStored(key, yield); err != nil {
			return err
		}
	}
	if err := s.disk.Error(); err != nil {
		return s.failed(err)
	}
	return s.pass(s.buffered, yield)
}

// passBuffered passes the buffered rows up to key on, and tells whether key is
// one of them.
func (s *scan) passBuffered(key string, yield func(Row, error) bool) (covered bool, err error) {
	n := 0
	for n < len(s.buffered) && s.buffered[n].key <= key {
		covered = s.buffered[n].key == key
		n++
	}
	err = s.pass(s.buffered[:n], yield)
	s.buffered = s.buffered[n:]
	return covered, err
}

func (s *scan) passStored(key string, yield func(Row, error) bool) error {
	value, err := s.disk.ValueAndErr()
	if err != nil {
		return s.failed(err)
	}
	found, err := s.table.parse(value)
	if err != nil {
		return s.failed(err)
	}
	return s.pass([]keyed{{key, found}}, yield)
}

func (s *scan) pass(rows []keyed, yield func(Row, error) bool) error {
	ttl := s.table.spec.TTL
	for _, r := range rows {
		if r.value == nil || (ttl > 0 && outlived(r.millis, s.now, ttl)) {
			continue
		}
		if !yield(Row{Key: r.key, Value: r.value}, nil) {
			return errStopped
		}
	}
	return nil
}

func (s *scan) failed(err error) error {
	return s.table.db.faults.note(fmt.Sprintf("scanning table %q", s.table.spec.Name), err)
}
