package topology

import (
	"fmt"
	"runtime/debug"

	"github.com/gokavro/gokavro/codecs"
	"github.com/gokavro/gokavro/processors"
	"github.com/gokavro/gokavro/processors/enrich"
	"github.com/gokavro/gokavro/topology/graph"
)

// Process runs f on each record of in with the row of the record's key.
func Process[In, Out, S any](in *Stream[In], state *State[S], f processors.Func[In, Out, S], opts ...Option) *Stream[Out] {
	store := state.node.Name
	out := newStream[Out](in.t, in.t.step(graph.Node{Name: "process-" + store, Uses: []string{store}}, in.node, opts))
	in.next = append(in.next, func(x graph.Exec, r processors.Record[In]) error {
		row, err := load[S](x, store)
		if err != nil {
			return err
		}
		results, err := collect(f, r, row)
		if err != nil {
			return failed(out.node, err)
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
func Each[In, Out any](in *Stream[In], name string, f processors.Func[In, Out, processors.None], opts ...Option) *Stream[Out] {
	out := newStream[Out](in.t, in.t.step(graph.Node{Name: name}, in.node, opts))
	in.next = append(in.next, func(x graph.Exec, r processors.Record[In]) error {
		results, err := collect(f, r, processors.NewRow[processors.None](nil))
		if err != nil {
			return failed(out.node, err)
		}
		return pass(x, out, r, results)
	})
	return out
}

// Lookup widens each record of in by a row of table.
func Lookup[In, Row, Out any](in *Stream[In], table *Table[Row], join enrich.Join[In, Row, Out], opts ...Option) *Stream[Out] {
	name := table.node.Name
	out := newStream[Out](in.t, in.t.step(graph.Node{Name: "lookup-" + name, Uses: []string{name}}, in.node, opts))
	in.next = append(in.next, func(x graph.Exec, r processors.Record[In]) error {
		wide, err := widen(x, name, join, r.Value)
		if err != nil {
			return failed(out.node, err)
		}
		return out.push(x, processors.Record[Out]{Key: r.Key, Time: r.Time, Value: wide})
	})
	return out
}

// To writes the stream to a topic, under the keys that its records have.
func (s *Stream[T]) To(topic string, codec codecs.Codec[T], opts ...Option) {
	node := s.t.add(graph.Node{Name: topic, Kind: graph.Output, From: []string{s.node.Name}, Topic: topic, Codec: codec})
	apply(node, opts)
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
	err := guarded(func() error {
		return f(in, row, func(value Out) { results = append(results, value) })
	})
	return results, err
}

// widen looks up the row that belongs to a value and joins both.
func widen[In, Row, Out any](x graph.Exec, table string, join enrich.Join[In, Row, Out], value In) (wide Out, err error) {
	err = guarded(func() error {
		row, err := find[Row](x, table, join.Key(value))
		if err == nil {
			wide = join.With(value, row)
		}
		return err
	})
	return wide, err
}

// guarded makes an error of a panic.
func guarded(do func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &graph.PanicError{Value: r, Stack: debug.Stack()}
		}
	}()
	return do()
}

func failed(node *graph.Node, err error) error {
	return &graph.StepError{Node: node.Name, Kind: node.Kind, Err: err}
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
