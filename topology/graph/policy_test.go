package graph_test

import (
	"errors"
	"testing"
	"time"

	"github.com/gokavro/gokavro/topology/graph"
)

func TestAPolicyIsTheNodesOrTheInputs(t *testing.T) {
	t.Parallel()
	retry := graph.Retry{Attempts: 3, Backoff: time.Second, MaxBackoff: time.Minute}
	of := func(n graph.Node, p graph.Policy, uses ...string) graph.Node {
		n.Policy, n.Uses = p, uses
		return n
	}
	g := &graph.Graph{Name: "t", Nodes: []graph.Node{
		of(node(graph.Input, "in"), graph.Policy{Action: graph.Skip, Retry: retry}),
		node(graph.Input, "plain"),
		node(graph.Store, "rows"), node(graph.Store, "shared"),
		of(node(graph.Step, "count", "in"), graph.Policy{Action: graph.Fail}, "rows", "shared"),
		of(node(graph.Step, "sum", "in"), graph.Policy{}, "shared"),
		of(node(graph.Output, "out", "sum"), graph.Policy{Action: graph.DeadLetter, Retry: graph.Retry{Budget: time.Minute}}),
	}}
	once := graph.Retry{Attempts: 1, Backoff: graph.DefaultBackoff, MaxBackoff: graph.DefaultMaxBackoff}
	tests := []struct {
		input, node string
		want        graph.Policy
	}{
		{"plain", "plain", graph.Policy{Action: graph.DeadLetter, Retry: once}},
		{"in", "in", graph.Policy{Action: graph.Skip, Retry: retry}},
		{"in", "count", graph.Policy{Action: graph.Fail, Retry: retry}},
		{"plain", "count", graph.Policy{Action: graph.Fail, Retry: once}},
		{"in", "sum", graph.Policy{Action: graph.Skip, Retry: retry}},
		{"in", "rows", graph.Policy{Action: graph.Fail, Retry: retry}},
		{"in", "shared", graph.Policy{Action: graph.Skip, Retry: retry}},
		{"in", "out", graph.Policy{Action: graph.DeadLetter, Retry: graph.Retry{Budget: time.Minute, Backoff: graph.DefaultBackoff, MaxBackoff: graph.DefaultMaxBackoff}}},
		{"in", "unknown", graph.Policy{Action: graph.Skip, Retry: retry}},
	}
	for _, tt := range tests {
		if got := g.Policy(tt.input, tt.node); got != tt.want {
			t.Errorf("%s of %s: got %+v, want %+v", tt.node, tt.input, got, tt.want)
		}
	}
}

func TestAStepErrorSaysWhereAndWhy(t *testing.T) {
	t.Parallel()
	root := errors.New("root")
	err := error(&graph.StepError{Node: "count", Kind: graph.Step, Err: &graph.PanicError{Value: root}})
	if err.Error() != "step count: panicked: root" || !errors.Is(err, root) {
		t.Errorf("got %v, want the step, the panic and its value", err)
	}
}
