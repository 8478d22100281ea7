package datum_test

import (
	"encoding/hex"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/codecs/avro/internal/datum"
)

func TestJSONIsWrittenInBothForms(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, schema, data, tagged, plain string }{
		{"bytes", `"bytes"`, "0a00227fff5c", `"\u0000\"\u007f\u00ff\\"`, ""},
		{"text", `"string"`, "16c3a90a22e280a8f09f8cb2", "\"é\\u000a\\\"\u2028🌲\"", `"é\u000a\"\u2028🌲"`},
		{"a float", `"float"`, "cdcccc3d", `0.10000000149011612`, `0.1`},
		{"a whole double", `"double"`, "0000000000004540", `42.0`, `42`},
		{"a large double", `"double"`, "9c7500883ce4377e", `1e+300`, ""},
		{"minus zero", `"double"`, "0000000000000080", `-0.0`, `-0`},
		{"infinities", `{"type":"array","items":"float"}`, "060000807f000080ff0000c07f00", `["Infinity","-Infinity","NaN"]`, ""},
		{"a union", `["null",{"type":"fixed","name":"a.F","size":1}]`, "0241", `{"a.F":"A"}`, `"A"`},
		{"null of a union", `["int","null"]`, "02", `null`, ""},
		{"nothing in lists", `{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"array","items":"int"}},{"name":"m","type":{"type":"map","values":"int"}},{"name":"r","type":{"type":"record","name":"E","fields":[]}}]}`, "0000", `{"a":[],"m":{},"r":{}}`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			data, err := hex.DecodeString(tt.data)
			if err != nil {
				t.Fatal(err)
			}
			schema := datum.New(parse(t, tt.schema), datum.Limits{})
			got, err := schema.AppendJSON([]byte(">"), data, datum.Tagged)
			if err != nil || string(got) != ">"+tt.tagged {
				t.Errorf("got %s and %v, want %s", got, err, tt.tagged)
			}
			var streamed strings.Builder
			if err := schema.WriteJSON(&streamed, data, datum.Tagged); err != nil || streamed.String() != tt.tagged {
				t.Errorf("streamed: got %s and %v, want %s", streamed.String(), err, tt.tagged)
			}
			if tt.plain == "" {
				tt.plain = tt.tagged
			}
			if got, err = schema.AppendJSON(nil, data, datum.Plain); err != nil || string(got) != tt.plain {
				t.Errorf("plain: got %s and %v, want %s", got, err, tt.plain)
			}
			if back, err := schema.AppendBinary(nil, []byte(tt.tagged)); err != nil || hex.EncodeToString(back) != tt.data {
				t.Errorf("back: got %x and %v, want %s", back, err, tt.data)
			}
		})
	}
}

// Long text is written in pieces, which end between characters.
func TestPlainJSONEscapesLineEndsInLongText(t *testing.T) {
	t.Parallel()
	schema := datum.New(parse(t, `"string"`), datum.Limits{})
	for shift := range 4 {
		text := strings.Repeat("x", shift) + strings.Repeat("\u2028’\u2029", 20_000)
		got, err := schema.AppendJSON(nil, append(varint(int64(len(text))), text...), datum.Plain)
		want := `"` + strings.NewReplacer("\u2028", `\u2028`, "\u2029", `\u2029`).Replace(text) + `"`
		if err != nil || string(got) != want {
			t.Errorf("shifted by %d: error %v, got %d bytes, want %d", shift, err, len(got), len(want))
		}
	}
}

func TestJSONIsReadAsPeopleWriteIt(t *testing.T) {
	t.Parallel()
	const record = `{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"b","type":"string"},{"name":"c","type":["null","long"]}]}`
	tests := []struct{ name, schema, text, want string }{
		{"members in another order", record, ` { "c" : {"long" :3 }, "b":"\u00e9\ud83c\udf32\/","a" : -1 } `, "010ec3a9f09f8cb22f0206"},
		{"a float of an integer", `"float"`, "3", "00004040"},
		{"exponents", `"double"`, "-1.5E+2", "0000000000c062c0"},
		{"the smallest long", `"long"`, "-9223372036854775808", "ffffffffffffffffff01"},
		{"a map in its order", `{"type":"map","values":"boolean"}`, `{"b":true,"a":false}`, "0402620102610000"},
		{"more than 63 items", `{"type":"array","items":"null"}`, "[" + strings.TrimSuffix(strings.Repeat("null,", 100), ",") + "]", "c80100"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := datum.New(parse(t, tt.schema), datum.Limits{}).AppendBinary(nil, []byte(tt.text))
			if err != nil || hex.EncodeToString(got) != tt.want {
				t.Errorf("got %x and %v, want %s", got, err, tt.want)
			}
		})
	}
}

func TestJSONThatDoesNotFitIsRefusedWithItsPlace(t *testing.T) {
	t.Parallel()
	const schema = `{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"d","type":"int","default":1}]}`
	tests := []struct{ name, schema, text, path, want string }{
		{"an unknown member", schema, `{"a":1,"d":1,"x":2}`, "", `R has no field "x"`},
		{"a missing field, though it has a default", schema, `{"a":1}`, "d", "missing"},
		{"a field twice", schema, `{"a":1,"a":2,"d":3}`, "a", "twice"},
		{"text for a number", schema, `{"a":"1","d":1}`, "a", "text where int is to be"},
		{"a fraction", schema, `{"a":1.0,"d":1}`, "a", "1.0 is no int"},
		{"a number too large", schema, `{"a":2147483648,"d":1}`, "a", "no int"},
		{"an untagged union", `["null","int"]`, `1`, "", "a number where null or an object"},
		{"an unknown branch", `["null","int"]`, `{"long":1}`, "", `no branch "long"`},
		{"two branches", `["null","int"]`, `{"int":1,"int":2}`, "", "one member"},
		{"an object for null", `["null","int"]`, `{"null":null}`, "", `no branch "null"`},
		{"no null", `["string","int"]`, `null`, "", "no such branch"},
		{"a wide character", `"bytes"`, `"Ā"`, "", "above U+00FF"},
		{"a short fixed", `{"type":"fixed","name":"F","size":2}`, `"a"`, "", "1 bytes where fixed F has 2"},
		{"an unknown symbol", enum, `"C"`, "", `no symbol "C"`},
		{"a wrong word for a float", `"float"`, `"nan"`, "", `"nan" is no float`},
		{"a float too large", `"float"`, `1e39`, "", "1e39 is no float"},
		{"null for a boolean", `"boolean"`, `null`, "", "null where a boolean"},
		{"nothing", `"int"`, ``, "", "it ends where a value"},
		{"two values", `"int"`, `1 2`, "", "more text follows"},
		{"a broken number", `"int"`, `01`, "", "a number is broken"},
		{"a number with letters", `"int"`, `1x`, "", "a number is broken"},
		{"a broken word", `"null"`, `nulls`, "", "null where null"},
		{"a comma at the end", `{"type":"array","items":"int"}`, `[1,]`, "", "']' where a value"},
		{"no comma", `{"type":"array","items":"int"}`, `[1 2]`, "", "'2' where a comma"},
		{"no colon", schema, `{"a" 1}`, "", "where a colon"},
		{"a lone surrogate", `"string"`, `"\ud83c"`, "", "four digits"},
		{"a control character", `"string"`, "\"\n\"", "", "control character"},
		{"text that is not UTF-8", `"string"`, "\"\xff\"", "", "not UTF-8"},
		{"text without an end", `"string"`, `"abc`, "", "without an end"},
		{"an unknown escape", `"string"`, `"\x"`, "", "backslash"},
		{"nesting of a million levels", tree, strings.Repeat(`{"t":[`, 1e6), strings.TrimSuffix(strings.Repeat("t.", 250), "."), "nested too deeply"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			out, err := datum.New(parse(t, tt.schema), datum.Limits{}).AppendBinary([]byte("kept"), []byte(tt.text))
			fault, ok := errors.AsType[*datum.Error](err)
			if !ok || fault.Path != tt.path || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %.200v, want %q at %q", err, tt.want, tt.path)
			}
			if string(out) != "kept" {
				t.Errorf("got %q, want what was given", out)
			}
		})
	}
}

func TestErrorsShortenALongPath(t *testing.T) {
	t.Parallel()
	err := &datum.Error{Path: "a.b.c.d.e.f.g.h.i.j", Offset: 7, Err: datum.ErrDeep}
	if diff := cmp.Diff("field a.b.c.d....g.h.i.j, byte 7: values are nested too deeply", err.Error()); diff != "" {
		t.Error(diff)
	}
}

func TestDefaultsGoIntoTheFirstBranchThatFits(t *testing.T) {
	t.Parallel()
	writer := parse(t, `{"type":"record","name":"R","fields":[]}`)
	for text, want := range map[string]string{
		`["null","int"],"default":null`:                            "00",
		`["string","null"],"default":"x"`:                          "000278",
		`["null","string"],"default":"x"`:                          "020278",
		`{"type":"map","values":["null","int"]},"default":{"a":3}`: "020261020600",
		`{"type":"record","name":"I","fields":[{"name":"p","type":"int"},{"name":"q","type":"bytes","default":"\u00ff"}]},"default":{"p":1}`: "0202ff",
		`"float","default":"NaN"`: "0000c07f",
	} {
		reader := parse(t, `{"type":"record","name":"R","fields":[{"name":"f","type":`+text+`}]}`)
		out, _, err := converted(writer, reader, nil)
		if got := hex.EncodeToString(out); err != nil || got != want {
			t.Errorf("%s: got %s and %v, want %s", text, got, err, want)
		}
	}
}

func TestLimitsAreSettings(t *testing.T) {
	t.Parallel()
	limits := datum.Limits{Depth: 2, ZeroSizeItems: 3}
	if err := datum.Walk(parse(t, tree), varint(1, 1, 0), limits); !errors.Is(err, datum.ErrDeep) {
		t.Errorf("got %v, want %v", err, datum.ErrDeep)
	}
	if err := datum.Walk(parse(t, nulls), varint(4, 0), limits); !errors.Is(err, datum.ErrMany) {
		t.Errorf("got %v, want %v", err, datum.ErrMany)
	}
	if err := datum.Walk(parse(t, nulls), varint(3, 0), datum.Limits{ZeroSizeItems: math.MaxInt32}); err != nil {
		t.Error(err)
	}
}
