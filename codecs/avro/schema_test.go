package avro_test

import (
	"bytes"
	"encoding/hex"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/codecs/avro"
)

var update = flag.Bool("update", false, "rewrite the golden files in testdata")

// golden compares text with a file in testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got); rewrite it with -update when the change is meant:\n%s", path, diff)
	}
}

func TestInferredSchemaReadsWell(t *testing.T) {
	t.Parallel()
	schema := avro.Typed[everything](avro.Namespace("example.data"), avro.Name("Everything")).Schema()
	golden(t, "everything.avsc", schema.String()+"\n")
	if got, want := schema.Name(), "example.data.Everything"; got != want {
		t.Errorf("name: got %s, want %s", got, want)
	}
	reparsed := mustParse(t, schema.String())
	if got, want := reparsed.Fingerprint(), schema.Fingerprint(); got != want {
		t.Errorf("fingerprint after parsing the text again: got %s, want %s", got, want)
	}
}

func TestInferredSchemaOfAUser(t *testing.T) {
	t.Parallel()
	if got := avro.Typed[user](named()...).Schema().String(); got != userSchema {
		t.Errorf("schema:\n got %s\nwant %s", got, userSchema)
	}
	if got, want := avro.Typed[user]().Schema().Name(), "user"; got != want {
		t.Errorf("name of a type without options: got %s, want %s", got, want)
	}
}

func TestParseSchemaRefusesFaults(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, text, want string }{
		{"nothing", "", "parsing a schema"},
		{"no JSON", "{", "parsing a schema"},
		{"unknown type", `"strin"`, "strin"},
		{"unknown type of a field", record("R", `{"name":"a","type":"Other"}`), "Other"},
		{"record without fields", `{"type":"record","name":"R"}`, "field"},
		{"field twice", record("R", `{"name":"a","type":"int"},{"name":"a","type":"int"}`), "a"},
		{"bad name", `{"type":"record","name":"1R","fields":[]}`, "1R"},
		{"enum symbol twice", `{"type":"enum","name":"E","symbols":["A","A"]}`, "A"},
		{"fixed without size", `{"type":"fixed","name":"F"}`, "size"},
		{"union in a union", `["null",["int"]]`, "union"},
		{"type twice in a union", `["int","int"]`, "int"},
		{"default of another type", record("R", `{"name":"a","type":"int","default":"x"}`), "default"},
		{"name twice", record("R", `{"name":"a","type":{"type":"fixed","name":"R","size":1}}`), "R"},
		{"text behind it", `"int" "int"`, "parsing a schema"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := avro.ParseSchema(tt.text)
			if err == nil || !strings.HasPrefix(err.Error(), "avro: parsing a schema: ") || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("ParseSchema(%s): got %v, want an error with %q", tt.text, err, tt.want)
			}
		})
	}
	_, err := avro.ParseSchema(`"int"`, "{")
	if err == nil || !strings.HasPrefix(err.Error(), "avro: parsing a referenced schema: ") {
		t.Errorf("ParseSchema with a broken reference: got %v", err)
	}
}

func TestReferencedSchemasLendTheirTypes(t *testing.T) {
	t.Parallel()
	street := record("Street", `{"name":"name","type":"string"}`)
	home := record("Home", `{"name":"street","type":"Street"},{"name":"second","type":["null","Street"]}`)
	schema := mustParse(t, home, street)
	if got := schema.String(); got != home {
		t.Errorf("text: got %s, want %s", got, home)
	}
	if diff := cmp.Diff([]string{"street", "second"}, schema.Fields()); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
	whole := record("Home", `{"name":"street","type":`+street+`},{"name":"second","type":["null","Street"]}`)
	if got, want := schema.Fingerprint(), mustParse(t, whole).Fingerprint(); got != want {
		t.Errorf("fingerprint: got %s, want that of the schema in one piece, %s", got, want)
	}
	if _, err := avro.ParseSchema(home); err == nil {
		t.Error("ParseSchema without the reference: got no error")
	}
}

// The values for "int" and "string" are those of the Avro specification's
// reference implementations.
func TestFingerprintIsRabins(t *testing.T) {
	t.Parallel()
	tests := []struct{ text, want string }{
		{`"int"`, "7275d51a3f395c8f"},
		{`{"type":"int"}`, "7275d51a3f395c8f"},
		{`{"type":"int","doc":"left out"}`, "7275d51a3f395c8f"},
		{`"string"`, "8f014872634503c7"},
		{`"null"`, "63dd24e7cc258f8a"},
	}
	for _, tt := range tests {
		schema := mustParse(t, tt.text)
		little, err := hex.DecodeString(schema.Fingerprint())
		if err != nil || len(little) != 8 {
			t.Fatalf("fingerprint of %s: %s is not 8 bytes of hex", tt.text, schema.Fingerprint())
		}
		var big [8]byte
		for i, b := range little {
			big[7-i] = b
		}
		if got := hex.EncodeToString(big[:]); got != tt.want {
			t.Errorf("fingerprint of %s: got %s big endian, want %s", tt.text, got, tt.want)
		}
	}
}

func TestCanonicalFormFollowsTheSpecification(t *testing.T) {
	t.Parallel()
	text := `{"doc":"x", "type":"record", "namespace":"example", "name":"R", "aliases":["S"], "fields":[
		{"type":{"type":"array","items":{"type":"long","logicalType":"timestamp-millis"}}, "name":"a", "default":[]}]}`
	want := `{"name":"example.R","type":"record","fields":[{"name":"a","type":{"type":"array","items":"long"}}]}`
	if got := mustParse(t, text).Canonical(); got != want {
		t.Errorf("canonical form:\n got %s\nwant %s", got, want)
	}
}

func TestNameOfEachKind(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`"int"`:                          "int",
		`{"type":"array","items":"int"}`: "array",
		`["null","int"]`:                 "union",
		record("R", ""):                  "example.R",
		`{"type":"enum","name":"E","symbols":[]}`:                  "E",
		`{"type":"fixed","name":"a.b.F","size":1}`:                 "a.b.F",
		`{"type":"fixed","name":"a.b.F","namespace":"c","size":1}`: "a.b.F",
	} {
		schema, err := avro.ParseSchema(text)
		if err != nil {
			t.Errorf("ParseSchema(%s): %v", text, err)
			continue
		}
		if got := schema.Name(); got != want {
			t.Errorf("name of %s: got %s, want %s", text, got, want)
		}
	}
}

func TestCompatibleTellsWhere(t *testing.T) {
	t.Parallel()
	base := record("R", `{"name":"a","type":"int"}`)
	tests := []struct {
		name, writer, reader string
		want                 []string
	}{
		{"same", base, base, nil},
		{"promotion", base, record("R", `{"name":"a","type":"long"}`), nil},
		{"added with a default", base, record("R", `{"name":"a","type":"int"},{"name":"b","type":"int","default":1}`), nil},
		{"removed", record("R", `{"name":"a","type":"int"},{"name":"b","type":"int"}`), base, nil},
		{"narrowed", record("R", `{"name":"a","type":"long"}`), base, []string{"a: ", "reader has int", "writer long"}},
		{"added without a default", base, record("R", `{"name":"a","type":"int"},{"name":"b","type":"int"}`), []string{"b"}},
		{
			"deep", record("R", `{"name":"in","type":`+record("S", `{"name":"a","type":"string"}`)+`}`),
			record("R", `{"name":"in","type":`+record("S", `{"name":"a","type":"int"}`)+`}`),
			[]string{"in.a: ", "reader has int", "writer string"},
		},
		{"at the top", `"string"`, `"int"`, []string{"reader has int", "writer string"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			found := avro.Compatible(mustParse(t, tt.writer), mustParse(t, tt.reader))
			if (len(found) == 0) != (tt.want == nil) {
				t.Fatalf("Compatible: got %v, want it to say %q", found, tt.want)
			}
			for _, part := range tt.want {
				if !strings.Contains(found[0].String(), part) {
					t.Errorf("Compatible: got %q, want it to say %q", found[0], part)
				}
			}
		})
	}
}

func TestDatumAsJSON(t *testing.T) {
	t.Parallel()
	codec := avro.Typed[everything](avro.Plain())
	datum, err := codec.Encode(everythings()[1])
	if err != nil {
		t.Fatal(err)
	}
	text, err := codec.Schema().JSON(datum)
	if err != nil {
		t.Fatal(err)
	}
	// Maps have no order in Go.
	got := strings.Replace(string(text), `"y":-2,"x":1`, `"x":1,"y":-2`, 1)
	golden(t, "everything.json", got+"\n")
	if _, err := codec.Schema().JSON(datum[:len(datum)-1]); err == nil {
		t.Error("JSON of a cut datum: got no error")
	}
	if _, err := codec.Schema().ValueJSON(7); err == nil {
		t.Error("ValueJSON of a number for a record: got no error")
	}
}

// A union that starts with null has no default by that alone.
func TestNullableFieldNeedsADefaultToBeMissing(t *testing.T) {
	t.Parallel()
	const nullable = `{"name":"b","type":["null","string"]}`
	old, grown := record("R", `{"name":"a","type":"int"}`), record("R", `{"name":"a","type":"int"},`+nullable)
	in := func(kind, inner string) string {
		return record("Out", `{"name":"in","type":`+strings.Replace(kind, "T", inner, 1)+`}`)
	}
	list := func(b string) string {
		return record("List", `{"name":"next","type":["null","List"],"default":null}`+b)
	}
	tests := []struct {
		name, writer, reader string
		refused              bool
	}{
		{"at the top", old, grown, true},
		{"in a record", in("T", old), in("T", grown), true},
		{"in an array", in(`{"type":"array","items":T}`, old), in(`{"type":"array","items":T}`, grown), true},
		{"in a map", in(`{"type":"map","values":T}`, old), in(`{"type":"map","values":T}`, grown), true},
		{"in a union", in(`["null",T]`, old), in(`["null","int",T]`, grown), true},
		{"plain read as a union", in("T", old), in(`["null",T]`, grown), true},
		{"in a recursive record", list(""), list("," + nullable), true},
		{"with a default", old, record("R", `{"name":"a","type":"int"},{"name":"b","type":["null","string"],"default":null}`), false},
		{
			"written under an alias", record("R", `{"name":"a","type":"int"},{"name":"c","type":["null","string"]}`),
			record("R", `{"name":"a","type":"int"},{"name":"b","type":["null","string"],"aliases":["c"]}`), false,
		},
		{"in another branch", in(`["null",T]`, record("S", "")), in(`["null",`+record("S", "")+`,T]`, grown), false},
		{"itself", grown, grown, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			writer, reader := mustParse(t, tt.writer), mustParse(t, tt.reader)
			found := avro.Compatible(writer, reader)
			_, err := avro.NewFileReader(bytes.NewReader(byHand(join(long(1), text("avro.schema"), text(tt.writer), long(0)), nil)), reader)
			if !tt.refused {
				if len(found) > 0 || err != nil {
					t.Errorf("got %v and error %v, want none", found, err)
				}
				return
			}
			if len(found) != 1 || !strings.Contains(found[0].String(), "field b is not in the writer's record") {
				t.Errorf("Compatible: got %v, want one fault for b", found)
			}
			if err == nil || !strings.Contains(err.Error(), found[0].String()) {
				t.Errorf("reading a file: got %v, want an error with %s", err, found[0])
			}
		})
	}
}
