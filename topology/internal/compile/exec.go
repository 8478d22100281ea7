package compile

import (
	"fmt"
	"strings"

	"github.com/lovoo/goka"

	"github.com/gokavro/gokavro/topology/graph"
	"github.com/gokavro/gokavro/topology/internal/backend"
)

// exec is the graph.Exec of one try at one record. It stages what the steps
// write; apply hands it to goka when all of them succeeded.
type exec struct {
	program *Program
	ctx     goka.Context
	meta    graph.Meta

	row     any  // staged value of the store
	rowSet  bool // whether row is staged; a nil row deletes
	outputs []output
}

type output struct {
	name  string
	topic goka.Stream
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
	if x.rowSet {
		return x.row, nil
	}
	data, err := x.stored()
	if err != nil {
		return nil, &storeError{fmt.Errorf("reading key %q of store %s: %w", x.meta.Key, store, err)}
	}
	if data == nil {
		return nil, nil
	}
	value, err := x.program.Codecs[store].Decode(data)
	if err != nil {
		return nil, &storeError{fmt.Errorf("reading key %q of store %s: %w", x.meta.Key, store, err)}
	}
	return value, nil
}

// stored returns the row's bytes. goka panics when the store cannot be read.
func (x *exec) stored() (data []byte, err error) {
	defer func() {
		if r := recover(); r != nil {
			data, err = nil, fmt.Errorf("%v", r)
		}
	}()
	data, _ = x.ctx.Value().([]byte)
	return data, nil
}

// SetRow stages the store's value for the record's key.
func (x *exec) SetRow(_ string, value any) { x.row, x.rowSet = value, true }

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
	x.outputs = append(x.outputs, output{name: name, topic: x.program.outputs[name], key: key, value: value})
}

// encode turns everything staged into bytes. It is done before any of it
// takes effect, so that a value that does not encode leaves nothing behind.
func (x *exec) encode() error {
	for i := range x.outputs {
		out := &x.outputs[i]
		data, err := x.program.Codecs[out.name].Encode(out.value)
		if err != nil {
			return fmt.Errorf("output %s: %w", out.name, err)
		}
		out.bytes = data
	}
	if !x.rowSet || x.row == nil {
		return nil
	}
	store := x.program.Graph.Of(graph.Store)[0].Name
	data, err := x.program.Codecs[store].Encode(x.row)
	if err != nil {
		return fmt.Errorf("store %s: %w", store, err)
	}
	x.row = data
	return nil
}

// apply hands the staged writes to goka. They carry the record's time, and
// the state the record's partition: goka itself would place it by the key's
// hash, where another process may own it.
func (x *exec) apply() {
	headers := backend.Carry(x.meta.Time, -1)
	for _, out := range x.outputs {
		x.ctx.Emit(out.topic, out.key, out.bytes, goka.WithCtxEmitHeaders(headers))
	}
	x.program.Counters.Out.Add(int64(len(x.outputs)))
	if !x.rowSet {
		return
	}
	inHand := goka.WithCtxEmitHeaders(backend.Carry(x.meta.Time, x.meta.Partition))
	if x.row == nil {
		x.ctx.Delete(inHand)
		return
	}
	x.ctx.SetValue(x.row, inHand)
}

// oneLine folds a message for a dead letter or a log line.
func oneLine(text string) string {
	return strings.Join(strings.Fields(text), " ")
}
