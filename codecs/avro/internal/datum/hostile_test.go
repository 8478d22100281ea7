package datum_test

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gokavro/gokavro/codecs/avro/internal/ast"
	"github.com/gokavro/gokavro/codecs/avro/internal/datum"
	"github.com/gokavro/gokavro/codecs/avro/internal/resolve"
)

const (
	list     = `{"type":"record","name":"L","fields":[{"name":"v","type":"int"},{"name":"next","type":["null","L"]}]}`
	nested   = `{"type":"record","name":"A","fields":[{"name":"b","type":{"type":"record","name":"B","fields":[{"name":"skip","type":"long"},{"name":"c","type":"string"}]}}]}`
	tree     = `{"type":"record","name":"T","fields":[{"name":"t","type":{"type":"array","items":"T"}}]}`
	endless  = `{"type":"record","name":"R","fields":[{"name":"r","type":"R"}]}`
	nulls    = `{"type":"array","items":"null"}`
	enum     = `{"type":"enum","name":"E","symbols":["A","B"]}`
	emptyMap = `{"type":"map","values":"null"}`
)

func varint(numbers ...int64) []byte {
	var b []byte
	for _, n := range numbers {
		b = binary.AppendVarint(b, n)
	}
	return b
}

// laughs is a schema whose datum has 2^60 values and no bytes.
func laughs() string {
	text := `{"type":"record","name":"R0","fields":[]}`
	for i := range 60 {
		name := "R" + string(rune('A'+i%26)) + strings.Repeat("x", i)
		inner := text
		text = `{"type":"record","name":"` + name + `","fields":[{"name":"a","type":` + inner + `},{"name":"b","type":"` + named(inner) + `"}]}`
	}
	return text
}

func named(record string) string {
	rest := record[strings.Index(record, `"name":"`)+len(`"name":"`):]
	return rest[:strings.IndexByte(rest, '"')]
}

func TestBadDataAreErrorsWithTheirPlace(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, schema string
		data         []byte
		path         string
		offset       int
		err          error
		want         string
	}{
		{name: "a length of 2^62", schema: `"string"`, data: varint(1 << 62), err: datum.ErrShort},
		{name: "a negative length", schema: `"bytes"`, data: varint(-1), err: datum.ErrShort},
		{name: "a length in a field", schema: nested, data: varint(5, 1<<62), path: "b.c", offset: 1, err: datum.ErrShort},
		{name: "10^8 nulls", schema: nulls, data: varint(1e8, 0), err: datum.ErrMany},
		{name: "nulls summed over blocks", schema: nulls, data: varint(6e5, 6e5, 0), offset: 3, err: datum.ErrMany},
		{name: "a count of more than the bytes", schema: `{"type":"array","items":"double"}`, data: varint(2, 0, 0, 0), err: datum.ErrShort},
		{name: "a count of more than the keys", schema: emptyMap, data: varint(2, 0), err: datum.ErrShort},
		{name: "a count of -2^63", schema: nulls, data: varint(math.MinInt64, 0, 0), want: "does not fit"},
		{name: "a count of -(2^63-1)", schema: nulls, data: varint(-math.MaxInt64, 0, 0), err: datum.ErrMany},
		{name: "a block of negative size", schema: nulls, data: varint(-1, -1, 0), err: datum.ErrShort},
		{name: "a block of 2^62 bytes", schema: nulls, data: varint(-1, 1<<62, 0), err: datum.ErrShort},
		{name: "a million levels", schema: tree, data: []byte(strings.Repeat("\x02", 1e6)), path: strings.TrimSuffix(strings.Repeat("t.", 250), "."), offset: 250, err: datum.ErrDeep},
		{name: "no end", schema: endless, data: nil, path: strings.TrimSuffix(strings.Repeat("r.", 500), "."), err: datum.ErrDeep},
		{name: "many without an end", schema: `{"type":"array","items":` + endless + `}`, data: varint(1e6, 0), path: strings.TrimSuffix(strings.Repeat("r.", 499), "."), offset: 3, err: datum.ErrDeep},
		{name: "2^60 values without bytes", schema: laughs(), want: "too", path: "*"},
		{name: "a cut number", schema: `"long"`, data: []byte{0x80, 0x80}, err: datum.ErrShort},
		{name: "a number of 11 bytes", schema: `"long"`, data: []byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), want: "more bytes than its type"},
		{name: "a number of 65 bits", schema: `"long"`, data: []byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"), want: "more bytes than its type"},
		{name: "an int of 33 bits", schema: `"int"`, data: varint(1 << 31), want: "2147483648 is no int"},
		{name: "an int of six bytes", schema: `"int"`, data: []byte("\x80\x80\x80\x80\x80\x00"), want: "more bytes than its type"},
		{name: "bytes after the end", schema: nested, data: varint(0, 0, 0), offset: 2, err: datum.ErrTrailing},
		{name: "text that is not UTF-8", schema: nested, data: []byte("\x00\x02\xff"), path: "b.c", offset: 1, want: "not UTF-8"},
		{name: "a key that is not UTF-8", schema: emptyMap, data: []byte("\x02\x02\xff\x00"), offset: 1, want: "not UTF-8"},
		{name: "a symbol out of range", schema: enum, data: varint(2), want: "no symbol 2 of 2"},
		{name: "a negative symbol", schema: enum, data: varint(-1), want: "no symbol -1"},
		{name: "a branch out of range", schema: `["null","int"]`, data: varint(2), want: "no branch 2 of 2"},
		{name: "a negative branch", schema: `["null","int"]`, data: varint(-1), want: "no branch -1"},
		{name: "nothing", schema: nested, data: nil, path: "b.skip", err: datum.ErrShort},
		{name: "a fixed of 2^40 bytes", schema: `{"type":"fixed","name":"F","size":1099511627776}`, data: []byte("x"), err: datum.ErrShort},
		{name: "many fixed of 2^40 bytes", schema: `{"type":"array","items":{"type":"fixed","name":"F","size":1099511627776}}`, data: varint(1, 0), err: datum.ErrShort},
		{name: "a boolean of 2", schema: `"boolean"`, data: []byte{2}, want: "not 0 or 1"},
		{name: "a cut double", schema: `"double"`, data: []byte("1234567"), err: datum.ErrShort},
	}
	for _, tt := range tests {
		schema := parse(t, tt.schema)
		resolved, err := datum.NewDecoder(resolve.New(schema, schema), datum.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		for way, decode := range map[string]func() error{
			"walk":   func() error { return datum.Walk(schema, tt.data, datum.Limits{}) },
			"decode": func() error { _, err := resolved.Append(nil, tt.data); return err },
			"JSON": func() error {
				_, err := datum.New(schema, datum.Limits{}).AppendJSON(nil, tt.data, datum.Tagged)
				return err
			},
		} {
			t.Run(tt.name+"/"+way, func(t *testing.T) {
				t.Parallel()
				err := decode()
				fault, ok := errors.AsType[*datum.Error](err)
				if !ok {
					t.Fatalf("got %v, want an error with its place", err)
				}
				if tt.path != "*" && fault.Path != tt.path || fault.Offset != tt.offset {
					t.Errorf("got place %q, %d (%v), want %q, %d", fault.Path, fault.Offset, err, tt.path, tt.offset)
				}
				if tt.err != nil && !errors.Is(err, tt.err) || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("got %v, want %v %s", err, tt.err, tt.want)
				}
			})
		}
	}
}

func TestUnusualDataAreTaken(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, schema, data, want string }{
		{"a count with a size", `{"type":"array","items":"int"}`, "03040204020600", "0602040600"},
		{"blocks of both kinds", `{"type":"map","values":"int"}`, "01060261020202620400", "0402610202620400"},
		{"a long number for a small one", `"long"`, "80808080808080808000", "00"},
		{"the smallest long", `"long"`, "ffffffffffffffffff01", "ffffffffffffffffff01"},
		{"10^6 nulls", nulls, hex.EncodeToString(varint(1e6, 0)), hex.EncodeToString(varint(1e6, 0))},
		{"64 items in two blocks", nulls, hex.EncodeToString(varint(32, 32, 0)), "800100"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			schema := parse(t, tt.schema)
			data, err := hex.DecodeString(tt.data)
			if err != nil {
				t.Fatal(err)
			}
			out, _, err := converted(schema, schema, data)
			if got := hex.EncodeToString(out); err != nil || got != tt.want {
				t.Errorf("got %.80s and %v, want %.80s", got, err, tt.want)
			}
		})
	}
	deep := parse(t, list)
	if err := datum.Walk(deep, []byte(strings.Repeat("\x00\x02", 499)+"\x00\x00"), datum.Limits{}); err != nil {
		t.Errorf("a list of 500: %v", err)
	}
	if err := datum.Walk(deep, []byte(strings.Repeat("\x00\x02", 500)+"\x00\x00"), datum.Limits{}); !errors.Is(err, datum.ErrDeep) {
		t.Errorf("a list of 501: got %v, want %v", err, datum.ErrDeep)
	}
}

// The tests run one at a time, as the memory of others would be counted too.
func TestHostileDataCostLittle(t *testing.T) { //nolint:paralleltest // measures memory
	wide := `{"type":"array","items":{"type":"record","name":"W","fields":[{"name":"` + strings.Repeat("long", 500) + `","type":"null"}]}}`
	long := strings.Repeat("d", 10_000)
	tests := []struct {
		name, writer, reader string
		data                 []byte
	}{
		{"10^8 nulls", nulls, nulls, varint(1e8, 0)},
		{"10^6 nulls", nulls, nulls, varint(1e6, 0)},
		{"10^6 nulls with long names", wide, wide, varint(1e6, 0)},
		{"2^60 values", laughs(), laughs(), nil},
		{
			"defaults a thousand times the datum",
			`{"type":"array","items":{"type":"record","name":"R","fields":[{"name":"a","type":"int"}]}}`,
			`{"type":"array","items":{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"b","type":"string","default":"` + long + `"}]}}`,
			append(varint(1e5), make([]byte, 1e5+1)...),
		},
		{"2 MB of booleans", `{"type":"array","items":"boolean"}`, `{"type":"array","items":["null","boolean"]}`, append(varint(2e6), make([]byte, 2e6+1)...)},
		{"a million levels", tree, tree, []byte(strings.Repeat("\x02", 1e6))},
		{"fields in another order, nested", nestedOrder("a", "b"), nestedOrder("b", "a"), []byte(strings.Repeat("\x00\x02", 498) + "\x00\x00")},
	}
	tests = append(tests, struct {
		name, writer, reader string
		data                 []byte
	}{"defaults that double", `{"type":"record","name":"D16","fields":[]}`, doubling(16, 100), nil})
	for _, tt := range tests { //nolint:paralleltest // measures memory
		t.Run(tt.name, func(t *testing.T) {
			writer, reader := parse(t, tt.writer), parse(t, tt.reader)
			var stats runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&stats)
			before := stats.Sys
			took, err := leastOf(t, tries, func() error { return printed(writer, reader, tt.data) })
			runtime.ReadMemStats(&stats)
			if grown := (stats.Sys - before) >> 20; grown > 64 || took > slowdown*time.Second {
				t.Errorf("took %v and %d MB (%.100v), want less than 1s and 64 MB", took, grown, err)
			}
		})
	}
}

// doubling is a record of so many fields with a default of 2^levels texts.
func doubling(levels, fields int) string {
	text, name := `{"type":"record","name":"D0","fields":[{"name":"s","type":"string","default":"`+strings.Repeat("x", 1000)+`"}]}`, "D0"
	for i := range levels {
		width := 2
		if i == levels-1 {
			width = fields
		}
		list := make([]string, width)
		for j := range list {
			kind := `"` + name + `"`
			if j == 0 {
				kind = text
			}
			list[j] = fmt.Sprintf(`{"name":"f%d","type":%s,"default":{}}`, j, kind)
		}
		name = fmt.Sprintf("D%d", i+1)
		text = `{"type":"record","name":"` + name + `","fields":[` + strings.Join(list, ",") + `]}`
	}
	return text
}

// leastOf measures the processor's time up to so many times.
func leastOf(t *testing.T, times int, do func() error) (least time.Duration, err error) {
	t.Helper()
	for i := range times {
		before := cpuNow(t)
		err = do()
		if took := cpuNow(t) - before; i == 0 || took < least {
			least = took
		}
		if least < time.Second/2 {
			break
		}
	}
	return least, err
}

func cpuNow(t *testing.T) time.Duration {
	t.Helper()
	now, err := cpuTime()
	if err != nil {
		t.Fatal(err)
	}
	return now
}

// printed reads a datum of the writer and prints it as the reader's.
func printed(writer, reader *ast.Node, data []byte) error {
	d, err := datum.NewDecoder(resolve.New(writer, reader), datum.Limits{})
	if err != nil {
		return err
	}
	out, err := d.Append(nil, data)
	if err != nil {
		return err
	}
	return datum.New(reader, datum.Limits{}).WriteJSON(io.Discard, out, datum.Tagged)
}

func nestedOrder(first, second string) string {
	types := map[string]string{"a": `"int"`, "b": `["null","L"]`}
	return `{"type":"record","name":"L","fields":[{"name":"` + first + `","type":` + types[first] + `},{"name":"` + second + `","type":` + types[second] + `}]}`
}

func TestDefaultsThatDoNotFitAreErrors(t *testing.T) {
	t.Parallel()
	writer := parse(t, `{"type":"record","name":"R","fields":[]}`)
	for text, want := range map[string]string{
		`"int","default":"x"`:                                "text where int is to be",
		`{"type":"fixed","name":"F","size":2},"default":"x"`: "1 bytes where fixed F has 2",
		`["null","int"],"default":"x"`:                       "null is to be",
		enum + `,"default":"C"`:                              `no symbol "C"`,
		`"R","default":{}`:                                   "nested too deeply",
	} {
		reader := parse(t, `{"type":"record","name":"R","fields":[{"name":"f","type":`+text+`}]}`)
		_, err := datum.NewDecoder(resolve.New(writer, reader), datum.Limits{})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "field f of R") {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
}

// What is cut out of a block of a file is a datum of its own.
func TestSkimTakesNothingThatWalkRefusesAlone(t *testing.T) {
	t.Parallel()
	ints := `{"type":"array","items":"int"}`
	for name, tt := range map[string]struct {
		schema string
		data   []byte
		length int // 0 when it is refused
		err    error
	}{
		"a block within the datum":    {ints, varint(-1, 1, 5, 0, 9, 9), 3 + 1, nil},
		"a block beyond the datum":    {ints, varint(-1, 3, 5, 0, 9, 9), 0, datum.ErrShort},
		"values that others pay for":  {`{"type":"array","items":` + record100() + `}`, append(varint(300, 0), make([]byte, 1000)...), 0, datum.ErrMany},
		"values that nobody pays for": {`{"type":"array","items":` + record100() + `}`, varint(300, 0), 0, datum.ErrMany},
	} {
		n, err := datum.New(parse(t, tt.schema), datum.Limits{ZeroSizeItems: 1000}).Skim(tt.data)
		if n != tt.length || !errors.Is(err, tt.err) {
			t.Errorf("%s: got %d and %v, want %d and %v", name, n, err, tt.length, tt.err)
		}
	}
}

// record100 is a record of 100 nulls.
func record100() string {
	fields := make([]string, 100)
	for i := range fields {
		fields[i] = fmt.Sprintf(`{"name":"f%d","type":"null"}`, i)
	}
	return `{"type":"record","name":"R","fields":[` + strings.Join(fields, ",") + `]}`
}
