// Package parking keeps records that are to be tried again later, and behind them
// those of the same key, so that the order of a key's records stays. All of it is
// in one table of the task: what is parked, and what is taken out, is committed
// with everything else that a record did.
//
// The table has three kinds of rows, of each queue q: "q"+q holds its bounds and
// when its first record is due, "r"+q+number a record, and "d"+time+q the time
// again, for finding what is due.
package parking

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"math"
	"time"

	"github.com/gokavro/gokavro/topology/internal/store"
)

// Reader reads the rows of tables as the record in hand sees them.
type Reader interface {
	Row(table, key string) (row []byte, value any, err error)
	// Scan yields the rows of [from,to) without what the record in hand has set.
	Scan(table, from, to string) iter.Seq2[store.Row, error]
	// SetAlarm has the task look for what is due at a time.
	SetAlarm(at time.Time)
}

// Rows are the rows of tables for the record in hand: a *task.Context.
type Rows interface {
	Reader
	SetRow(table, key string, row []byte, value any)
}

// Lot is the parking lot of a topology. It is safe for concurrent use.
type Lot struct {
	table   string
	check   func(key string, row []byte) error
	queues  codec[queue]
	entries codec[Entry]
}

// New returns the lot that is kept in a table. Check returns an error for a row of
// a record that cannot be written; nil is for a table that takes all.
func New(table string, check func(key string, row []byte) error) *Lot {
	if check == nil {
		check = func(string, []byte) error { return nil }
	}
	return &Lot{table: table, check: check, queues: newCodec[queue]("ParkedQueue"), entries: newCodec[Entry]("ParkedRecord")}
}

// Queue names what a record waits in: one for each key. Records without a key
// have no order to keep, so that each waits alone.
func Queue(key, topic string, offset int64) string {
	if key == "" {
		return fmt.Sprintf("o%s/%d", topic, offset)
	}
	return "k" + key
}

// RowError is a row that cannot be read: a fault of the state.
type RowError struct {
	Table, Row string
	Err        error
}

// Error names table and row.
func (f *RowError) Error() string {
	return fmt.Sprintf("parking: reading row %q of table %s: %v", f.Row, f.Table, f.Err)
}

// Unwrap returns the cause.
func (f *RowError) Unwrap() error { return f.Err }

// RefusedError is a record that cannot be parked. Nothing is written of it.
type RefusedError struct{ Err error }

// Error says so, and why.
func (e *RefusedError) Error() string { return fmt.Sprintf("it cannot be parked: %v", e.Err) }

// Unwrap returns the cause.
func (e *RefusedError) Unwrap() error { return e.Err }

func read[T any](l *Lot, rows Reader, c codec[T], key string) (*T, error) {
	row, _, err := rows.Row(l.table, key)
	if err != nil || row == nil {
		return nil, err
	}
	value := new(T)
	if err := c.decode(row, value); err != nil {
		return nil, &RowError{l.table, key, err}
	}
	return value, nil
}

func (l *Lot) setQueue(rows Rows, name string, q *queue) error {
	row, err := l.queues.encode(q)
	if err != nil {
		return l.unwritten(queueKey(name), err)
	}
	rows.SetRow(l.table, queueKey(name), row, nil)
	return nil
}

func (l *Lot) unwritten(key string, err error) error {
	return fmt.Errorf("parking: writing row %q of table %s: %w", key, l.table, err)
}

// entry returns the row of a record, or a [RefusedError].
func (l *Lot) entry(key string, e *Entry) ([]byte, error) {
	row, err := l.entries.encode(e)
	if err != nil {
		return nil, l.unwritten(key, err)
	}
	if err := l.check(key, row); err != nil {
		return nil, &RefusedError{err}
	}
	return row, nil
}

// Holds tells whether something waits in a queue.
func (l *Lot) Holds(rows Reader, name string) (bool, error) {
	q, err := read(l, rows, l.queues, queueKey(name))
	return q != nil, err
}

// Park puts a record at the end of a queue. That of a queue which was empty is
// due at a time; for the others those before it count. An error may be a
// [RefusedError].
func (l *Lot) Park(rows Rows, name string, e *Entry, due time.Time) error {
	q, err := read(l, rows, l.queues, queueKey(name))
	if err != nil {
		return err
	}
	scheduled := q != nil
	if !scheduled {
		q = &queue{Due: due}
	}
	key := entryKey(name, q.Next)
	row, err := l.entry(key, e)
	if err != nil {
		return err
	}
	if !scheduled {
		l.schedule(rows, name, due)
	}
	rows.SetRow(l.table, key, row, nil)
	q.Next++
	return l.setQueue(rows, name, q)
}

// First returns the first record of a queue, nil when that is empty.
func (l *Lot) First(rows Reader, name string) (*Entry, error) {
	q, err := read(l, rows, l.queues, queueKey(name))
	if q == nil {
		return nil, err
	}
	e, err := read(l, rows, l.entries, entryKey(name, q.First))
	if err == nil && e == nil {
		err = &RowError{l.table, entryKey(name, q.First), errors.New("it is missing, and the queue has it")}
	}
	return e, err
}

// Again puts the first record of a queue off, as it is now. An error may be a
// [RefusedError].
func (l *Lot) Again(rows Rows, name string, e *Entry, due time.Time) error {
	q, err := read(l, rows, l.queues, queueKey(name))
	if q == nil {
		return err
	}
	key := entryKey(name, q.First)
	row, err := l.entry(key, e)
	if err != nil {
		return err
	}
	rows.SetRow(l.table, key, row, nil)
	return l.move(rows, name, q, due)
}

// Done takes the first record out of its queue. The next one is due at a time.
func (l *Lot) Done(rows Rows, name string, due time.Time) error {
	q, err := read(l, rows, l.queues, queueKey(name))
	if q == nil {
		return err
	}
	rows.SetRow(l.table, entryKey(name, q.First), nil, nil)
	q.First++
	if q.First < q.Next {
		return l.move(rows, name, q, due)
	}
	rows.SetRow(l.table, dueKey(name, q.Due), nil, nil)
	rows.SetRow(l.table, queueKey(name), nil, nil)
	return nil
}

func (l *Lot) move(rows Rows, name string, q *queue, due time.Time) error {
	rows.SetRow(l.table, dueKey(name, q.Due), nil, nil)
	q.Due = due
	l.schedule(rows, name, due)
	return l.setQueue(rows, name, q)
}

func (l *Lot) schedule(rows Rows, name string, due time.Time) {
	rows.SetRow(l.table, dueKey(name, due), []byte{form}, nil)
	rows.SetAlarm(due)
}

// Due returns the queues whose first records are due, those that have waited
// longest first and so many at most, and has the task look again when the next
// one is.
func (l *Lot) Due(rows Reader, now time.Time, most int) (names []string, err error) {
	for row, err := range rows.Scan(l.table, "d", "e") {
		if err != nil {
			return nil, err
		}
		due, name := splitDue(row.Key)
		if due.After(now) || len(names) == most {
			rows.SetAlarm(due)
			break
		}
		names = append(names, name)
	}
	return names, nil
}

func queueKey(name string) string { return "q" + name }

func entryKey(name string, number int64) string {
	return string(binary.BigEndian.AppendUint64([]byte("r"+name), uint64(number)))
}

// dueKey puts times in the order of their bytes, also those before 1970.
func dueKey(name string, due time.Time) string {
	return string(binary.BigEndian.AppendUint64([]byte("d"), uint64(due.UnixMilli())^(1<<63))) + name
}

func splitDue(key string) (due time.Time, name string) {
	const head = 9
	if len(key) < head {
		return time.UnixMilli(math.MaxInt64 / 2), ""
	}
	return time.UnixMilli(int64(binary.BigEndian.Uint64([]byte(key[1:head])) ^ (1 << 63))), key[head:]
}
