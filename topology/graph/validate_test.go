package graph_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/codecs"
	"github.com/gokavro/gokavro/topology/graph"
)

type faulty struct{ codecs.Untyped }

func (faulty) Check() error { return errors.New("the type has no schema") }

func node(kind graph.Kind, name string, from ...string) graph.Node {
	n := graph.Node{Name: name, Kind: kind, From: from}
	if kind != graph.Step {
		n.Topic, n.Codec = name, codecs.String()
	}
	return n
}

func sound(more ...graph.Node) *graph.Graph {
	nodes := []graph.Node{node(graph.Input, "in"), node(graph.Output, "out", "in")}
	return &graph.Graph{Name: "t", Nodes: append(nodes, more...)}
}

func faultsOf(t *testing.T, err error) []string {
	t.Helper()
	if err == nil {
		return nil
	}
	var fault *graph.FaultError
	if !errors.As(err, &fault) {
		t.Fatalf("got %T (%v), want a *graph.FaultError", err, err)
	}
	return fault.Faults
}

func TestValidateFindsEachFault(t *testing.T) {
	t.Parallel()
	store := func(name string) graph.Node { return node(graph.Store, name) }
	user := func(name string, uses ...string) graph.Node {
		n := node(graph.Step, name, "in")
		n.Uses = uses
		return n
	}
	noCodec := node(graph.Output, "bare", "in")
	noCodec.Codec = nil
	badCodec := node(graph.Output, "bad", "in")
	badCodec.Codec = faulty{}
	tests := []struct {
		name  string
		graph *graph.Graph
		want  []string // a part of each fault, in order
	}{
		{name: "a sound graph", graph: sound()},
		{name: "a step that only keeps state", graph: sound(store("s"), user("count", "s"))},
		{name: "no input", graph: &graph.Graph{Name: "t", Nodes: []graph.Node{node(graph.Output, "out")}}, want: []string{"no input"}},
		{name: "an illegal name", graph: &graph.Graph{Name: "a b", Nodes: sound().Nodes}, want: []string{`"a b" is not a legal`}},
		{name: "an illegal topic", graph: sound(node(graph.Output, "ä", "in")), want: []string{`topic name "ä" is not legal`}},
		{name: "a topic name of 250 letters", graph: sound(node(graph.Output, strings.Repeat("x", 250), "in")), want: []string{"is not legal"}},
		{name: "no codec", graph: sound(noCodec), want: []string{`output "bare" has no codec`}},
		{name: "a faulty codec", graph: sound(badCodec), want: []string{`output "bad": the type has no schema`}},
		{name: "a missing output", graph: sound(node(graph.Step, "lost", "in")), want: []string{`step "lost" leads nowhere`}},
		{
			name: "two owners", graph: sound(graph.Node{Name: "out-2", Kind: graph.Output, From: []string{"in"}, Topic: "out", Codec: codecs.String()}),
			want: []string{`topic "out" has 2 owners (output "out", output "out-2")`},
		},
		{
			name: "an output that is the input", graph: sound(graph.Node{Name: "in-2", Kind: graph.Output, From: []string{"in"}, Topic: "in", Codec: codecs.String()}),
			want: []string{`topic "in" has 2 owners`},
		},
		{name: "the dead letters' topic", graph: sound(node(graph.Output, "t-dead-letters", "in")), want: []string{`topic "t-dead-letters" has 2 owners`}},
		{name: "a table that is never used", graph: sound(node(graph.Lookup, "table")), want: []string{`lookup "table" is never looked up`}},
		{name: "another topology's table", graph: sound(user("join", "foreign"), node(graph.Output, "x", "join")), want: []string{`uses "foreign", which belongs to another topology`}},
		{name: "two stores", graph: sound(store("a"), store("b"), user("one", "a"), user("two", "b"))},
		{
			name: "a policy that cannot be", graph: sound(graph.Node{
				Name: "out-2", Kind: graph.Output, From: []string{"in"}, Topic: "out-2", Codec: codecs.String(),
				Policy: graph.Policy{Action: "explode", Retry: graph.Retry{Attempts: -1, Backoff: time.Second, MaxBackoff: time.Millisecond, Budget: -1}},
			}),
			want: []string{
				`output "out-2": its action on errors is "explode": use topology.DeadLetter, Skip or Fail`, "it retries with -1 attempts",
				"a pause or a budget below 0", "a longest pause of 1ms, shorter than the first of 1s",
			},
		},
		{name: "a negative TTL", graph: sound(graph.Node{Name: "a", Kind: graph.Store, Topic: "a", Codec: codecs.String(), TTL: -1}, user("one", "a")), want: []string{`store "a": its TTL is -1ns`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := faultsOf(t, tt.graph.Validate())
			if len(got) != len(tt.want) {
				t.Fatalf("got %d faults %q, want %d", len(got), got, len(tt.want))
			}
			for i, part := range tt.want {
				if !strings.Contains(got[i], part) {
					t.Errorf("got fault %q, want it to contain %q", got[i], part)
				}
			}
		})
	}
}

func TestValidateListsAllFaultsInOneLine(t *testing.T) {
	t.Parallel()
	err := sound(node(graph.Step, "lost", "in"), node(graph.Lookup, "table")).Validate()
	want := `topology t has 2 faults: (1) step "lost" leads nowhere: write it to an output with To, or keep state of it; (2) lookup "table" is never looked up`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestCheckPartitionsWantsInputsAndStoreAlike(t *testing.T) {
	t.Parallel()
	g := sound(node(graph.Store, "s"), graph.Node{Name: "count", Kind: graph.Step, From: []string{"in"}, Uses: []string{"s"}}, node(graph.Lookup, "table"))
	tests := []struct {
		name   string
		counts map[string]int32
		want   []string
	}{
		{name: "all there", counts: map[string]int32{"in": 4, "s": 4, "out": 1, "table": 2, "t-dead-letters": 1}},
		{
			name: "counts differ", counts: map[string]int32{"in": 4, "s": 3, "out": 1, "table": 2, "t-dead-letters": 1},
			want: []string{`its inputs and its stores must have the same number of partitions, but "s": 3; "in": 4: create them anew with one count`},
		},
		{
			name: "one is hidden", counts: map[string]int32{"in": 4, "s": 3, "out": -1, "table": -1, "t-dead-letters": -1},
			want: []string{`its inputs and its stores must have the same number of partitions, but "s": 3; "in": 4: create them anew with one count`},
		},
		{
			name: "missing topics", counts: map[string]int32{"in": 4, "s": 4, "table": 2},
			want: []string{
				`topic "out" of output "out" does not exist: create it, or start with --create-topics N`,
				`topic "t-dead-letters" of the dead letters does not exist: create it, or start with --create-topics N`,
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := faultsOf(t, g.CheckPartitions(func(topic string) int32 { return tt.counts[topic] }))
			if diff := cmp.Diff(got, tt.want); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestJoinMakesOneFaultOfMany(t *testing.T) {
	t.Parallel()
	g := sound()
	if err := g.Join(nil, nil); err != nil {
		t.Errorf("got %v for no errors, want nil", err)
	}
	err := g.Join(errors.New("one"), nil, &graph.FaultError{Topology: "t", Faults: []string{"two", "three"}})
	if diff := cmp.Diff(faultsOf(t, err), []string{"one", "two", "three"}); diff != "" {
		t.Error(diff)
	}
}
