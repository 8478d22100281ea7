package task

import (
	"context"
	"errors"
	"fmt"

	"github.com/IBM/sarama"
	"github.com/lovoo/goka"
)

// gokaContext lets Context embed an interface that has a method of that name.
type gokaContext = goka.Context

// ErrAbandoned ends a callback whose record is left to whoever comes next: the
// task is stopping. It is no fault of the record.
var ErrAbandoned = errors.New("the task is stopping")

// Context is what a callback is given: goka's own context, with tables that
// are shared by all tasks, and the unit of the record.
type Context struct {
	gokaContext
	run    *run
	unit   *Unit
	handed *handed // of a record that goka knows by another offset, nil for others
}

// Offset returns the offset of the record in its topic.
func (c *Context) Offset() int64 {
	if c.handed != nil {
		return c.handed.shown.Offset
	}
	return c.gokaContext.Offset()
}

// Stage adds a record to what this one writes. goka's Emit does the same for a
// hand-written group, after encoding.
func (c *Context) Stage(o Output) { c.unit.Emit(o) }

// Count notes how the record was dealt with when it failed. It counts when that is
// committed.
func (c *Context) Count(more Counts) { c.unit.counts.add(more) }

// Message returns the record as it was read, nil when there is none.
func (c *Context) Message() *sarama.ConsumerMessage {
	return c.run.task.inbox.inHand(c.unit.topic, c.unit.offset)
}

// Forget gives up the rows that were taken so far: a try that has failed may have
// changed their values, and the next reader is to have them as they were.
func (c *Context) Forget() {
	c.unit.reads = nil
	for i := range c.unit.writes {
		c.unit.writes[i].value = nil
	}
}

// Stopping returns a context that ends when the task is to stop, so that a
// callback which waits for something can give up.
func (c *Context) Stopping() context.Context { return c.run.task.soft }

// Row returns a table's row for key as this record sees it, nil when there is
// none: its bytes, or its decoded value where that is known. The value is the
// caller's own until the record is done.
func (c *Context) Row(table, key string) (row []byte, value any, err error) {
	taken, err := c.run.task.take(c.unit, table, key)
	if err != nil {
		return nil, nil, err
	}
	return taken.row, taken.value, nil
}

// SetRow stages a row; nil bytes delete it. value is its decoded form, nil when
// there is none to keep.
func (c *Context) SetRow(table, key string, row []byte, value any) {
	c.unit.set(write{table: table, key: key, row: row, value: value})
}

// Lookup returns a value of a table that the process holds whole.
func (c *Context) Lookup(table goka.Table, key string) any {
	return c.find("lookup", c.run.task.cfg.Lookups, table, key)
}

// Join returns the value of the record's key in a co-partitioned table.
func (c *Context) Join(table goka.Table) any {
	return c.find("join", c.run.task.state.Joins, table, c.Key())
}

func (c *Context) find(kind string, tables map[string]Table, name goka.Table, key string) any {
	table := tables[string(name)]
	if table == nil {
		c.Fail(fmt.Errorf("table %s is no %s edge of the group: add it to goka.DefineGroup", name, kind))
		return nil
	}
	value, err := table.Get(key)
	if err != nil {
		c.Fail(fmt.Errorf("reading key %q of table %s: %w", key, name, err))
	}
	return value
}

// Fail ends the callback by a panic that the task recovers, always; goka's own
// returns while it shuts down, and the record would count as done.
func (c *Context) Fail(err error) {
	c.run.blame(c.unit, err)
	panic(&failure{err})
}

// failure is what Fail panics with.
type failure struct{ err error }

func (f *failure) Error() string { return f.err.Error() }

func (f *failure) Unwrap() error { return f.err }
