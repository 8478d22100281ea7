package compile

import (
	"fmt"
	"runtime/debug"

	"github.com/gokavro/gokavro/topology/graph"
	"github.com/gokavro/gokavro/topology/internal/task"
	"github.com/gokavro/gokavro/topology/kafka"
)

// exec is the graph.Exec of one try at one record. It stages what the steps
// write; apply hands it over when all of them succeeded.
type exec struct {
	program *Program
	record  record
	meta    graph.Meta

	rows    []row
	outputs []output
}

// row is what a step has set; a nil value deletes.
type row struct {
	store string
	value any
	bytes []byte
}

type output struct {
	name  string
	key   string
	value any
	bytes []byte
}

// storeError is a fault of the state, not of the record: the processor stops
// rather than set the record aside.
type storeError struct{ err error }

func (e *storeError) Error() string { return e.err.Error() }

func (e *storeError) Unwrap() error { return e.err }

// Meta returns the record's whereabouts.
func (x *exec) Meta() graph.Meta { return x.meta }

// Row returns the store's value for the record's key.
func (x *exec) Row(store string) (any, error) {
	for _, staged := range x.rows {
		if staged.store == store {
			return staged.value, nil
		}
	}
	data, value, err := x.record.Row(store, x.meta.Key)
	if err == nil && value == nil && data != nil {
		value, err = x.program.Codecs[store].Decode(data)
	}
	if err != nil {
		return nil, &storeError{fmt.Errorf("reading key %q of store %s: %w", x.meta.Key, store, err)}
	}
	return value, nil
}

// SetRow stages the store's value for the record's key.
func (x *exec) SetRow(store string, value any) {
	for i := range x.rows {
		if x.rows[i].store == store {
			x.rows[i].value = value
			return
		}
	}
	x.rows = append(x.rows, row{store: store, value: value})
}

// Lookup returns a table's value for key.
func (x *exec) Lookup(table, key string) (any, error) {
	value, err := x.program.Tables[table].Get(key)
	if err != nil {
		return nil, fmt.Errorf("looking up key %q in table %s: %w", key, table, err)
	}
	return value, nil
}

// Emit stages a record for an output.
func (x *exec) Emit(name, key string, value any) {
	x.outputs = append(x.outputs, output{name: name, key: key, value: value})
}

// encode turns everything staged into bytes. It is done before any of it
// takes effect, so that a value that does not encode leaves nothing behind.
func (x *exec) encode() error {
	for i := range x.outputs {
		out := &x.outputs[i]
		var err error
		if out.bytes, err = x.encoded(out.name, out.key, out.value); err != nil {
			return err
		}
	}
	for i := range x.rows {
		set := &x.rows[i]
		if set.value == nil {
			continue
		}
		var err error
		if set.bytes, err = x.encoded(set.store, x.meta.Key, set.value); err != nil {
			return err
		}
	}
	return nil
}

// encoded returns the bytes of a value for an output or a store. A codec that
// panics is an error.
func (x *exec) encoded(node, key string, value any) (data []byte, err error) {
	target := x.program.targets[node]
	defer func() {
		if r := recover(); r != nil {
			err = &graph.PanicError{Value: r, Stack: debug.Stack()}
		}
		if err != nil {
			err = &graph.StepError{Node: node, Kind: target.Kind, Err: err}
		}
	}()
	data, err = x.program.encode(node, key, value)
	if err == nil && !x.program.Refusals.Empty() {
		record := &kafka.Record{Topic: target.Topic, Key: []byte(key), Value: data, Time: x.meta.Time}
		if target.Kind == graph.Output {
			record.Offset = x.from()
		}
		err = x.program.Refusals.Check(record)
	}
	return data, err
}

func (x *exec) from() int64 { return task.From(x.meta.Partition, x.meta.Offset) }

// encode refuses what a broker would refuse, while it can still be set aside.
func (p *Program) encode(node, key string, value any) ([]byte, error) {
	data, err := p.Codecs[node].Encode(value)
	if err != nil {
		return nil, err
	}
	if size := len(key) + len(data) + recordOverhead; p.MaxRecordBytes > 0 && size > p.MaxRecordBytes {
		return nil, fmt.Errorf("the record has %d bytes, more than the %d that the producer sends (max.request.size)", size, p.MaxRecordBytes)
	}
	return data, nil
}

// recordOverhead bounds what a record takes beside key and value in a batch of
// its own: the batch's head, and the record's lengths, deltas and attributes.
const recordOverhead = 61 + 5*5 + 10 + 1

// apply hands the staged writes over. They carry the record's time.
func (x *exec) apply() {
	for _, out := range x.outputs {
		x.record.Stage(task.Output{
			Topic: x.program.targets[out.name].Topic, Partition: -1, Key: out.key, Value: out.bytes, Time: x.meta.Time, From: x.from(),
		})
	}
	for _, set := range x.rows {
		x.record.SetRow(set.store, x.meta.Key, set.bytes, set.value)
	}
}
