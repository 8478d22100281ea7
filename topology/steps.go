package topology

import (
	"fmt"

	"github.com/gokavro/gokavro/codecs"
	"github.com/gokavro/gokavro/processors"
	"github.com/gokavro/gokavro/processors/enrich"
	"github.com/gokavro/gokavro/topology/graph"
)

// Process runs f on each record of in with the row of the record's key.
func Process[In, Out, S any](in *Stream[In], state *State[S], f processors.Func[In, Out, S]) *Stream[Out] {
	store := state.node.Name
	out := newStream[Out](in.t, in.t.step("process-"+store, in.node, store))
	in.next = append(in.next, func(x graph.Exec, r processors.Record[In]) error {
		row, err := load[S](x, store)
		if err != nil {
			return err
		}
		results, err := collect(f, r, row)
		if err != nil {
			return fmt.Errorf("step %s: %w", out.node.Name, err)
		}
		if row.Changed() {
			x.SetRow(store, changed(row))
		}
		return pass(x, out, r, results)
	})
	return out
}

// Each runs f, which keeps no state, on each record of in: processors.Map,
// processors.Filter or one's own.
func Each[In, Out any](in *Stream[In], name string, f processors.Func[In, Out, processors.None]) *Stream[Out] {
	out := newStream[Out](in.t, in.t.step(name, in.node))
	in.next = append(in.next, func(x graph.Exec, r processors.Record[In]) error {
		results, err := collect(f, r, processors.NewRow[processors.None](nil))
		if err != nil {
			return fmt.Errorf("step %s: %w", out.node.Name, err)
		}
		return pass(x, out, r, results)
	})
	return out
}

// Lookup widens each record of in by a row of table.
func Lookup[In, Row, Out any](in *Stream[In], table *Table[Row], join enrich.Join[In, Row, Out]) *Stream[Out] {
	name := table.node.Name
	out := newStream[Out](in.t, in.t.step("lookup-"+name, in.node, name))
	in.next = append(in.next, func(x graph.Exec, r processors.Record[In]) error {
		row, err := find[Row](x, name, join.Key(r.Value))
		if err != nil {
			return fmt.Errorf("step %s: %w", out.node.Name, err)
		}
		return out.push(x, processors.Record[Out]{Key: r.Key, Time: r.Time, Value: join.With(r.Value, row)})
	})
	return out
}

// To writes the stream to a topic, under the keys that its records have.
func (s *Stream[T]) To(topic string, codec codecs.Codec[T]) {
	node := s.t.add(graph.Node{Name: topic, Kind: graph.Output, From: []string{s.node.Name}, Topic: topic, Codec: codec})
	s.next = append(s.next, func(x graph.Exec, r processors.Record[T]) error {
		x.Emit(node.Name, r.Key, &r.Value)
		return nil
	})
}

// pass hands the results of one record on, under its key and time.
func pass[In, Out any](x graph.Exec, to *Stream[Out], of processors.Record[In], results []Out) error {
	for _, value := range results {
		if err := to.push(x, processors.Record[Out]{Key: of.Key, Time: of.Time, Value: value}); err != nil {
			return err
		}
	}
	return nil
}

// collect runs f and holds back what it emits until it has succeeded.
func collect[In, Out, S any](f processors.Func[In, Out, S], in processors.Record[In], row *processors.Row[S]) ([]Out, error) {
	var results []Out
	err := f(in, row, func(value Out) { results = append(results, value) })
	return results, err
}

// load returns the store's row of the record's key.
func load[S any](x graph.Exec, store string) (*processors.Row[S], error) {
	value, err := x.Row(store)
	if err != nil || value == nil {
		return processors.NewRow[S](nil), err
	}
	state, err := codecs.Value[S](value)
	if err != nil {
		return nil, fmt.Errorf("store %s: %w", store, err)
	}
	return processors.NewRow(&state), nil
}

// changed returns what a row is to be stored as, nil for a deleted one.
func changed[S any](row *processors.Row[S]) any {
	value, held := row.Get()
	if !held {
		return nil
	}
	return &value
}

// find returns a table's row, nil when it has none.
func find[Row any](x graph.Exec, table, key string) (*Row, error) {
	value, err := x.Lookup(table, key)
	if err != nil || value == nil {
		return nil, err
	}
	if row, ok := value.(*Row); ok {
		return row, nil
	}
	row, err := codecs.Value[Row](value)
	return &row, err
}
