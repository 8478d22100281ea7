// Package graph is the untyped form of a topology: its steps, the topics they
// read and write, and the faults that can be found before anything runs. The
// typed DSL builds one; the runner compiles it into goka groups.
package graph

import (
	"slices"
	"time"

	"github.com/gokavro/gokavro/codecs"
)

// Kind says what a node does.
type Kind string

// The kinds of nodes.
const (
	// Input reads a stream.
	Input Kind = "input"
	// Lookup is a table that every process holds whole.
	Lookup Kind = "lookup"
	// Step works on records.
	Step Kind = "step"
	// Store is keyed state, kept in a table's topic.
	Store Kind = "store"
	// Output writes a stream.
	Output Kind = "output"
)

// Node is one part of a topology.
type Node struct {
	Name string
	Kind Kind
	// From holds the names of the nodes that records come from.
	From []string
	// Uses holds the names of the tables and stores that a step reads.
	Uses []string
	// Topic is what an input, lookup, store or output reads or writes; empty
	// for steps.
	Topic string
	// Codec is the codec of the topic's values, nil for steps.
	Codec codecs.Untyped
	// TTL is how long a row of a store lives after it was last set; 0 is for ever.
	TTL time.Duration
	// Policy is what becomes of records that fail at an input, a step or an output.
	Policy Policy
	// Handle takes a decoded record of an input through all the steps behind
	// it; nil for other kinds.
	Handle func(Exec, any) error
}

// Graph is an immutable topology.
type Graph struct {
	Name  string
	Nodes []Node
}

// Of returns the nodes of a kind in the order they were declared.
func (g *Graph) Of(kind Kind) []Node {
	var found []Node
	for _, n := range g.Nodes {
		if n.Kind == kind {
			found = append(found, n)
		}
	}
	return found
}

// DeadLetters returns the topic that records which cannot be processed are
// kept in.
func (g *Graph) DeadLetters() string { return g.Name + "-dead-letters" }

// DeadLetterMarks returns the topic that says what has become of dead letters.
func (g *Graph) DeadLetterMarks() string { return g.DeadLetters() + "-marks" }

// Retry returns the topic that dead letters are replayed into: one more input of
// the group, and nobody else's.
func (g *Graph) Retry() string { return g.Name + "-retry" }

// Parked returns the table, and its changelog, of the records that wait for
// another try.
func (g *Graph) Parked() string { return g.Name + "-parked" }

// Parks tells whether a policy has records wait for another try.
func (g *Graph) Parks() bool {
	return slices.ContainsFunc(g.Nodes, func(n Node) bool { return n.Policy.Retry.Topic })
}

// Meta is what is known of a record beside its value.
type Meta struct {
	Topic     string
	Partition int32
	Offset    int64
	Key       string
	Time      time.Time
}

// Exec is what the steps see of the runtime while one record is processed.
// What they write through it takes effect when all of them succeeded. It is
// valid only during the call.
type Exec interface {
	// Meta returns the record's whereabouts.
	Meta() Meta
	// Row returns the value that the store keeps for the record's key, nil
	// when there is none.
	Row(store string) (any, error)
	// SetRow puts value into the store under the record's key; nil deletes.
	SetRow(store string, value any)
	// Lookup returns a table's value for key, nil when there is none.
	Lookup(table, key string) (any, error)
	// Emit writes a record to an output.
	Emit(output, key string, value any)
}
