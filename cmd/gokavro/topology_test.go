package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/cmd/gokavro/internal/cli"
	"github.com/gokavro/gokavro/examples/flights"
	"github.com/gokavro/gokavro/topology/kafka"
	"github.com/gokavro/gokavro/topology/runner"
)

// marked returns those lines of a plan that begin with one of the marks.
func marked(text, marks string) (list []string) {
	for line := range strings.Lines(text) {
		if strings.Contains(marks, line[:1]) {
			list = append(list, strings.TrimSpace(line))
		}
	}
	return list
}

func TestTopologyApplyMakesWhatPlanShows(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.run(t, "topology", "plan").oneLine(t, "the number of partitions is open: give --create-topics N")
	shown := b.run(t, "topology", "plan", "--create-topics", "6").ok(t).stdout
	want := []string{
		"+ topic airports: 6 partitions, cleanup.policy=compact", "+ topic flights: 6 partitions", "+ topic airport-stats: 6 partitions, cleanup.policy=compact",
		"+ topic flights-enriched: 6 partitions", "+ topic flights-dead-letters: 6 partitions", "+ topic flights-retry: 6 partitions",
		"+ subject airport-stats-value: the schema of ", "+ subject flights-enriched-value: ", "+ subject flights-dead-letters-value: ", "+ subject airports-value: ",
	}
	for _, line := range want {
		if !strings.Contains(shown, line) {
			t.Errorf("got the plan %s, want %q in it", shown, line)
		}
	}
	if !strings.Contains(shown, "kafka-acls --bootstrap-server BROKER --add --allow-principal User:NAME --operation Write --transactional-id flights- --resource-pattern-type prefixed") {
		t.Errorf("got the plan %s, want the permissions too", shown)
	}
	done := b.run(t, "topology", "apply", "--create-topics", "6").ok(t).stdout
	if diff := cmp.Diff(marked(done, "+~!"), marked(shown, "+~!")); diff != "" {
		t.Errorf("what was done (-got +shown): %s", diff)
	}
	if got := b.run(t, "topology", "plan").ok(t).stdout; !strings.Contains(got, "nothing to do\n") {
		t.Errorf("got the plan %s after apply, want nothing to do", got)
	}
	// What was made is all that a start needs that may not make anything.
	cfg := runner.Config{Brokers: b.cfg.Brokers, Registry: []string{b.stack.RegistryURL()}, StateDir: t.TempDir()}
	r, err := runner.New(flights.Topology(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Check(t.Context()); err != nil {
		t.Errorf("got %v after apply", err)
	}
}

func TestTopologyPlanShowsWhatDiffers(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.topic(t, "flights", 4)
	b.topic(t, "airport-stats", 4) // deletes
	b.topic(t, "airports", 1)      // deletes, and is not ours
	b.topic(t, "flights-retry", 3)
	b.run(t, "topology", "apply").oneLine(t, "topic flights-retry: it has 3 partitions, not 4")
	if _, err := b.client.Partitions("flights-enriched"); err == nil {
		t.Error("apply created a topic though something is impossible")
	}
	if _, err := b.client.DeleteTopics(t.Context(), "flights-retry"); err != nil {
		t.Fatal(err)
	}
	shown := b.run(t, "topology", "plan").ok(t).stdout
	advice := "? topic airports: its cleanup.policy delete deletes records older than 168h0m0s, and rows of the table with them: it is not the group's own: kafka-configs "
	for _, line := range []string{advice, "~ topic airport-stats: cleanup.policy delete -> compact", "+ topic flights-enriched: 4 partitions"} {
		if !strings.Contains(shown, line) {
			t.Errorf("got the plan %s, want %q in it", shown, line)
		}
	}
	b.run(t, "topology", "apply").ok(t)
	if got := b.run(t, "topology", "plan").ok(t).stdout; !strings.Contains(got, "nothing to do\n") {
		t.Errorf("got the plan %s after apply, want nothing to do", got)
	}
	got := b.run(t, "topology", "plan", "--create-topics", "6")
	got.oneLine(t, "topic flights: it has 4 partitions, not 6", "topic airport-stats: it has 4 partitions, not 6")
	if got.code != cli.ExitFault || !strings.Contains(got.stdout, "! topic flights: it has 4 partitions") {
		t.Errorf("got code %d and %s, want the differences shown", got.code, got.stdout)
	}
}

func TestAPlanComesFromAFileTheInputOrABinary(t *testing.T) {
	t.Parallel()
	b := setup(t)
	plan, err := runner.NewPlan(flights.Topology(), runner.Config{TopicPrefix: "p.", CreateTopics: 2})
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := plan.WriteJSON(&text); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file, binary, seen := filepath.Join(dir, "plan.json"), filepath.Join(dir, "flights"), filepath.Join(dir, "seen")
	write := func(path, text string, mode os.FileMode) {
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	write(file, text.String(), 0o600)
	write(binary, "#!/bin/sh\necho \"$@\" >"+seen+"\ncat "+file+"\n", 0o700)
	for name, got := range map[string]result{
		"file":   b.run(t, "topology", "plan", file),
		"input":  b.runWith(t.Context(), strings.NewReader(text.String()), "topology", "plan", "-"),
		"binary": execute(t.Context(), nil, "topology", "plan", "--binary", binary, "--brokers", b.cfg.Brokers[0], "--registry", b.stack.RegistryURL(), "--", "--topic-prefix", "p."),
	} {
		if got.ok(t); !strings.Contains(got.stdout, "+ topic p.flights: 2 partitions\n") {
			t.Errorf("%s: got %s, want the plan's topics", name, got.stdout)
		}
	}
	if passed, err := os.ReadFile(seen); err != nil || string(passed) != "--topic-prefix p. --plan-out -\n" {
		t.Errorf("got %q, %v; want the flags passed on", passed, err)
	}
	write(binary, "#!/bin/sh\necho no brokers >&2\nexit 2\n", 0o700)
	b.run(t, "topology", "plan", "--binary", binary).refused(t, cli.ExitFault, "--plan-out -: exit status 2: no brokers")
	write(file, "{", 0o600)
	b.run(t, "topology", "plan", file).refused(t, cli.ExitFault, file, "it is not what --plan-out writes")
	b.run(t, "topology", "plan", filepath.Join(dir, "absent")).refused(t, cli.ExitFault, "opening the plan")
	b.run(t, "topology", "plan", file, "more").refused(t, cli.ExitUsage, `"more"`)
	b.run(t, "topology", "plan", file, "--binary", binary).refused(t, cli.ExitUsage, "give one of them")
	b.run(t, "topology", "apply", "--create-topics", "0").refused(t, cli.ExitUsage, "--create-topics 0")
	execute(t.Context(), nil, "topology", "plan", "--", "--config", "x").refused(t, cli.ExitUsage, "for --binary")
}

func TestAnAppliedPlanSetsReplicasAndMinInsync(t *testing.T) {
	t.Parallel()
	b := setup(t)
	plan, err := runner.NewPlan(flights.Topology(), runner.Config{CreateTopics: 1, Replication: 1, MinInsyncReplicas: 1})
	if err != nil {
		t.Fatal(err)
	}
	at := runner.PlanSite{Kafka: b.client, Registry: b.registry}
	if _, err := plan.Apply(t.Context(), at); err != nil {
		t.Fatal(err)
	}
	plan.Replication, plan.MinInsyncReplicas = 2, 2
	changes, err := plan.Compare(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := changes.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"! topic airport-stats: it has 1 replicas, not 2: raise it", "~ topic airport-stats: min.insync.replicas 1 -> 2\n"} {
		if !strings.Contains(text.String(), line) {
			t.Errorf("got %s, want %q in it", text.String(), line)
		}
	}
	if _, err := b.client.CreateMissing(t.Context(), kafka.Topic{Name: "later", Partitions: 1, Replicas: 1}); err != nil {
		t.Error(err)
	}
}
