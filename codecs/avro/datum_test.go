package avro_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/codecs/avro"
)

// sameJSON compares two texts as JSON, numbers by their digits.
func sameJSON(t testing.TB, a, b []byte) bool {
	t.Helper()
	return cmp.Equal(parsedJSON(t, a), parsedJSON(t, b))
}

func parsedJSON(t testing.TB, data []byte) (value any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := d.Decode(&value); err != nil {
		t.Fatalf("%s: %v", data, err)
	}
	return value
}

func TestJSONOfScalars(t *testing.T) {
	t.Parallel()
	bits := func(f float64) []byte {
		var b []byte
		for shift := 0; shift < 64; shift += 8 {
			b = append(b, byte(math.Float64bits(f)>>shift))
		}
		return b
	}
	tests := []struct {
		schema string
		datum  []byte
		want   string
	}{
		{`"null"`, nil, `null`},
		{`"boolean"`, []byte{1}, `true`},
		{`"boolean"`, []byte{0}, `false`},
		{`"int"`, long(math.MinInt32), `-2147483648`},
		{`"int"`, []byte{0x80, 0}, `0`}, // a number may be written longer than it has to
		{`"long"`, long(math.MaxInt64), `9223372036854775807`},
		{`{"type":"long","logicalType":"timestamp-millis"}`, long(math.MinInt64), `-9223372036854775808`},
		{`"double"`, bits(1e21), `1e+21`},
		{`"double"`, bits(math.NaN()), `"NaN"`},
		{`"double"`, bits(math.Inf(1)), `"Infinity"`},
		{`"double"`, bits(math.Inf(-1)), `"-Infinity"`},
		{`"double"`, bits(math.Copysign(0, -1)), `-0`},
		{`"float"`, []byte{0xcd, 0xcc, 0xcc, 0x3d}, `0.1`},
		{`"string"`, text("a\"\\\n\x7fZürich\u2028\U0001F600"), `"a\"\\\u000a\u007fZürich\u2028😀"`},
		{`"bytes"`, text("a\"\x00\xff"), `"a\"\u0000\u00ff"`},
		{`{"type":"map","values":"int"}`, join(long(2), text("b"), long(1), text("a\n"), long(2), long(0)), `{"b":1,"a\u000a":2}`},
		{`{"type":"array","items":"int"}`, join(long(1), long(1), long(-2), long(2), long(2), long(3), long(0)), `[1,2,3]`},
		{`{"type":"array","items":"int"}`, join(long(-1), long(1), long(1), long(0)), `[1]`},
		{`{"type":"array","items":"int"}`, long(0), `[]`},
		{record("R", ""), nil, `{}`},
	}
	for _, tt := range tests {
		got, err := mustParse(t, tt.schema).JSON(tt.datum)
		if err != nil || string(got) != tt.want {
			t.Errorf("%s of %x: got %s, %v, want %s", tt.schema, tt.datum, got, err, tt.want)
		}
	}
}

func TestFaultyDataAreRefused(t *testing.T) {
	t.Parallel()
	const list = `{"type":"array","items":"int"}`
	tests := []struct {
		schema string
		datum  []byte
		want   string
	}{
		{`"null"`, []byte{0}, "bytes are left after the end of the datum: 1"},
		{`"boolean"`, nil, "too early"},
		{`"boolean"`, []byte{2}, "not 0 or 1"},
		{`"int"`, []byte{0x80}, "too early"},
		{`"int"`, long(1 << 31), "does not fit"},
		{`"int"`, []byte{0x80, 0x80, 0x80, 0x80, 0x80, 0}, "more bytes than its type allows"},
		{`"long"`, bytes.Repeat([]byte{0xff}, 11), "more bytes than its type allows"},
		{`"float"`, []byte{0, 0, 0}, "too early"},
		{`"double"`, make([]byte, 7), "too early"},
		{`"string"`, long(3), "a length of 3 where 0 bytes are left"},
		{`"string"`, text("a\xffb"), "byte 0: text is not UTF-8"},
		{`{"type":"map","values":"null"}`, join(long(1), text("\xff"), long(0)), "byte 1: text is not UTF-8"},
		{`"bytes"`, long(-1), "a length of -1 where"},
		{`{"type":"fixed","name":"F","size":3}`, make([]byte, 2), "too early"},
		{`{"type":"enum","name":"E","symbols":["A"]}`, long(1), "no symbol 1"},
		{`{"type":"enum","name":"E","symbols":["A"]}`, long(-1), "no symbol -1"},
		{`["null"]`, long(1), "no branch 1"},
		{`["null"]`, long(-1), "no branch -1"},
		{list, long(1), "a block of 1 items where 0 bytes are left"},
		{list, join(long(-1), bytes.Repeat([]byte{0xff}, 11)), "more bytes than its type allows"},
		{list, join(long(-5), long(1), long(1)), "a block of 5 items where 1 bytes are left"},
		{list, join(long(-1), long(1<<40), long(1), long(0)), "a block of 1099511627776 bytes where 2 are left"},
		{list, long(math.MinInt64), "does not fit"},
		{`{"type":"map","values":"null"}`, join(long(2), text("")), "a block of 2 items where 1 bytes are left"},
		{`{"type":"map","values":"int"}`, join(long(1), long(9), long(0)), "a length of 9 where"},
		{
			record("R", `{"name":"a","type":{"type":"array","items":{"type":"record","name":"S","fields":[{"name":"b","type":"string"}]}}}`),
			join(long(1), long(9)), "field a.b, byte 1: the datum ends too early: a length of 9",
		},
		{nodeSchema, bytes.Repeat([]byte{2}, 100), "field next.next.next.next....next.next.next.next, byte 100: the datum ends too early"},
	}
	for _, tt := range tests {
		schema := mustParse(t, tt.schema)
		got, err := schema.JSON(tt.datum)
		if err == nil || got != nil || !strings.HasPrefix(err.Error(), "avro: decoding: ") || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s of %x: got %s, %v, want an error with %q", tt.schema, tt.datum, got, err, tt.want)
		}
		if _, again := schema.JSON(tt.datum); again == nil || again.Error() != err.Error() {
			t.Errorf("%s of %x again: got %v, want %v", tt.schema, tt.datum, again, err)
		}
	}
}

// doubling is a schema of 2^n nulls that take no byte.
func doubling(n int) string {
	text := `"null"`
	for i := range n {
		name := "D" + strconv.Itoa(i)
		text = `{"type":"record","name":"` + name + `","fields":[{"name":"a","type":` + text + `},{"name":"b","type":"` + name[:1] + strconv.Itoa(i-1) + `"}]}`
		if i == 0 {
			text = `{"type":"record","name":"D0","fields":[]}`
		}
	}
	return text
}

func TestDataMayNest500LevelsAndHoldAMillionNulls(t *testing.T) {
	t.Parallel()
	const list = `{"type":"array","items":"null"}`
	for name, tt := range map[string]struct {
		schema string
		datum  []byte
		fits   bool
	}{
		"500 levels":     {nodeSchema, append(bytes.Repeat([]byte{2}, 499), 0), true},
		"501 levels":     {nodeSchema, append(bytes.Repeat([]byte{2}, 500), 0), false},
		"10^6 nulls":     {list, join(long(4e5), long(6e5), long(0)), true},
		"10^6+1 nulls":   {list, join(long(4e5), long(6e5+1), long(0)), false},
		"nothing behind": {list, join(long(0), long(0)), false},
	} {
		schema := mustParse(t, tt.schema)
		_, inJSON := schema.JSON(tt.datum)
		for how, err := range map[string]error{"Validate": schema.Validate(tt.datum), "JSON": inJSON} {
			if _, ok := errors.AsType[*avro.DatumError](err); ok == tt.fits || (err == nil) != tt.fits {
				t.Errorf("%s by %s: got %v, want it to fit: %t", name, how, err, tt.fits)
			}
		}
	}
}

// Not parallel: it looks at what the whole process allocates.
func TestHostileDataReserveLittle(t *testing.T) { //nolint:paralleltest // it measures the process
	const emptyRows = `{"type":"array","items":["null",{"type":"record","name":"E","fields":[]}]}`
	rows := join(long(1<<20), bytes.Repeat([]byte{2}, 1<<20), long(0))
	tests := []struct {
		name, schema string
		datum        []byte
		fits         bool
		most         uint64 // bytes
	}{
		{"10^8 nulls", nullsSchema, join(long(1e8), long(0)), false, 1 << 20},
		{"nulls over and over", `{"type":"array","items":{"type":"array","items":"null"}}`, join(long(1<<16), bytes.Repeat(join(long(4096), long(0)), 1<<16), long(0)), false, 128 << 20},
		{"2^40 nulls without a byte", doubling(40), nil, false, 48 << 20},
		{"list of 4,000,000 nodes", nodeSchema, append(bytes.Repeat([]byte{2}, 4_000_000), 0), false, 16 << 20},
		{"a million empty records", emptyRows, rows, true, 16 << 20},
	}
	for _, tt := range tests {
		schema := mustParse(t, tt.schema)
		_, _ = schema.JSON(nil) // the tree is made once
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := schema.JSON(tt.datum)
		runtime.ReadMemStats(&after)
		if (err == nil) != tt.fits {
			t.Errorf("%s: got %v, want it to fit: %t", tt.name, err, tt.fits)
		}
		if used := after.TotalAlloc - before.TotalAlloc; used > tt.most {
			t.Errorf("%s: a datum of %d bytes reserved %d bytes, want %d at most", tt.name, len(tt.datum), used, tt.most)
		}
	}
}

// The walker takes and shows what the decoder takes, which is twmb/avro's.
func FuzzWalkedAsDecoded(f *testing.F) {
	const kinds = `{"type":"record","name":"K","fields":[{"name":"b","type":"boolean"},{"name":"i","type":"int"},{"name":"l","type":["null","long"]},
		{"name":"f","type":"float"},{"name":"d","type":"double"},{"name":"s","type":"string"},{"name":"r","type":["bytes","string"]},
		{"name":"x","type":{"type":"fixed","name":"X","size":2}},{"name":"e","type":["string",{"type":"enum","name":"E","symbols":["S","T"]}]},
		{"name":"a","type":{"type":"array","items":["null","int","K"]}},{"name":"m","type":{"type":"map","values":{"type":"array","items":"null"}}}]}`
	schemas := []*avro.ParsedSchema{mustParse(f, kinds), mustParse(f, nodeSchema), mustParse(f, nullsSchema)}
	f.Add(0, join([]byte{1}, long(-1), long(1), long(5), make([]byte, 12), text("s"), long(1), text("t"), []byte("xy"), long(1), long(1), long(-2), long(3), long(0), long(1), long(7), long(0), long(1), text("k"), long(2), long(0), long(0)))
	f.Add(1, []byte{2, 2, 2, 0})
	f.Add(2, join(long(3), long(0), long(0), text("a"), text("b"), long(2), long(0)))
	for _, tt := range unions() {
		f.Add(len(schemas), tt.datum)
		schemas = append(schemas, mustParse(f, tt.schema))
	}
	f.Fuzz(func(t *testing.T, which int, datum []byte) {
		schema := schemas[uint(which)%uint(len(schemas))]
		var value any
		decoded := schema.Validate(datum)
		if decoded == nil {
			value, decoded = resolved[any](schema, nil, datum)
		}
		got, walked := schema.JSON(datum)
		if (decoded == nil) != (walked == nil) {
			// A decimal or a uuid is more than its bytes.
			if walked == nil && strings.Contains(schema.String(), "logicalType") {
				return
			}
			// A value in memory may have fewer items that take no bytes.
			if walked == nil && strings.Contains(decoded.Error(), "zero-byte items") {
				return
			}
			t.Fatalf("%s of %x: decoded with %v, walked with %v", schema, datum, decoded, walked)
		}
		if walked != nil {
			return
		}
		want, err := schema.ValueJSON(value)
		if err != nil {
			if strings.Contains(schema.String(), "logicalType") {
				return // the decimal is too long for its precision
			}
			t.Fatal(err)
		}
		// A decimal's number may be written in more bytes than it needs.
		if !strings.Contains(schema.String(), "decimal") && !sameJSON(t, got, want) {
			t.Fatalf("%s of %x: got %s, want %s", schema, datum, got, want)
		}
	})
}
