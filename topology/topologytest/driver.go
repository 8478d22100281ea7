// Package topologytest runs a whole topology without Kafka: records are piped
// into its inputs one at a time, and what comes out, the state and the tables
// can be looked at. Values are handed over as they are, codecs take no part.
package topologytest

import (
	"fmt"
	"time"

	"github.com/gokavro/gokavro/codecs"
	"github.com/gokavro/gokavro/processors"
	"github.com/gokavro/gokavro/topology"
	"github.com/gokavro/gokavro/topology/graph"
)

// Driver runs one topology. It is not safe for concurrent use.
type Driver struct {
	graph   *graph.Graph
	tables  map[string]map[string]any
	rows    map[string]map[string]any
	outputs map[string][]record
	offset  int64
}

type record struct {
	key   string
	time  time.Time
	value any
}

// New builds the topology and returns a driver for it.
func New(t *topology.Topology) (*Driver, error) {
	g, err := t.Build()
	if err != nil {
		return nil, err
	}
	return &Driver{
		graph: g, tables: map[string]map[string]any{}, rows: map[string]map[string]any{}, outputs: map[string][]record{},
	}, nil
}

// SetTable puts a row into a lookup table.
func (d *Driver) SetTable(topic, key string, value any) {
	if d.tables[topic] == nil {
		d.tables[topic] = map[string]any{}
	}
	d.tables[topic][key] = value
}

// Pipe takes one record through the topology. After an error nothing of the
// record is left, neither outputs nor state.
func (d *Driver) Pipe(topic, key string, at time.Time, value any) error {
	for _, n := range d.graph.Of(graph.Input) {
		if n.Topic != topic {
			continue
		}
		x := &exec{driver: d, meta: graph.Meta{Topic: topic, Offset: d.offset, Key: key, Time: at}, rows: map[string]any{}}
		d.offset++
		if err := n.Handle(x, value); err != nil {
			return err
		}
		x.apply()
		return nil
	}
	return fmt.Errorf("topologytest: the topology has no input %q", topic)
}

// Outputs returns the records that were written to a topic so far, in order.
func Outputs[T any](d *Driver, topic string) ([]processors.Record[T], error) {
	var records []processors.Record[T]
	for _, r := range d.outputs[topic] {
		value, err := codecs.Value[T](r.value)
		if err != nil {
			return nil, fmt.Errorf("topologytest: output %s: %w", topic, err)
		}
		records = append(records, processors.Record[T]{Key: r.key, Time: r.time, Value: value})
	}
	return records, nil
}

// Rows returns the store's rows by key.
func Rows[S any](d *Driver, store string) (map[string]S, error) {
	rows := map[string]S{}
	for key, row := range d.rows[store] {
		value, err := codecs.Value[S](row)
		if err != nil {
			return nil, fmt.Errorf("topologytest: store %s: %w", store, err)
		}
		rows[key] = value
	}
	return rows, nil
}

// exec stages what one record writes, as the runner does.
type exec struct {
	driver  *Driver
	meta    graph.Meta
	rows    map[string]any
	outputs []staged
}

type staged struct {
	topic string
	record
}

// Meta returns the record's whereabouts; the partition is always 0.
func (x *exec) Meta() graph.Meta { return x.meta }

// Row returns the store's value for the record's key.
func (x *exec) Row(store string) (any, error) {
	if row, ok := x.rows[store]; ok {
		return row, nil
	}
	return x.driver.rows[store][x.meta.Key], nil
}

// SetRow stages the store's value.
func (x *exec) SetRow(store string, value any) { x.rows[store] = value }

// Lookup returns a table's value for key.
func (x *exec) Lookup(table, key string) (any, error) { return x.driver.tables[table][key], nil }

// Emit stages a record for an output.
func (x *exec) Emit(output, key string, value any) {
	for _, n := range x.driver.graph.Of(graph.Output) {
		if n.Name == output {
			x.outputs = append(x.outputs, staged{n.Topic, record{key: key, time: x.meta.Time, value: value}})
		}
	}
}

func (x *exec) apply() {
	for _, out := range x.outputs {
		x.driver.outputs[out.topic] = append(x.driver.outputs[out.topic], out.record)
	}
	for store, row := range x.rows {
		if x.driver.rows[store] == nil {
			x.driver.rows[store] = map[string]any{}
		}
		if row == nil {
			delete(x.driver.rows[store], x.meta.Key)
			continue
		}
		x.driver.rows[store][x.meta.Key] = row
	}
}
