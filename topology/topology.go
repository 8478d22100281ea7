// Package topology is the typed language that stream processors are written
// in: inputs, lookup tables, keyed state, outputs. Steps whose types do not
// fit do not compile; everything else that can be wrong with a topology is
// found by Build, all of it at once.
//
//	t := topology.New("flights")
//	airports := topology.LookupTable(t, "airports", avro.Typed[Airport]())
//	arrivals := topology.Input(t, "flights", avro.Typed[Flight]())
//	counted := topology.Process(arrivals, topology.Store(t, "airport-stats", avro.Typed[AirportStats]()), count)
//	named := topology.Lookup(counted, airports, enrich.Left(destination, widen))
//	named.To("flights-enriched", avro.Typed[EnrichedFlight]())
//
// A topology is declared by one goroutine and does not change after Build;
// the same declaration may be built and run many times.
package topology

import (
	"fmt"
	"time"

	"github.com/gokavro/gokavro/codecs"
	"github.com/gokavro/gokavro/processors"
	"github.com/gokavro/gokavro/topology/graph"
)

// Topology is a declaration in the making. Its name is also the name of its
// consumer group.
type Topology struct {
	name  string
	nodes []*graph.Node
	names map[string]int
}

// New starts a topology. The name is the consumer group's, and the dead
// letters go to the topic name-dead-letters.
func New(name string) *Topology {
	return &Topology{name: name, names: map[string]int{}}
}

// Build returns the finished graph, or a graph.FaultError with everything
// that is wrong with it.
func (t *Topology) Build() (*graph.Graph, error) {
	g := &graph.Graph{Name: t.name}
	for _, n := range t.nodes {
		g.Nodes = append(g.Nodes, *n)
	}
	if err := g.Validate(); err != nil {
		return nil, err
	}
	return g, nil
}

// add puts a node into the graph under a name that no other node has.
func (t *Topology) add(n graph.Node) *graph.Node {
	t.names[n.Name]++
	if seen := t.names[n.Name]; seen > 1 {
		n.Name = fmt.Sprintf("%s-%d", n.Name, seen)
	}
	node := &n
	t.nodes = append(t.nodes, node)
	return node
}

// step adds a node that works on the records of from.
func (t *Topology) step(n graph.Node, from *graph.Node, opts []Option) *graph.Node {
	n.Kind, n.From = graph.Step, []string{from.Name}
	apply(&n, opts)
	return t.add(n)
}

// Stream is a stream of records with values of type T, on its way through a
// topology.
type Stream[T any] struct {
	t    *Topology
	node *graph.Node
	next []func(graph.Exec, processors.Record[T]) error
}

func newStream[T any](t *Topology, node *graph.Node) *Stream[T] {
	return &Stream[T]{t: t, node: node}
}

// push takes a record through everything behind the stream, in the order of
// declaration.
func (s *Stream[T]) push(x graph.Exec, r processors.Record[T]) error {
	for _, next := range s.next {
		if err := next(x, r); err != nil {
			return err
		}
	}
	return nil
}

// Input reads a topic as a stream. What becomes of a record that cannot be
// decoded, or that fails at a step or output which does not say so itself, is
// set by opts.
func Input[T any](t *Topology, topic string, codec codecs.Codec[T], opts ...Option) *Stream[T] {
	node := t.add(graph.Node{Name: topic, Kind: graph.Input, Topic: topic, Codec: codec})
	apply(node, opts)
	s := newStream[T](t, node)
	node.Handle = func(x graph.Exec, value any) error {
		v, err := codecs.Value[T](value)
		if err != nil {
			return fmt.Errorf("topology: input %s: %w", topic, err)
		}
		meta := x.Meta()
		return s.push(x, processors.Record[T]{Key: meta.Key, Time: meta.Time, Value: v})
	}
	return s
}

// Table is a table that every process holds whole, so that a step may look up
// any key of it.
type Table[T any] struct{ node *graph.Node }

// LookupTable reads a compacted topic as a table. It is loaded before the
// first record of an input is processed and follows its topic from then on.
func LookupTable[T any](t *Topology, topic string, codec codecs.Codec[T]) *Table[T] {
	return &Table[T]{node: t.add(graph.Node{Name: topic, Kind: graph.Lookup, Topic: topic, Codec: codec})}
}

// State is keyed state: one row of type S for each key.
type State[S any] struct{ node *graph.Node }

// StoreOption sets a property of a store.
type StoreOption func(*graph.Node)

// TTL lets a row go when it has not been set for d: no step sees it any more,
// and a tombstone goes to its topic. Default: rows live for ever.
func TTL(d time.Duration) StoreOption {
	return func(n *graph.Node) { n.TTL = d }
}

// Store declares keyed state whose rows are kept in the compacted topic of
// that name, which others may read as a table. Rows are written to the
// partition that their record came from. A topology may have several.
func Store[S any](t *Topology, topic string, codec codecs.Codec[S], opts ...StoreOption) *State[S] {
	node := t.add(graph.Node{Name: topic, Kind: graph.Store, Topic: topic, Codec: codec})
	for _, opt := range opts {
		opt(node)
	}
	return &State[S]{node: node}
}
