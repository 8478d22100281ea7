package ast_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/codecs/avro/internal/ast"
)

func parse(t *testing.T, text string, refs ...string) *ast.Node {
	t.Helper()
	node, err := ast.Parse(text, refs...)
	if err != nil {
		t.Fatal(err)
	}
	return node
}

func TestParseKeepsWhatASchemaSays(t *testing.T) {
	t.Parallel()
	root := parse(t, `{"type":"record","name":"R","namespace":"a.b","aliases":["Old","c.Older"],"doc":"d","fields":[
		{"name":"id","type":"long","aliases":["key"],"default":7},
		{"name":"at","type":{"type":"long","logicalType":"timestamp-millis","unit":"x"}},
		{"name":"next","type":["null","R"],"default":null},
		{"name":"kind","type":{"type":"enum","name":"K","symbols":["A","B"],"default":"A"}},
		{"name":"sum","type":{"type":"fixed","name":"other.F","size":4,"logicalType":"decimal","precision":5,"scale":2}},
		{"name":"list","type":{"type":"array","items":{"type":"map","values":"K"}}},
		{"name":"Type","type":{"type":"string"}}
	]}`)
	if root.Name != "a.b.R" || root.ShortName() != "R" || root.Doc != "d" {
		t.Errorf("got name %q, short %q, doc %q", root.Name, root.ShortName(), root.Doc)
	}
	if diff := cmp.Diff(root.Aliases, []string{"a.b.Old", "c.Older"}); diff != "" {
		t.Error(diff)
	}
	id, at, next, kind, sum := root.Fields[0], root.Fields[1].Type, root.Fields[2], root.Fields[3].Type, root.Fields[4].Type
	if id.Type.Kind != ast.Long || string(id.Default) != "7" || id.Aliases[0] != "key" {
		t.Errorf("got field %+v", id)
	}
	if at.Logical != "timestamp-millis" || string(at.Extra["unit"]) != `"x"` {
		t.Errorf("got %+v", at)
	}
	if other, ok := next.Type.Nullable(); !ok || other != root || string(next.Default) != "null" {
		t.Errorf("got next %+v with default %s, want a nullable link to the record itself", next.Type, next.Default)
	}
	if kind.Name != "a.b.K" || kind.Default != "A" || root.Fields[5].Type.Items.Items != kind {
		t.Errorf("got enum %+v, want one node for all its uses", kind)
	}
	if sum.Name != "other.F" || sum.Size != 4 || sum.Precision != 5 || sum.Scale != 2 {
		t.Errorf("got fixed %+v", sum)
	}
	if f := root.Field("Type"); f == nil || f.Type.Kind != ast.String || root.Field("type") != nil {
		t.Errorf("got field %+v, want names compared with their case", f)
	}
}

func TestParseResolvesNames(t *testing.T) {
	t.Parallel()
	ref := `{"type":"record","name":"x.Leaf","fields":[]}`
	for name, text := range map[string]string{
		"a full name":           `{"type":"record","name":"R","fields":[{"name":"f","type":"x.Leaf"}]}`,
		"a name of the space":   `{"type":"record","name":"x.R","fields":[{"name":"f","type":"Leaf"}]}`,
		"an inherited space":    `{"type":"record","name":"x.R","fields":[{"name":"f","type":{"type":"Leaf"}}]}`,
		"an object of the name": `{"type":"record","name":"R","namespace":"x","fields":[{"name":"f","type":{"type":"x.Leaf","logicalType":"ignored"}}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := parse(t, text, ref)
			if leaf := root.Fields[0].Type; leaf.Name != "x.Leaf" || leaf.Logical != "" {
				t.Errorf("got %+v, want x.Leaf as it was defined", leaf)
			}
		})
	}
}

func TestParseTakesBareNamesAndWrappedTypes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]ast.Kind{
		`"int"`: ast.Int, `int`: ast.Int, `{"type":"int"}`: ast.Int, `{"type":{"type":"int"}}`: ast.Int, ` ["null"] `: ast.Union,
	} {
		if got := parse(t, text); got.Kind != want {
			t.Errorf("%s: got %s, want %s", text, got.Kind, want)
		}
	}
}

func TestParseRefusesWhatItCannotUse(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ text, want string }{
		"no JSON":         {`{`, "not JSON"},
		"an unknown type": {`"what"`, `type "what" is not defined`},
		"a number":        {`5`, "is not a type"},
		"no type":         {`{}`, "a type is missing"},
		"a field without a name": {
			`{"type":"record","name":"R","fields":[{"type":"int"}]}`, "record R: field 0 has no name",
		},
		"two fields of a name": {
			`{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"a","type":"string"}]}`,
			`two fields are named "a"`,
		},
		"a second definition": {
			`[{"type":"fixed","name":"F","size":1},{"type":"fixed","name":"F","size":2}]`,
			"defined twice",
		},
		"too deep": {strings.Repeat(`{"type":"array","items":`, 1100) + `"int"` + strings.Repeat("}", 1100), "nested more than 1000"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := ast.Parse(tt.text); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error with %q", err, tt.want)
			}
		})
	}
}

// Not parallel, as it measures the memory of the process.
func TestADeepTypeIsReadOnce(t *testing.T) { //nolint:paralleltest // measures memory
	const levels, size = 300, 300 << 10
	text := `{"type":"record","name":"X","doc":"` + strings.Repeat("x", size) + `","fields":[]}`
	for i := range levels {
		text = fmt.Sprintf(`{"type":"record","name":"R%d","fields":[{"name":"f","type":%s}]}`, i, text)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	node, err := ast.Parse(text)
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; err != nil || got > 20*size {
		t.Errorf("got %v, %v and %d bytes allocated, want %d at most", node != nil, err, got, 20*size)
	}
}

func TestSpacesAndEscapesMayBeAnywhere(t *testing.T) {
	t.Parallel()
	text := " {\n\t\"na\\u006de\" : \"R\" , \"type\":\"record\",\r\n \"fields\" : [ { \"name\":\"a\", \"type\": [ \"null\" , \"int\" ] , " +
		`"default" : null } , {"name":"b\"c","type":"string" , "default":" ]}," } ], "x": { "y" : [ 1 , {} ] } } ` + "\n"
	got, err := ast.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Fields) != 2 || got.Name != "R" || got.Fields[1].Name != `b"c` || string(got.Fields[1].Default) != `" ]},"` ||
		len(got.Fields[0].Type.Branches) != 2 || string(got.Fields[0].Default) != "null" || string(got.Extra["x"]) != `{ "y" : [ 1 , {} ] }` {
		t.Errorf("got %+v and %v", got, got.Extra)
	}
}

func TestATypeMayBeUsedBeforeItIsDefined(t *testing.T) {
	t.Parallel()
	root := parse(t, `{"type":"record","name":"a.R","fields":[{"name":"list","type":{"type":"array","items":"E"}},
		{"name":"kind","type":{"type":"E"}},{"name":"def","type":{"type":"enum","name":"E","symbols":["X"]}}]}`)
	list, kind, def := root.Fields[0].Type.Items, root.Fields[1].Type, root.Fields[2].Type
	if list != def || kind != def || def.Kind != ast.Enum || def.Name != "a.E" || len(def.Symbols) != 1 {
		t.Errorf("got %+v, %+v and %+v, want one enum", list, kind, def)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`"int"`, `["null","string"]`, `{"type":"record","name":"R","fields":[{"name":"a","type":"R"}]}`, `{"type":"enum","name":"E","symbols":["A"]}`,
		`{"type":"record","name":"R","fields":[{"name":"a","type":"R","default":{}},{"name":"b","type":["null",{"type":"map","values":"R"}],"default":{"x":{"a":{}}}}]}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		node, err := ast.Parse(text)
		if (node == nil) == (err == nil) {
			t.Errorf("got %v and %v, want one of them", node, err)
		}
		if checked := ast.Check(text); err != nil && checked == nil {
			t.Errorf("got none, want %v", err)
		}
	})
}
