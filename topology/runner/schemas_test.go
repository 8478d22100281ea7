package runner_test

import (
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/codecs"
	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/codecs/registry"
	"github.com/gokavro/gokavro/integration/devstack"
	"github.com/gokavro/gokavro/processors"
	"github.com/gokavro/gokavro/processors/enrich"
	"github.com/gokavro/gokavro/topology"
	"github.com/gokavro/gokavro/topology/kafka"
	"github.com/gokavro/gokavro/topology/runner"
)

// The versions of a row. The third cannot read the others.
type (
	tallyV1 struct {
		N int64 `avro:"n"`
	}
	tallyV2 struct {
		N    int64  `avro:"n"`
		Last string `avro:"last,default=nobody"`
	}
	tallyV3 struct {
		N    string `avro:"n"`
		Last string `avro:"last"`
	}

	// The same number in other units.
	momentMillis struct {
		At time.Time `avro:"at,timestamp-millis"`
	}
	momentMicros struct {
		At time.Time `avro:"at,timestamp-micros"`
	}
)

func asTally(more ...avro.Option) []avro.Option {
	return append([]avro.Option{avro.Namespace("test"), avro.Name("Tally")}, more...)
}

func (r tallyV1) Next(string) (tallyV1, string) {
	return tallyV1{r.N + 1}, fmt.Sprint("v1 ", r.N+1)
}

func (r tallyV2) Next(value string) (tallyV2, string) {
	return tallyV2{r.N + 1, value}, fmt.Sprint("v2 ", r.N+1, " after ", r.Last)
}

func (r tallyV3) Next(string) (tallyV3, string) { return r, "v3" }

func (r momentMillis) Next(string) (momentMillis, string) { return r, "" }

func (r momentMicros) Next(string) (momentMicros, string) { return r, "" }

// tallying counts the records of each key in rows of type S.
func tallying[S interface{ Next(string) (S, string) }](opts ...avro.Option) func() *topology.Topology {
	return func() *topology.Topology {
		t := topology.New("tally")
		store := topology.Store(t, "tallies", avro.Typed[S](asTally(opts...)...))
		topology.Process(topology.Input(t, "in", codecs.String()), store,
			func(in processors.Record[string], row *processors.Row[S], emit func(string)) error {
				held, _ := row.Get()
				held, text := held.Next(in.Value)
				row.Set(held)
				emit(text)
				return nil
			}).To("out", codecs.String())
		return t
	}
}

// setupTally makes ready to run versions of tallying, with one partition.
func setupTally(t *testing.T) (*testBundle, runner.Config) {
	t.Helper()
	b := setup(t, devstack.Config{})
	b.topics(t, 1, "in")
	cfg := b.config(t)
	cfg.CreateTopics = 1
	return b, cfg
}

// once runs a topology until out has n records, and stops it.
func (b *testBundle) once(t *testing.T, top *topology.Topology, cfg runner.Config, n int) {
	t.Helper()
	r := start(t, top, cfg).awaitReady(t)
	b.awaitValues(t, "out", n)
	r.stop(t)
}

func (b *testBundle) registry(t *testing.T) *registry.Client {
	t.Helper()
	client, err := registry.New(registry.Config{URLs: []string{b.stack.RegistryURL()}})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// level sets the compatibility level of the registry.
func (b *testBundle) level(t *testing.T, level string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, b.stack.RegistryURL()+"/config", strings.NewReader(`{"compatibility":"`+level+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("setting the level: status %d", answer.StatusCode)
	}
}

// fingerprints returns what the rows of a table begin with, without repeats.
func fingerprints(rows []kafka.Record) string {
	var list []string
	for _, row := range rows {
		ref, _, err := avro.SplitFrame(row.Value)
		name := hex.EncodeToString(ref.Fingerprint[:])
		switch {
		case err != nil:
			name = err.Error()
		case ref.Wire != avro.SingleObject:
			name = ref.Wire.String()
		}
		if len(list) == 0 || list[len(list)-1] != name {
			list = append(list, name)
		}
	}
	return strings.Join(list, " ")
}

func refusedBy(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Error("got no error")
		return
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("got %v, want %q in it", err, part)
		}
	}
}

func TestATablesSchemaChangesAcrossARestart(t *testing.T) {
	t.Parallel()
	b, cfg := setupTally(t)
	v1, v2 := avro.Typed[tallyV1](asTally()...).Schema(), avro.Typed[tallyV2](asTally()...).Schema()
	b.write(t, record("in", "k", "a"), record("in", "k", "b"), record("in", "other", "c"))
	b.once(t, tallying[tallyV1]()(), cfg, 3)
	if got := fingerprints(b.read(t, "tallies")); got != v1.Fingerprint() {
		t.Errorf("got rows of %s, want the fingerprint %s", got, v1.Fingerprint())
	}

	b.write(t, record("in", "k", "d"), record("in", "k", "e"))
	b.once(t, tallying[tallyV2]()(), cfg, 5)
	b.write(t, record("in", "other", "f"))
	cfg.StateDir = t.TempDir() // what another process would have
	b.once(t, tallying[tallyV2]()(), cfg, 6)
	b.write(t, record("in", "k", "g"))
	b.once(t, tallying[tallyV1]()(), cfg, 7) // taken back
	want := []string{"v1 1", "v1 1", "v1 2", "v1 5", "v2 2 after nobody", "v2 3 after nobody", "v2 4 after d"}
	if diff := cmp.Diff(b.values(t, "out"), want); diff != "" {
		t.Errorf("outputs (-got +want): %s", diff)
	}
	if got := fingerprints(b.read(t, "tallies")); got != v1.Fingerprint()+" "+v2.Fingerprint()+" "+v1.Fingerprint() {
		t.Errorf("got rows of %s, want those of the code that wrote them", got)
	}
	for _, schema := range []*avro.ParsedSchema{v1, v2} {
		text, err := os.ReadFile(filepath.Join(cfg.StateDir, "schemas", "tallies", schema.Fingerprint()+".avsc"))
		if err != nil || string(text) != schema.String() {
			t.Errorf("got %s, %v; want %s kept", text, err, schema)
		}
	}

	b.level(t, "NONE") // the registry has nothing against it
	says := []string{"store tallies", "version 1 of subject tallies-value", v1.Fingerprint(), "version 2", "field n", "string"}
	refusedBy(t, start(t, tallying[tallyV3]()(), cfg).end(t), says...)
	r, err := runner.New(tallying[tallyV3]()(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	refusedBy(t, r.Check(t.Context()), says...)
	if got, err := b.registry(t).Versions(t.Context(), "tallies-value", true); err != nil || len(got) != 2 {
		t.Errorf("got versions %v, %v; want the refused schema not registered", got, err)
	}
}

func TestRowsAreReadAfterTheRegistryHasLostTheirSchemas(t *testing.T) {
	t.Parallel()
	b, cfg := setupTally(t)
	b.write(t, record("in", "k", "a"))
	b.once(t, tallying[tallyV1]()(), cfg, 1)
	empty, err := devstack.Start(t.Context(), devstack.Config{NoKafka: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = empty.Close() })
	cfg.Registry = []string{empty.RegistryURL()}

	v1 := avro.Typed[tallyV1](asTally()...).Schema()
	refusedBy(t, start(t, tallying[tallyV3]()(), cfg).end(t), "store tallies", "tallies/"+v1.Fingerprint()+".avsc", "field n")
	b.write(t, record("in", "k", "b"))
	b.once(t, tallying[tallyV2]()(), cfg, 2)
	if diff := cmp.Diff(b.values(t, "out"), []string{"v1 1", "v2 2 after nobody"}); diff != "" {
		t.Errorf("outputs (-got +want): %s", diff)
	}

	path := filepath.Join(cfg.StateDir, "schemas", "tallies", v1.Fingerprint()+".avsc")
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	refusedBy(t, start(t, tallying[tallyV2]()(), cfg).end(t), path, "damaged", "remove the file")
}

func TestRowsInTheConfluentFormatAreReadAndReplaced(t *testing.T) {
	t.Parallel()
	b, cfg := setupTally(t)
	b.write(t, record("in", "k", "a"))
	b.once(t, tallying[tallyV1](avro.Format(avro.Confluent))(), cfg, 1)
	if got := fingerprints(b.read(t, "tallies")); got != "Confluent" {
		t.Errorf("got rows of %s, want the codec's own format", got)
	}
	b.write(t, record("in", "k", "b"))
	b.once(t, tallying[tallyV2]()(), cfg, 2)
	if diff := cmp.Diff(b.values(t, "out"), []string{"v1 1", "v2 2 after nobody"}); diff != "" {
		t.Errorf("outputs (-got +want): %s", diff)
	}
	if got, want := fingerprints(b.read(t, "tallies")), "Confluent "+avro.Typed[tallyV2](asTally()...).Schema().Fingerprint(); got != want {
		t.Errorf("got rows of %s, want %s", got, want)
	}
}

func TestAnotherTopologyLooksUpRowsOfEveryVersion(t *testing.T) {
	t.Parallel()
	b, cfg := setupTally(t)
	b.write(t, record("in", "old", "a"))
	b.once(t, tallying[tallyV1]()(), cfg, 1)
	b.write(t, record("in", "new", "b"))
	b.once(t, tallying[tallyV2]()(), cfg, 2)

	cfg.StateDir = t.TempDir()
	b.topics(t, 1, "asked")
	b.write(t, record("asked", "old", ""), record("asked", "new", ""))
	r := start(t, asking[tallyV2](), cfg)
	if diff := cmp.Diff(b.awaitValues(t, "answers", 2), []string{"{1 b}", "{1 nobody}"}); diff != "" {
		t.Errorf("answers (-got +want): %s", diff)
	}
	r.stop(t)
	refusedBy(t, start(t, asking[tallyV3](), cfg).end(t), "lookup tallies", "version 2", "field n")
}

func asking[S any]() *topology.Topology {
	t := topology.New("ask")
	in := topology.Each(topology.Input(t, "asked", codecs.String()), "key",
		func(in processors.Record[string], _ *processors.Row[processors.None], emit func(string)) error {
			emit(in.Key)
			return nil
		})
	topology.Lookup(in, topology.LookupTable(t, "tallies", avro.Typed[S](asTally()...)), enrich.Left(
		func(key string) string { return key },
		func(_ string, row *S) string { return fmt.Sprint(*row) },
	)).To("answers", codecs.String())
	return t
}

func TestProducersSwitchVersionsWhileARunnerRuns(t *testing.T) {
	t.Parallel()
	b := setup(t, devstack.Config{})
	client := b.registry(t)
	old := `{"type":"record","name":"point","namespace":"test","fields":[{"name":"x","type":"int"}]}`
	fresh := `{"type":"record","name":"point","namespace":"test","fields":[{"name":"note","type":"string","default":""},{"name":"x","type":"long"}]}`
	if _, err := client.Register(t.Context(), "in-value", old); err != nil {
		t.Fatal(err)
	}
	r := start(t, points(), b.config(t)).awaitReady(t)
	written := 0
	var want []string
	send := func(schema string, wire avro.Wire) {
		codec := avro.Generic(schema, avro.Registry(client), avro.Subject("in-value"), avro.AutoRegister(), avro.Format(wire))
		var records []kafka.Record
		for range 50 {
			written++
			value := map[string]any{"x": int32(written)}
			if schema == fresh {
				value = map[string]any{"x": int64(written), "note": "new"}
			}
			data, err := codec.Encode(value)
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, strconv.Itoa(written))
			records = append(records, record("in", fmt.Sprint("k", written%7), string(data)))
		}
		b.write(t, records...)
	}
	for _, schema := range []string{old, fresh, old} {
		for _, wire := range []avro.Wire{avro.Confluent, avro.SingleObject} {
			send(schema, wire)
			b.awaitValues(t, "out", written)
		}
	}
	for range 5 { // and mixed, without waiting in between
		send(old, avro.Confluent)
		send(fresh, avro.SingleObject)
		send(fresh, avro.Confluent)
		send(old, avro.SingleObject)
	}
	got := map[string]bool{}
	for _, value := range b.awaitValues(t, "out", written) {
		got[value] = true
	}
	for _, value := range want {
		if !got[value] {
			t.Errorf("%s is lost", value)
		}
	}
	r.stop(t)
	if stats := r.Stats(); stats.DeadLetters != 0 || stats.In != int64(written) {
		t.Errorf("got %+v, want %d records and no dead letters", stats, written)
	}
}

func TestAnInputMustReadTheLatestVersion(t *testing.T) {
	t.Parallel()
	b := setup(t, devstack.Config{})
	b.level(t, "NONE")
	client := b.registry(t)
	for _, schema := range []string{`"string"`, schemas[0]} {
		if _, err := client.Register(t.Context(), "in-value", schema); err != nil {
			t.Fatal(err)
		}
	}
	start(t, points(), b.config(t)).awaitReady(t).stop(t)
	if !b.log.has("records of an older schema could not be read") || !b.log.has("version 1") {
		t.Error("got no warning of version 1")
	}
	if _, err := client.Register(t.Context(), "in-value", strings.Replace(schemas[0], "long", "string", 1)); err != nil {
		t.Fatal(err)
	}
	refusedBy(t, start(t, points(), b.config(t)).end(t), "input in", "version 3 of subject in-value", "field x")
}

func TestValidateLeavesTheStateFolderAlone(t *testing.T) {
	t.Parallel()
	_, cfg := setupTally(t)
	start(t, tallying[tallyV1]()(), cfg).awaitReady(t).stop(t)
	cfg.StateDir = filepath.Join(t.TempDir(), "never-made")
	for name, check := range map[string]func(*runner.Runner) error{
		"check":   func(r *runner.Runner) error { return r.Check(t.Context()) },
		"schemas": func(r *runner.Runner) error { _, err := r.Schemas(t.Context()); return err },
	} {
		r, err := runner.New(tallying[tallyV1]()(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		if err := check(r); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat(cfg.StateDir); !os.IsNotExist(err) {
			t.Errorf("%s: got %v for the state folder, want it not made", name, err)
		}
	}
}

func TestRowsOfALogicalTypeAreNotReadAsAnother(t *testing.T) {
	t.Parallel()
	_, cfg := setupTally(t)
	start(t, tallying[momentMillis]()(), cfg).awaitReady(t).stop(t)
	refusedBy(t, start(t, tallying[momentMicros]()(), cfg).end(t), "store tallies", "version 1", "field at", "timestamp-millis", "timestamp-micros")
}
