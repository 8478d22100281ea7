package runner_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/codecs"
	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/integration/devstack"
	"github.com/gokavro/gokavro/processors"
	"github.com/gokavro/gokavro/processors/aggregate"
	"github.com/gokavro/gokavro/processors/enrich"
	"github.com/gokavro/gokavro/topology"
	"github.com/gokavro/gokavro/topology/runner"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares text with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got, string(want)); diff != "" {
		t.Errorf("%s (-got +want):\n%s", name, diff)
	}
}

// reported has a topic of each verdict.
func reported() *topology.Topology {
	t := topology.New("reported")
	named := func(name string) []avro.Option { return []avro.Option{avro.Namespace("test"), avro.Name(name)} }
	users := topology.LookupTable(t, "users", avro.Typed[point](named("User")...))
	plain := topology.LookupTable(t, "plain", codecs.String())
	in := topology.Input(t, "in", avro.Typed[point](named("Point")...))
	other := topology.Input(t, "other", avro.Typed[point](named("Other")...))
	topology.Process(in, topology.Store(t, "tallies", avro.Typed[tallyV3](asTally()...)),
		aggregate.Fold(func(s tallyV3, _ processors.Record[point]) tallyV3 { return s }, func(point, tallyV3) tallyV1 { return tallyV1{} }),
	).To("out", avro.Typed[tallyV1](asTally()...))
	wide := topology.Lookup(topology.Lookup(other, users, enrich.Left(
		func(point) string { return "" }, func(p point, _ *point) point { return p },
	)), plain, enrich.Left(func(point) string { return "" }, func(p point, _ *string) point { return p }))
	wide.To("new", avro.Typed[point](named("Point")...))
	topology.Each(wide, "count", func(_ processors.Record[point], _ *processors.Row[processors.None], _ func(tallyV2)) error {
		return nil
	}).To("next", avro.Typed[tallyV2](asTally()...))
	return t
}

// registerHistory gives the topics of reported their past.
func registerHistory(t *testing.T, b *testBundle) {
	t.Helper()
	b.level(t, "NONE")
	client := b.registry(t)
	v1, v2 := avro.Typed[tallyV1](asTally()...).Schema().String(), avro.Typed[tallyV2](asTally()...).Schema().String()
	point := strings.Replace(schemas[0], `"point"`, `"Point"`, 1)
	for _, entry := range [][2]string{
		{"in-value", `"string"`},
		{"in-value", point},
		{"users-value", strings.Replace(point, `"Point"`, `"Person"`, 1)},
		{"tallies-value", v1},
		{"tallies-value", v2},
		{"out-value", avro.Typed[tallyV3](asTally()...).Schema().String()},
		{"next-value", v1},
	} {
		if _, err := client.Register(t.Context(), entry[0], entry[1]); err != nil {
			t.Fatal(err)
		}
	}
	b.level(t, "FULL")
}

//nolint:paralleltest // clearEnv changes the environment
func TestTheReportCoversEveryTopic(t *testing.T) {
	clearEnv(t)
	b := setup(t, devstack.Config{NoKafka: true})
	registerHistory(t, b)
	state := t.TempDir()
	gone := avro.Typed[tallyV1](asTally(avro.Name("Gone"))...).Schema()
	if err := avro.NewSchemaDir(filepath.Join(state, "schemas", "tallies")).Keep(gone); err != nil {
		t.Fatal(err)
	}
	run := func(build func() *topology.Topology, flags ...string) (code int, stdout, stderr string) {
		return commandOf(t, build, append([]string{"--brokers", "localhost:1", "--registry", b.stack.RegistryURL(), "--state", state}, flags...)...)
	}
	code, text, stderr := run(reported, "--schemas")
	if want := "topology reported: the schemas of users, tallies, out are refused: see the report\n"; code != runner.ExitFault || stderr != want {
		t.Errorf("got code %d, standard error %q; want %d, %q", code, stderr, runner.ExitFault, want)
	}
	golden(t, "report.txt", text)
	code, text, _ = run(reported, "--schemas=json")
	if code != runner.ExitFault {
		t.Errorf("--schemas=json: got code %d, want %d", code, runner.ExitFault)
	}
	golden(t, "report.json", text)
	var report runner.Report
	if err := json.Unmarshal([]byte(text), &report); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(report.Refused(), []string{"users", "tallies", "out"}); diff != "" {
		t.Errorf("refused, from JSON (-got +want): %s", diff)
	}

	code, text, stderr = run(tallying[tallyV2](), "--schemas", "--state", t.TempDir())
	if code != runner.ExitOK || stderr != "" || strings.Count(text, "\n") != 6 {
		t.Errorf("got code %d, %q, %q; want nothing refused", code, text, stderr)
	}
	if subjects, err := b.registry(t).Subjects(t.Context()); err != nil || len(subjects) != 5 {
		t.Errorf("got subjects %v, %v; want none added", subjects, err)
	}
}

//nolint:paralleltest // clearEnv changes the environment
func TestTheReportsFormatIsChecked(t *testing.T) {
	clearEnv(t)
	here := []string{"--brokers", "localhost:1", "--registry", "http://localhost:1", "--dial-timeout", "10ms"}
	for want, flags := range map[string][]string{
		"--schemas=xml: use text or json": {"--schemas=xml"},
		"give one":                        {"--schemas", "--validate"},
		`unexpected argument "json"`:      {"--schemas", "json"},
	} {
		code, stdout, stderr := command(t, append(flags, here...)...)
		if code != runner.ExitUsage || stdout != "" || !strings.Contains(stderr, want) {
			t.Errorf("%v: got code %d, %q, %q; want %d and %q", flags, code, stdout, stderr, runner.ExitUsage, want)
		}
	}
	code, stdout, stderr := command(t, append([]string{"--schemas"}, here...)...)
	if code != runner.ExitFault || stdout != "" || !strings.Contains(stderr, "nothing answers at http://localhost:1") {
		t.Errorf("without a registry: got code %d, %q, %q", code, stdout, stderr)
	}
}
