package main

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/processors/dlq"
)

// inModule returns the folder of a module that requires this one.
func inModule(t *testing.T, files map[string]string) string {
	t.Helper()
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	const gokavro = "github.com/gokavro/gokavro"
	ours := mustRead(t, filepath.Join(root, "go.mod"))
	all := map[string]string{
		"go.mod": strings.Replace(ours, "module "+gokavro, "module example.test/types", 1) +
			"\nrequire " + gokavro + " v0.0.0\n\nreplace " + gokavro + " => " + root + "\n",
		"go.sum": mustRead(t, filepath.Join(root, "go.sum")),
	}
	maps.Copy(all, files)
	for name, text := range all {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func mustRead(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func sameJSON(t *testing.T, what, got, want string) {
	t.Helper()
	var left, right any
	if err := json.Unmarshal([]byte(got), &left); err != nil {
		t.Fatalf("%s: %v in %s", what, err, got)
	}
	if err := json.Unmarshal([]byte(want), &right); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(right, left); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestSchemaGenFromGoIsWhatTheCodecHas(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		args []string
		want *avro.ParsedSchema
	}{
		"a type":        {[]string{"--type", "Header"}, avro.Typed[dlq.Header]().Schema()},
		"nested types":  {[]string{"--type", "Letter"}, avro.Typed[dlq.Letter]().Schema()},
		"another name":  {[]string{"--type", "Letter", "--namespace", "a.b", "--name", "Dead"}, avro.Typed[dlq.Letter](avro.Namespace("a.b"), avro.Name("Dead")).Schema()},
		"of one file's": {[]string{"--type", "Letter", "--namespace", dlq.Namespace}, avro.Typed[dlq.Letter](avro.Namespace(dlq.Namespace)).Schema()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := execute(t.Context(), nil, append([]string{"schema", "gen", "--from-go", "../../processors/dlq"}, tt.args...)...).ok(t)
			sameJSON(t, name, got.stdout, tt.want.String())
		})
	}
}

// everyType is a schema with all that the generator writes code for.
const everyType = `{"type":"record","name":"x.Trip","doc":"a trip","aliases":["Journey"],"fields":[
	{"name":"from","type":{"type":"record","name":"Stop","fields":[{"name":"iata","type":"string","default":"HAM"}]}},
	{"name":"status","type":{"type":"enum","name":"Status","symbols":["PLANNED","FLOWN"],"default":"PLANNED"}},
	{"name":"seal","type":{"type":"fixed","name":"Seal","size":4}},
	{"name":"at","type":["null",{"type":"int","logicalType":"date"}],"default":null},
	{"name":"price","type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}},
	{"name":"payload","type":["int","string","Stop"]},
	{"name":"tags","type":{"type":"map","values":["null","long"]},"default":{}},
	{"name":"next","type":["null","Trip"],"default":null}]}`

func TestSchemasGoToGoAndBack(t *testing.T) {
	t.Parallel()
	dir := inModule(t, nil)
	code := filepath.Join(dir, "trip.go")
	execute(t.Context(), nil, "schema", "gen", "--package", "trips", "-o", code, file(t, "trip.avsc", []byte(everyType))).ok(t)
	got := execute(t.Context(), nil, "schema", "gen", "--from-go", code, "--type", "Trip").ok(t)
	if diff := cmp.Diff(parse(t, everyType).Canonical(), parse(t, got.stdout).Canonical()); diff != "" {
		t.Errorf("canonical form (-want +got):\n%s", diff)
	}
	sameJSON(t, "the schema", got.stdout, everyType)
	stop := execute(t.Context(), nil, "schema", "gen", "--from-go", dir, "--type", "Stop").ok(t)
	if got := parse(t, stop.stdout).Name(); got != "x.Stop" {
		t.Errorf("a nested type: got %s", got)
	}
}

func TestSchemaGenFromGoWritesAFile(t *testing.T) {
	t.Parallel()
	dir := inModule(t, map[string]string{
		"a.go": "package p\n\n// Spot is the only tagged type.\ntype Spot struct {\n\tX int32 `avro:\"x\"`\n\tm mood\n}\n\ntype mood string\n",
	})
	out := filepath.Join(t.TempDir(), "spot.avsc")
	args := []string{"schema", "gen", "--from-go", filepath.Join(dir, "a.go"), "-o", out}
	if got := execute(t.Context(), nil, args...).ok(t); got.stdout+got.stderr != "" {
		t.Errorf("got %+v, want no words", got)
	}
	const want = `{
  "type": "record",
  "name": "Spot",
  "fields": [
    {
      "name": "x",
      "type": "int"
    }
  ]
}
`
	if diff := cmp.Diff(want, mustRead(t, out)); diff != "" {
		t.Error(diff)
	}
	if err := os.WriteFile(out, []byte("notes"), 0o600); err != nil {
		t.Fatal(err)
	}
	execute(t.Context(), nil, args...).refused(t, 1, out, "is no schema")
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 3 {
		t.Errorf("the package's folder has %v, %v; want its one file and the module's", entries, err)
	}
}

func TestSchemaGenFromGoRefusesWhatItCannotRead(t *testing.T) {
	t.Parallel()
	dir := inModule(t, map[string]string{
		"a.go":   "package p\n\ntype A struct {\n\tX int32 `avro:\"x\"`\n}\n\ntype B struct {\n\tC chan int `avro:\"c\"`\n}\n",
		"b.go":   "package p\n\ntype Plain struct{ X int }\n",
		"off.go": "//go:build never\n\npackage p\n",
	})
	broken := inModule(t, map[string]string{"a.go": "package p\n\ntype A struct {\n\tX int32 `avro:\"x\"`\n}\n\nvar n int = \"text\"\n"})
	for _, tt := range []struct {
		name string
		args []string
		code int
		want []string
	}{
		{"an empty path", []string{""}, 2, []string{"--from-go", "name a Go file"}},
		{"schemas too", []string{dir, "a.avsc"}, 2, []string{"leave out --package"}},
		{"a package too", []string{dir, "--package", "p"}, 2, []string{"leave out --package"}},
		{"no path", []string{"absent"}, 1, []string{"--from-go absent", "no such file"}},
		{"several types", []string{dir}, 1, []string{"several structs", "--type", "A, B"}},
		{"no tags", []string{filepath.Join(dir, "b.go")}, 1, []string{"no struct has avro tags", "--type"}},
		{"no such type", []string{dir, "--type", "Z"}, 1, []string{"package p has no type Z", "A, B, Plain"}},
		{"a file that is not built", []string{filepath.Join(dir, "off.go")}, 1, []string{"none of package p"}},
		{"a channel", []string{dir, "--type", "B"}, 1, []string{"chan int"}},
		{"package main", []string{"."}, 1, []string{"package main cannot be imported"}},
		{"what does not compile", []string{broken}, 1, []string{"a.go:7"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			execute(t.Context(), nil, append([]string{"schema", "gen", "--from-go"}, tt.args...)...).refused(t, tt.code, tt.want...)
		})
	}
	got := execute(t.Context(), nil, "schema", "gen", "--package", "p", "--type", "T", file(t, "stop.avsc", []byte(stopText)))
	got.refused(t, 2, "are for --from-go")
	if !strings.Contains(got.stderr, "--type") {
		t.Errorf("got %s", got.stderr)
	}
}
