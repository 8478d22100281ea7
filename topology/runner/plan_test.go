package runner_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/lovoo/goka"

	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/codecs/registry"
	"github.com/gokavro/gokavro/integration/devstack"
	"github.com/gokavro/gokavro/topology"
	"github.com/gokavro/gokavro/topology/kafka"
	"github.com/gokavro/gokavro/topology/kafka/kafkatest"
	"github.com/gokavro/gokavro/topology/runner"
)

//nolint:paralleltest // clearEnv changes the environment
func TestTheBinaryPlansAndAppliesByItself(t *testing.T) {
	clearEnv(t)
	b := setup(t, devstack.Config{})
	here := []string{"--brokers", b.stack.Brokers()[0], "--registry", b.stack.RegistryURL(), "--state", filepath.Join(t.TempDir(), "rows"), "--create-topics", "3"}
	run := func(args ...string) string {
		t.Helper()
		code, stdout, stderr := commandOf(t, points, append(args, here...)...)
		if code != runner.ExitOK || stderr != "" {
			t.Fatalf("%v: got code %d, stderr %q", args, code, stderr)
		}
		return stdout
	}
	if got := run("--plan"); !strings.Contains(got, "+ topic in: 3 partitions\n") || !strings.Contains(got, "+ subject") {
		t.Errorf("got the plan %s, want topics and subjects", got)
	}
	if _, err := b.client.Partitions("in"); err == nil {
		t.Error("--plan created a topic")
	}
	run("--apply")
	if got := run("--plan"); !strings.Contains(got, "nothing to do\n") {
		t.Errorf("got the plan %s after --apply", got)
	}
	path := filepath.Join(t.TempDir(), "plan.json")
	run("--plan-out", path)
	written, err := os.ReadFile(path)
	if err != nil || string(written) != run("--plan-out", "-") {
		t.Errorf("got %s, %v; want what goes to the output", written, err)
	}
	if _, err := runner.ReadPlan(bytes.NewReader(written)); err != nil {
		t.Error(err)
	}
	code, _, stderr := commandOf(t, points, append([]string{"--plan", "--apply"}, here...)...)
	if code != runner.ExitUsage || !strings.Contains(stderr, "--plan and --apply each end the process: give one") {
		t.Errorf("got code %d, %q; want one task at a time", code, stderr)
	}
}

func TestAPlanKeepsReferencesOfSchemas(t *testing.T) {
	t.Parallel()
	const place, stop = `{"type":"record","name":"Place","namespace":"p","fields":[{"name":"lat","type":"double"}]}`,
		`{"type":"record","name":"Stop","namespace":"p","fields":[{"name":"at","type":"Place"}]}`
	b := setup(t, devstack.Config{})
	codec := func() *avro.GenericCodec { return avro.Generic(stop, avro.Reference("place", place)) }
	build := func() *topology.Topology {
		top := topology.New("stops")
		topology.Input(top, "in", codec()).To("out", codec())
		return top
	}
	plan, err := runner.NewPlan(build(), runner.Config{CreateTopics: 2, Normalize: true})
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if err := plan.WriteJSON(&text); err != nil {
		t.Fatal(err)
	}
	read, err := runner.ReadPlan(&text)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(read, plan); diff != "" {
		t.Errorf("the plan that is read (-got +want): %s", diff)
	}
	client, err := registry.New(registry.Config{URLs: []string{b.stack.RegistryURL()}, Normalize: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := read.Apply(t.Context(), runner.PlanSite{Kafka: b.client, Registry: client}); err != nil {
		t.Fatal(err)
	}
	found, err := client.Latest(t.Context(), "out-value")
	if err != nil {
		t.Fatal(err)
	}
	if want := []registry.Reference{{Name: "p.Place", Subject: "place", Version: 1}}; !cmp.Equal(found.References, want) {
		t.Errorf("got the references %v, want %v", found.References, want)
	}
	cfg := b.config(t)
	cfg.CreateTopics, cfg.Normalize = 0, true
	start(t, build(), cfg).awaitReady(t).stop(t)
}

func TestAGokaGroupHasAPlan(t *testing.T) {
	t.Parallel()
	b := setup(t, devstack.Config{NoRegistry: true})
	b.topics(t, 4, "orders", "sums")
	b.topics(t, 2, "prices")
	kafkatest.Create(t, b.client, kafka.Topic{Name: "owners", Partitions: 4, Compact: true})
	if err := b.client.AlterTopic("prices", map[string]string{"retention.ms": "-1"}); err != nil {
		t.Fatal(err)
	}
	g, err := runner.FromGoka(b.groupConfig(t), words(func(goka.Context) {}))
	if err != nil {
		t.Fatal(err)
	}
	changes, err := g.Plan().Compare(t.Context(), runner.PlanSite{Kafka: b.client})
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := changes.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	if got, want := text.String(), "+ topic shops-table: 4 partitions, cleanup.policy=compact\n+ topic shops-loop: 4 partitions, retention.ms=-1\n+ topic shops-dead-letters: 4 partitions, max.message.bytes=8388608\n+ topic shops-retry: 4 partitions, max.message.bytes=8388608\n"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	report, err := g.Examine(t.Context())
	if err != nil || len(report.Refusals()) > 0 {
		t.Errorf("got %v, %v; want no refusals", report, err)
	}
}

func TestReadPlanListsEverythingThatIsWrong(t *testing.T) {
	t.Parallel()
	_, err := runner.ReadPlan(strings.NewReader(`{"group":"g","partitions":-1,"replication":-2,` +
		`"topics":[{"name":"a b","role":"input"},{"name":"c","role":"cellar","ttl":"0s"}],"subjects":[{"subject":"s","schema":"{"}]}`))
	if err == nil {
		t.Fatal("got no error")
	}
	for _, part := range []string{"partitions is -1", "replication is -2", `"a b"`, `no role "cellar"`, `ttl "0s"`, "subject s"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("got %v, want %q in it", err, part)
		}
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("got %q, want one line", err)
	}
}

func FuzzReadPlan(f *testing.F) {
	f.Add(`{"group":"g","topics":[{"name":"a","role":"store","ttl":"1h"}],"subjects":[{"subject":"s","schema":"\"string\"","references":[{"subject":"r","schema":"\"int\""}]}]}`)
	f.Add(`{"group":"g","partitions":3,"replication":2,"min_insync_replicas":1,"transactional":true,"normalize":true,"topics":[]}`)
	f.Fuzz(func(t *testing.T, text string) {
		p, err := runner.ReadPlan(strings.NewReader(text))
		if err != nil {
			return
		}
		var written bytes.Buffer
		if err := p.WriteJSON(&written); err != nil {
			t.Fatal(err)
		}
		again, err := runner.ReadPlan(&written)
		if err != nil {
			t.Fatalf("got %v for a plan that was read before", err)
		}
		if diff := cmp.Diff(again, p, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("the plan that is read again (-got +want): %s", diff)
		}
		_ = p.Grants()
	})
}
