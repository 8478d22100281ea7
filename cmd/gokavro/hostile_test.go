package main

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	hostileNulls = `{"type":"array","items":"null"}`
	hostileTree  = `{"type":"record","name":"T","fields":[{"name":"t","type":{"type":"array","items":"T"}}]}`
	endless      = `{"type":"record","name":"R","fields":[{"name":"r","type":"R"}]}`
	million      = 1_000_000
)

// boxed puts a type into a field in, behind an id.
func boxed(schema string) string {
	return `{"type":"record","name":"Box","fields":[{"name":"id","type":"int"},{"name":"in","type":` + schema + `}]}`
}

// The others are in TestHostileInputCostsLittle.
func TestHostileDataAreRefusedInOneLine(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, schema, input string
		want                []string
		noData              bool // it is the schema that is refused
	}{
		{"a cut varint", boxed(`"long"`), "\x0a\x80", []string{"field in", "byte 1"}, false},
		{"text that is not UTF-8", boxed(`"string"`), "\x0a\x04\xff\xfe", []string{"field in", "UTF-8"}, false},
		{"a symbol out of range", boxed(`{"type":"enum","name":"E","symbols":["A"]}`), string(varints(5, 1)), []string{"field in", "byte 1"}, false},
		{"a branch out of range", boxed(`["null","int"]`), string(varints(5, 2)), []string{"field in", "byte 1"}, false},
		{"nothing", boxed(`"int"`), "", []string{"field id", "byte 0"}, false},
		{"a record in itself", endless, "", []string{"r.r.r", "byte 0"}, false},
		{"a schema of 200,000 levels", strings.Repeat("[", 200_000) + `"int"` + strings.Repeat("]", 200_000), "", []string{"nested more than 1000 deep"}, true},
		{"a schema of 1,500 levels", strings.Repeat(`{"type":"array","items":`, 1500) + `"int"` + strings.Repeat("}", 1500), "", []string{"nested more than 1000 deep"}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			schema := file(t, "w.avsc", []byte(tt.schema))
			plain := execute(t.Context(), strings.NewReader(tt.input), "avro", "decode", "--writer", schema)
			plain.refused(t, 1, tt.want...)
			if len(plain.stderr) > 1000 {
				t.Errorf("stderr: got %d bytes, want a line that people read", len(plain.stderr))
			}
			framed := execute(t.Context(), strings.NewReader("\x00\x00\x00\x00\x2a"+tt.input), "avro", "decode", "--writer", schema, "--framing", "confluent")
			if framed.refused(t, 1); !tt.noData {
				framed.oneLine(t, "schema id 42")
			}
		})
	}
}

func TestHostileJSONIsRefusedInOneLine(t *testing.T) {
	t.Parallel()
	tree := file(t, "tree.avsc", []byte(hostileTree))
	for _, text := range []string{
		strings.Repeat("[", million),
		`{"x":` + strings.Repeat("[", million) + strings.Repeat("]", million) + "}",
	} {
		execute(t.Context(), strings.NewReader(text), "avro", "encode", "--schema", tree).refused(t, 1, "avro: reading JSON of T")
	}
}

// A line of a batch that is hostile does not keep the next from being read.
func TestABatchGoesOnAfterAHostileLine(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("[", million) + strings.Repeat("]", million)
	good := `{"name":"good","writer":"int","reader":"int","hex":"02"}`
	lines := strings.Join([]string{
		`{"writer":` + deep + `,"name":"deep","reader":"int","hex":"02"}`,
		`{"name":"nulls","writer":` + hostileNulls + `,"hex":"` + hex.EncodeToString(varints(1e8, 0)) + `"}`,
		`{"name":"endless","writer":` + endless + `,"hex":""}`,
		`{"name":"digits","writer":"int","hex":"0g"}`,
		"", good,
	}, "\r\n")
	type decoded struct {
		Name  string
		JSON  any
		Hex   string
		Error bool
	}
	var got []decoded
	for _, line := range objects[map[string]any](t, execute(t.Context(), strings.NewReader(lines), "avro", "decode", "--batch", "-").ok(t).stdout) {
		hex, _ := line["hex"].(string)
		name, _ := line["name"].(string)
		got = append(got, decoded{Name: name, JSON: line["json"], Hex: hex, Error: line["error"] != nil})
	}
	want := []decoded{{Name: "deep", Error: true}, {Name: "nulls", Error: true}, {Name: "endless", Error: true}, {Name: "digits", Error: true}, {Name: "good", JSON: 1.0, Hex: "02"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("decode (-want +got):\n%s", diff)
	}
	checked := execute(t.Context(), strings.NewReader(`{"reader":`+deep+`,"name":7,"writer":"int"}`+"\n"+good), "schema", "check", "--batch", "-").ok(t).stdout
	const verdicts = `{"name":7,"compatible":false,"faults":["it is nested more than 10,000 levels deep"]}` + "\n" +
		`{"name":"good","compatible":true,"faults":[]}` + "\n"
	if diff := cmp.Diff(verdicts, checked); diff != "" {
		t.Errorf("check (-want +got):\n%s", diff)
	}
}

func TestBatchLinesMayBeSeveralMegabytes(t *testing.T) {
	t.Parallel()
	datum := string(varints(3<<20)) + strings.Repeat("a", 3<<20)
	line := `{"name":"long","writer":"string","hex":"` + strings.ToUpper(hex.EncodeToString([]byte(datum))) + `"}` + "\r\n\r\n"
	got := objects[struct{ Name, JSON, Hex string }](t, execute(t.Context(), strings.NewReader(line), "avro", "decode", "--batch", "-").ok(t).stdout)
	if len(got) != 1 || got[0].Name != "long" || len(got[0].JSON) != 3<<20 || got[0].Hex != hex.EncodeToString([]byte(datum)) {
		t.Errorf("got %d lines, want the datum", len(got))
	}
}
