package runner_test

import (
	"sync/atomic"
	"testing"

	"github.com/IBM/sarama"
	"github.com/lovoo/goka"

	"github.com/gokavro/gokavro/integration/devstack"
	"github.com/gokavro/gokavro/topology/runner"
)

// A stop gives the partitions to the others at once, or to nobody for as long as
// the session lasts.
func TestAStopLeavesTheGroupUnlessToldOtherwise(t *testing.T) {
	t.Parallel()
	for name, keep := range map[string]bool{"leaves": false, "stays": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, devstack.Config{NoRegistry: true})
			b.topics(t, 4, "in")
			group := goka.DefineGroup("keepers", goka.Input("in", text, func(goka.Context, any) {}))
			cfg := b.groupConfig(t)
			cfg.KeepMembership = keep
			first := b.memberAfterRun(t, cfg, group)
			if keep != (first != "") {
				t.Fatalf("got the member %q after the stop, want one: %t", first, keep)
			}
			if second := b.memberAfterRun(t, cfg, group); second != first {
				t.Errorf("got the member %q after another run, want %q", second, first)
			}
		})
	}
}

// The connection to the coordinator may be one from before a broker's restart.
func TestAStopLeavesTheGroupThoughAConnectionIsGone(t *testing.T) {
	t.Parallel()
	b := setup(t, devstack.Config{NoRegistry: true})
	b.topics(t, 4, "in")
	const leaveGroup = 13
	var asked atomic.Int32
	b.stack.CutWhere(func(apiKey int16) bool { return apiKey == leaveGroup && asked.Add(1) == 1 })
	group := goka.DefineGroup("leavers", goka.Input("in", text, func(goka.Context, any) {}))
	if member := b.memberAfterRun(t, b.groupConfig(t), group); member != "" {
		t.Errorf("got the member %q after the stop, want none", member)
	}
	if asked.Load() < 2 {
		t.Errorf("the group was asked %d times, want the first question to be lost", asked.Load())
	}
}

// memberAfterRun runs a group until it is ready, and returns the name of its
// only member after that.
func (b *testBundle) memberAfterRun(t *testing.T, cfg runner.Config, group *goka.GroupGraph) string {
	t.Helper()
	g, err := runner.FromGoka(cfg, group)
	if err != nil {
		t.Fatal(err)
	}
	run(t, g).awaitReady(t).stop(t)
	admin, err := sarama.NewClusterAdmin(cfg.Brokers, sarama.NewConfig())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = admin.Close() }()
	groups, err := admin.DescribeConsumerGroups([]string{string(group.Group())})
	if err != nil || len(groups) != 1 {
		t.Fatalf("got %v, %v, want one group", groups, err)
	}
	for _, m := range groups[0].Members {
		if m.GroupInstanceId == nil {
			t.Fatalf("member %s has no name", m.MemberId)
		}
		return *m.GroupInstanceId
	}
	return ""
}

func TestBesideGokaNeedsAtLeastOnce(t *testing.T) {
	t.Parallel()
	cfg := runner.Config{Brokers: []string{"localhost:9092"}}
	group := goka.DefineGroup("words", goka.Input("in", text, func(goka.Context, any) {}))
	if _, err := runner.FromGoka(cfg, group, runner.BesideGoka()); err == nil {
		t.Error("got no error for exactly_once")
	}
	cfg.Delivery = runner.AtLeastOnce
	if _, err := runner.FromGoka(cfg, group, runner.BesideGoka()); err != nil {
		t.Error(err)
	}
}
