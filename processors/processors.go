// Package processors holds the pure logic of records: no Kafka, no graph, no
// clock of its own. A [Func] takes one record, may read and change the state
// row of the record's key, and hands on what comes of it. The subfolders hold
// one idea each: enrich, aggregate.
package processors

import "time"

// Record is a value on its way through a topology.
type Record[T any] struct {
	Key string
	// Time is when the record happened: the timestamp its producer gave it.
	Time  time.Time
	Value T
}

// Func is the logic of one step. It is called for one record at a time of a
// key, from one goroutine a partition. Changes of the row and records handed
// to emit take effect only when Func returns nil: a record that fails leaves
// nothing behind.
type Func[In, Out, State any] func(in Record[In], row *Row[State], emit func(Out)) error

// None is the state of a step that keeps none.
type None struct{}

// Map hands on f of every value.
func Map[In, Out any](f func(In) Out) Func[In, Out, None] {
	return func(in Record[In], _ *Row[None], emit func(Out)) error {
		emit(f(in.Value))
		return nil
	}
}

// Filter hands on the values for which keep is true.
func Filter[T any](keep func(T) bool) Func[T, T, None] {
	return func(in Record[T], _ *Row[None], emit func(T)) error {
		if keep(in.Value) {
			emit(in.Value)
		}
		return nil
	}
}

// Row is the state that is kept for one key. It is not safe for concurrent
// use and is valid only while the record is processed.
type Row[S any] struct {
	value   S
	held    bool
	changed bool
}

// NewRow returns a row that holds value, or an empty one when value is nil.
func NewRow[S any](value *S) *Row[S] {
	if value == nil {
		return &Row[S]{}
	}
	return &Row[S]{value: *value, held: true}
}

// Get returns the row's value and whether it holds one; without one the value
// is S's zero value.
func (r *Row[S]) Get() (S, bool) { return r.value, r.held }

// Set puts value into the row.
func (r *Row[S]) Set(value S) {
	r.value, r.held, r.changed = value, true, true
}

// Delete empties the row.
func (r *Row[S]) Delete() {
	var none S
	r.value, r.held, r.changed = none, false, true
}

// Changed reports whether Set or Delete was called.
func (r *Row[S]) Changed() bool { return r.changed }
