package runner_test

import (
	"strings"
	"testing"

	"github.com/lovoo/goka"

	"github.com/gokavro/gokavro/integration/devstack"
	"github.com/gokavro/gokavro/topology/runner"
)

// What cannot be visited is told, and the group stops as it would have: goka keeps
// a lock for ever when a group without a table is asked.
func TestAVisitThatCannotBeLeavesNoTrace(t *testing.T) {
	t.Parallel()
	b := setup(t, devstack.Config{NoRegistry: true})
	b.topics(t, 2, "in")
	ignore := goka.Input("in", text, func(goka.Context, any) {})
	tests := []struct {
		name  string
		group *goka.GroupGraph
		want  string
	}{
		{name: "no table", group: goka.DefineGroup("stateless", ignore), want: "it has no table"},
		{name: "no such visitor", group: goka.DefineGroup("unvisited", ignore, goka.Persist(text)), want: `no visitor "check"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g, err := runner.FromGoka(b.groupConfig(t), tt.group)
			if err != nil {
				t.Fatal(err)
			}
			r := run(t, g).awaitReady(t)
			if _, err := g.VisitAll(t.Context(), "check", nil); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			r.stop(t)
		})
	}
}

func TestFromGokaNeedsAGroup(t *testing.T) {
	t.Parallel()
	if _, err := runner.FromGoka(runner.Config{Brokers: []string{"localhost:9092"}}, nil); err == nil {
		t.Error("got no error")
	}
}
