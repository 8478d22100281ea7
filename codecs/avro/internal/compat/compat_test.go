package compat_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/codecs/avro/internal/ast"
	"github.com/gokavro/gokavro/codecs/avro/internal/compat"
)

// record is the text of a record with these fields.
func record(name string, fields ...string) string {
	return `{"type":"record","name":"` + name + `","fields":[` + strings.Join(fields, ",") + `]}`
}

// field is the text of a field: more is put behind its type.
func field(name, kind string, more ...string) string {
	return `{"name":"` + name + `","type":` + kind + strings.Join(more, "") + `}`
}

func TestCheckTellsWhereAndWhy(t *testing.T) {
	t.Parallel()
	const (
		enumAB  = `{"type":"enum","name":"E","symbols":["A","B"]}`
		enumABC = `{"type":"enum","name":"E","symbols":["C","A","Z","B"]}`
		enumDef = `{"type":"enum","name":"E","symbols":["A","B"],"default":"A"}`
	)
	priceInt, priceText := record("a.Item", field("price", `"int"`)), record("a.Item", field("price", `"string"`))
	for _, tt := range []struct {
		name           string
		writer, reader string
		want           []compat.Fault
	}{
		{"a wider type", `"int"`, `"double"`, nil},
		{"the top", `"long"`, `"int"`, []compat.Fault{{
			"", "TYPE_MISMATCH",
			"the reader has int, the writer long; read it as long or float or double",
		}}},
		{
			"items of an array in a field",
			record("Shop", field("order", record("Order", field("items", `{"type":"array","items":`+priceText+`}`)))),
			record("Shop", field("order", record("Order", field("items", `{"type":"array","items":`+priceInt+`}`)))),
			[]compat.Fault{{
				"order.items[].price", "TYPE_MISMATCH",
				"the reader has int, the writer string; read it as string or bytes",
			}},
		},
		{
			"values of a map of arrays",
			record("R", field("m", `{"type":"map","values":{"type":"array","items":"null"}}`)),
			record("R", field("m", `{"type":"map","values":{"type":"array","items":"long"}}`)),
			[]compat.Fault{{"m{}[]", "TYPE_MISMATCH", "the reader has long, the writer null; read it as null"}},
		},
		{
			"an array at the top", `{"type":"array","items":` + priceInt + `}`, `{"type":"array","items":` + priceText + `}`,
			[]compat.Fault{{
				"[].price", "TYPE_MISMATCH",
				"the reader has string, the writer int; read it as int or long or float or double",
			}},
		},
		{"a name", record("a.R"), record("b.S"), []compat.Fault{{
			"", "NAME_MISMATCH",
			"the reader's record b.S has another name than the writer's record a.R; keep the name, or give the reader's type the alias a.R",
		}}},
		{"a name in another namespace", record("a.R"), record("b.R"), nil},
		{"an alias", record("a.R"), `{"type":"record","name":"b.S","aliases":["a.R"],"fields":[]}`, nil},
		{
			"an alias of another namespace", record("a.R"), `{"type":"record","name":"b.S","aliases":["R"],"fields":[]}`,
			[]compat.Fault{{
				"", "NAME_MISMATCH",
				"the reader's record b.S has another name than the writer's record a.R; keep the name, or give the reader's type the alias a.R",
			}},
		},
		{"a size", `{"type":"fixed","name":"F","size":4}`, `{"type":"fixed","name":"F","size":8}`, []compat.Fault{{
			"", "FIXED_SIZE_MISMATCH",
			"the reader's fixed F has a size of 8, the writer's of 4; keep the size, or use a new fixed under a new name",
		}}},
		{"symbols", enumABC, enumAB, []compat.Fault{{
			"", "MISSING_ENUM_SYMBOLS",
			"the reader's enum E lacks the writer's C, Z, and has no default symbol; add them, or give the enum a default symbol",
		}}},
		{"symbols with a default", enumABC, enumDef, nil},
		{"a new field", record("R"), record("R", field("f", `"int"`)), []compat.Fault{{
			"f", "READER_FIELD_MISSING_DEFAULT_VALUE",
			"the reader's field f is not in the writer's record R, and has no default; give it a default, or its former name as an alias",
		}}},
		{
			"a new field that may be null", record("R"), record("R", field("f", `["null","int"]`)),
			[]compat.Fault{{
				"f", "READER_FIELD_MISSING_DEFAULT_VALUE",
				"the reader's field f is not in the writer's record R, and has no default; " +
					`add "default": null, or its former name as an alias (a union with null has no default by that alone)`,
			}},
		},
		{"a new field with null as its default", record("R"), record("R", field("f", `["null","int"]`, `,"default":null`)), nil},
		{
			"a new field of an enum with a default symbol", record("R"), record("R", field("f", enumDef)),
			[]compat.Fault{{
				"f", "READER_FIELD_MISSING_DEFAULT_VALUE",
				"the reader's field f is not in the writer's record R, and has no default; " +
					"give the field a default of its own (the enum's is for unknown symbols), or its former name as an alias",
			}},
		},
		{"a renamed field", record("R", field("a", `"int"`)), record("R", field("b", `"long"`, `,"aliases":["a"]`)), nil},
		{
			"a renamed field of another type", record("R", field("a", `"int"`)), record("R", field("b", `"null"`, `,"aliases":["a"]`)),
			[]compat.Fault{{"b", "TYPE_MISMATCH", "the reader has null, the writer int; read it as int or long or float or double"}},
		},
		{"an alias of its own name", record("R", field("a", `"int"`)), record("R", field("a", `"int"`, `,"aliases":["a"]`)), nil},
		{
			"a field that has two sources", record("R", field("a", `"int"`), field("b", `"int"`)), record("R", field("b", `"int"`, `,"aliases":["a"]`)),
			[]compat.Fault{{
				"b", "READER_FIELD_AMBIGUOUS",
				"the name and aliases of the reader's field b match several fields of the writer's record R; remove the alias of a field that is still written",
			}},
		},
		{
			"a branch", record("R", field("f", `["null","int","string"]`)), record("R", field("f", `["null","string"]`)),
			[]compat.Fault{{
				"f.int", "MISSING_UNION_BRANCH",
				"the reader's union [null, string] has no branch for the writer's int; add it to the union",
			}},
		},
		{"a union for one type", `"int"`, `["null","long"]`, nil},
		{
			"a type for a union", record("R", field("f", `["null","int"]`)), record("R", field("f", `"int"`)),
			[]compat.Fault{{
				"f.null", "TYPE_MISMATCH",
				"the reader has int, but a branch of the writer's union is null; read it as a union that has null",
			}},
		},
		{
			"a branch with a fault inside", record("R", field("f", `["null",`+record("a.T", field("t", priceText))+`]`)),
			record("R", field("f", `["null",`+record("b.T", field("t", priceInt))+`]`)),
			[]compat.Fault{{
				"f.T", "MISSING_UNION_BRANCH",
				"the branch record b.T of the reader's union cannot read the writer's: at t.price, the reader has int, the writer string; mend that",
			}},
		},
		{
			"a branch in a branch", `["null",` + record("T", field("t", `["null",{"type":"array","items":["null","long"]}]`)) + `]`,
			`["null",` + record("T", field("t", `["null",{"type":"array","items":["null","int"]}]`)) + `]`,
			[]compat.Fault{{
				"T", "MISSING_UNION_BRANCH",
				"the branch record T of the reader's union cannot read the writer's: " +
					"at t.array[].long, the reader's union [null, int] has no branch for the writer's long; mend that",
			}},
		},
		{
			"logical types", `{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}`,
			`{"type":"bytes","logicalType":"decimal","precision":4,"scale":1}`, nil,
		},
		{
			"all at once, in the reader's order",
			record("W", field("a", `"int"`), field("b", `"null"`), field("c", enumABC)),
			record("R", field("c", enumAB), field("d", `"int"`), field("a", `"boolean"`)),
			[]compat.Fault{
				{"", "NAME_MISMATCH", "the reader's record R has another name than the writer's record W; keep the name, or give the reader's type the alias W"},
				{"c", "MISSING_ENUM_SYMBOLS", "the reader's enum E lacks the writer's C, Z, and has no default symbol; add them, or give the enum a default symbol"},
				{"d", "READER_FIELD_MISSING_DEFAULT_VALUE", "the reader's field d is not in the writer's record W, and has no default; give it a default, or its former name as an alias"},
				{"a", "TYPE_MISMATCH", "the reader has boolean, the writer int; read it as int or long or float or double"},
			},
		},
		{
			"a type that is used twice, once",
			record("R", field("a", priceText), field("b", `"a.Item"`)), record("R", field("a", priceInt), field("b", `"a.Item"`)),
			[]compat.Fault{{"a.price", "TYPE_MISMATCH", "the reader has int, the writer string; read it as string or bytes"}},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := compat.Check(parseAny(t, tt.writer), parseAny(t, tt.reader))
			if diff := cmp.Diff(got, tt.want); diff != "" {
				t.Errorf("-got +want:\n%s", diff)
			}
		})
	}
}

func TestCheckEndsOnRecursiveTypes(t *testing.T) {
	t.Parallel()
	list := func(head, tail string) *ast.Node {
		return parseAny(t, record("L", field("tail", tail), field("head", head)))
	}
	twoAhead := parseAny(t, record("L", field("tail", `["null",`+
		record("x.L", field("tail", `["null","L"]`), field("head", `"long"`))+`]`), field("head", `"long"`)))
	for _, tt := range []struct {
		name           string
		writer, reader *ast.Node
		want           []string // paths
	}{
		{"a list", list(`"int"`, `["null","L"]`), list(`"long"`, `["null","L"]`), nil},
		{"a list without end", list(`"int"`, `"L"`), list(`"long"`, `"L"`), nil},
		{"two periods", list(`"int"`, `["null","L"]`), twoAhead, nil},
		{"two periods the other way", twoAhead, list(`"int"`, `["null","L"]`), []string{"tail.L", "head"}},
		{"a fault in a list, once", list(`"string"`, `["null","L"]`), list(`"long"`, `["null","L"]`), []string{"head"}},
		{
			"a fault in a list of lists, once", list(`"string"`, `{"type":"map","values":"L"}`), list(`"long"`, `{"type":"map","values":"L"}`),
			[]string{"head"},
		},
		{"a fault in the link", list(`"int"`, `["null","L"]`), list(`"int"`, `"L"`), []string{"tail.null"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, fault := range compat.Check(tt.writer, tt.reader) {
				got = append(got, fault.Path)
			}
			if diff := cmp.Diff(got, tt.want); diff != "" {
				t.Errorf("paths (-got +want):\n%s", diff)
			}
		})
	}
}

// The union finds another branch for A, so that A's fault stays inside it. What
// rests on A, as P does, falls all the same, wherever it is met.
func TestCheckDropsVerdictsThatRestOnAFallenPair(t *testing.T) {
	t.Parallel()
	const p = `{"type":"record","name":"P","fields":[{"name":"a","type":"A"}]}`
	writer := record("Top",
		field("u", record("A", field("p", strings.Replace(p, "{", `{"doc":"",`, 1)))), field("p", `"P"`))
	reader := record("Top",
		field("u", `[`+record("A", field("p", p), field("new", `"int"`))+`,{"type":"record","name":"B","aliases":["A"],"fields":[]}]`),
		field("p", `"P"`))
	want := []compat.Fault{{
		"p.a.new", compat.MissingDefault,
		"the reader's field new is not in the writer's record A, and has no default; give it a default, or its former name as an alias",
	}}
	if diff := cmp.Diff(compat.Check(parseAny(t, writer), parseAny(t, reader)), want); diff != "" {
		t.Errorf("-got +want:\n%s", diff)
	}
}

func TestCheckCutsLongReportsAndNames(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("n", 100_000)
	var written, read []string
	for range 1500 {
		name := "f" + strings.Repeat("x", len(read))
		written, read = append(written, field(name, `"int"`)), append(read, field(name, `"null"`))
	}
	many := compat.Check(parseAny(t, record("R", written...)), parseAny(t, record("R", read...)))
	if last := many[len(many)-1]; len(many) != 1001 || last.Kind != compat.TooLarge {
		t.Errorf("got %d faults, the last %v, want 1000 and one that says so", len(many), last)
	}
	names := compat.Check(parseAny(t, record(long)), parseAny(t, record("R", field(long, record(long)))))
	for _, fault := range names {
		if len(fault.String()) > 2000 {
			t.Errorf("got a fault of %d bytes", len(fault.String()))
		}
	}
	if len(names) != 2 {
		t.Errorf("got %d faults, want 2", len(names))
	}
}

func TestFaultStringStartsWithThePath(t *testing.T) {
	t.Parallel()
	if got := (compat.Fault{Path: "a.b", Message: "no"}).String(); got != "a.b: no" {
		t.Errorf("got %q", got)
	}
	if got := (compat.Fault{Message: "no"}).String(); got != "no" {
		t.Errorf("got %q at the top", got)
	}
}

func parseAny(tb testing.TB, text string) *ast.Node {
	tb.Helper()
	return parse(tb, []byte(text))
}
