package main

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// conformance reads the cases of a file, whose verdicts are those of Java's
// Avro.
func conformance[T any](t *testing.T, name string) []T {
	t.Helper()
	in, err := os.Open(filepath.Join("testdata", "conformance", name))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close() }()
	var cases []T
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		var c T
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		cases = append(cases, c)
	}
	if err := lines.Err(); err != nil || len(cases) == 0 {
		t.Fatalf("got %d cases and %v", len(cases), err)
	}
	return cases
}

// objects reads JSON lines.
func objects[T any](t *testing.T, text string) []T {
	t.Helper()
	var list []T
	for line := range strings.Lines(text) {
		var v T
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		list = append(list, v)
	}
	return list
}

func TestSchemaPrintsCanonicalFormsAndFingerprintsAsJavaDoes(t *testing.T) {
	t.Parallel()
	type canonical struct {
		Name, Schema, Canonical, MD5, SHA256 string
		CRC64                                string `json:"fingerprint_le_hex"`
	}
	for _, c := range conformance[canonical](t, "canonical.jsonl") {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			run := func(args ...string) string {
				args = append(append([]string{"schema"}, args...), "-")
				return execute(t.Context(), strings.NewReader(c.Schema), args...).ok(t).stdout
			}
			got := []string{
				run("canonical"), run("fingerprint"), run("fingerprint", "--algorithm", "crc64"),
				run("fingerprint", "--algorithm", "md5"), run("fingerprint", "--algorithm", "sha256"),
			}
			want := []string{c.Canonical + "\n", c.CRC64 + "\n", c.CRC64 + "\n", c.MD5 + "\n", c.SHA256 + "\n"}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestSchemaCheckGivesJavasVerdicts(t *testing.T) {
	t.Parallel()
	type pair struct {
		Name           string
		Compatible     bool
		Reader, Writer json.RawMessage
	}
	type found struct {
		Name       string
		Compatible *bool
		Faults     []string
	}
	want := conformance[pair](t, "compat.jsonl")
	got := objects[found](t, execute(t.Context(), nil, "schema", "check", "--batch", "testdata/conformance/compat.jsonl").ok(t).stdout)
	if len(got) != len(want) {
		t.Fatalf("got %d results, want %d", len(got), len(want))
	}
	for i, w := range want {
		g := got[i]
		if g.Name != w.Name || g.Compatible == nil || *g.Compatible != w.Compatible || (len(g.Faults) == 0) != w.Compatible || g.Faults == nil {
			t.Errorf("%s: got %+v, want compatible %t", w.Name, g, w.Compatible)
		}
	}
	for _, w := range want[:10] {
		writer, reader := file(t, "w.avsc", w.Writer), file(t, "r.avsc", w.Reader)
		got := execute(t.Context(), nil, "schema", "check", "--writer", writer, "--reader", reader)
		if (got.code == 0) != w.Compatible || (got.stdout == "compatible\n") != w.Compatible || got.code > 1 {
			t.Errorf("%s: got %+v, want compatible %t", w.Name, got, w.Compatible)
		}
	}
}

func TestSchemaCheckKnowsLevels(t *testing.T) {
	t.Parallel()
	type change struct {
		Name, Level string
		New         json.RawMessage
		History     []json.RawMessage
		Compatible  bool
	}
	for _, c := range conformance[change](t, "compat_levels.jsonl") {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			args := []string{"schema", "check", "--level", c.Level, file(t, "new.avsc", c.New)}
			for _, version := range c.History {
				args = append(args, file(t, "old.avsc", version))
			}
			got := execute(t.Context(), nil, args...)
			if (got.code == 0) != c.Compatible || got.code > 1 || (got.stdout == "compatible\n") != c.Compatible {
				t.Errorf("got %+v, want compatible %t", got, c.Compatible)
			}
		})
	}
}

func TestSchemaCheckPrintsOneLineAFault(t *testing.T) {
	t.Parallel()
	old := file(t, "old.avsc", []byte(`{"type":"record","name":"R","fields":[{"name":"a","type":"string"}]}`))
	now := file(t, "new.avsc", []byte(`{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"b","type":"int"}]}`))
	got := execute(t.Context(), nil, "schema", "check", "--writer", old, "--reader", now)
	lines := strings.Split(got.stdout, "\n")
	if got.code != 1 || len(lines) != 3 || !strings.HasPrefix(lines[0], "a: ") || !strings.HasPrefix(lines[1], "b: ") {
		t.Errorf("got %+v, want a line for a and one for b", got)
	}
	got.oneLine(t, "2 faults", "new.avsc cannot read what was written with", "old.avsc")
	got = execute(t.Context(), nil, "schema", "check", "--level", "FORWARD", now, old, old)
	if got.code != 1 || !strings.HasPrefix(got.stdout, old+": the older schema cannot read the new one's records: a: ") {
		t.Errorf("got %+v, want a line for a", got)
	}
	got.oneLine(t, "does not keep the level FORWARD: 1 fault")
}

func TestSchemaCheckGoesOnAfterABadPair(t *testing.T) {
	t.Parallel()
	lines := `{"name":"bad","writer":"what","reader":"int","other":1}

{"name":"none"}
{"name":"big","writer":"` + strings.Repeat("x", 3<<20) + `","reader":"int"}
{"name":{"any":["thing"]},"writer":"int","reader":"long"}`
	got := execute(t.Context(), strings.NewReader(lines), "schema", "check", "--batch", "-").ok(t)
	found := objects[struct {
		Name       any
		Compatible bool
		Faults     []string
	}](t, got.stdout)
	if len(found) != 4 || found[0].Compatible || found[1].Compatible || found[2].Compatible || !found[3].Compatible {
		t.Fatalf("got %.500s, want the last to be compatible", got.stdout)
	}
	if !strings.Contains(found[0].Faults[0], "the writer's schema: ") || len(found[1].Faults) != 2 {
		t.Errorf("got %+v, want what is wrong with the schemas", found[:2])
	}
	execute(t.Context(), strings.NewReader("{\n"), "schema", "check", "--batch", "-").refused(t, 1, "line 1 of standard input", "no JSON object")
}

func TestSchemaRefusesBadCommandLinesAndFiles(t *testing.T) {
	t.Parallel()
	sound := file(t, "int.avsc", []byte(`"int"`))
	tests := []struct {
		name string
		args []string
		code int
		want []string
	}{
		{"no file", []string{"canonical"}, 2, []string{"arg"}},
		{"an unknown command", []string{"what"}, 2, []string{`"what"`}},
		{"a file that is not there", []string{"canonical", sound + "x"}, 1, []string{"int.avscx", "no such file"}},
		{"no schema", []string{"fingerprint", file(t, "bad.avsc", []byte("{"))}, 1, []string{"bad.avsc", "parsing a schema"}},
		{"an unknown algorithm", []string{"fingerprint", "--algorithm", "sha1", sound}, 2, []string{"sha1", "use crc64, md5 or sha256"}},
		{"no mode", []string{"check"}, 2, []string{"--level"}},
		{"two modes", []string{"check", "--batch", "-", "--writer", sound}, 2, []string{"either"}},
		{"one schema of two", []string{"check", "--writer", sound}, 2, []string{"together"}},
		{"an unknown level", []string{"check", "--level", "SOME", sound}, 2, []string{"SOME", "BACKWARD"}},
		{"a level without schemas", []string{"check", "--level", "FULL"}, 2, []string{"name the new schema"}},
		{"standard input twice", []string{"check", "--writer", "-", "--reader", "-"}, 2, []string{"only once"}},
		{"arguments", []string{"check", "--writer", sound, "--reader", sound, "more"}, 2, []string{`"more"`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			execute(t.Context(), strings.NewReader(""), append([]string{"schema"}, tt.args...)...).refused(t, tt.code, tt.want...)
		})
	}
	execute(t.Context(), nil, "schema", "check", "--level", "full", sound).ok(t)
}
