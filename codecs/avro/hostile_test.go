package avro_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gokavro/gokavro/codecs"
	"github.com/gokavro/gokavro/codecs/avro"
)

// long is Avro's encoding of an int or a long.
func long(n int64) []byte { return binary.AppendVarint(nil, n) }

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

type nulls struct {
	List []any          `avro:"list"`
	Map  map[string]any `avro:"map"`
	Text string         `avro:"text"`
	Raw  []byte         `avro:"raw"`
	Rows []struct{}     `avro:"rows"`
}

const nullsSchema = `{"type":"record","name":"Nulls","fields":[
	{"name":"list","type":{"type":"array","items":"null"}},
	{"name":"map","type":{"type":"map","values":"null"}},
	{"name":"text","type":"string"},
	{"name":"raw","type":"bytes"},
	{"name":"rows","type":{"type":"array","items":{"type":"record","name":"Row","fields":[]}}}]}`

type node struct {
	Next *node `avro:"next"`
}

const nodeSchema = `{"type":"record","name":"Node","fields":[{"name":"next","type":["null","Node"],"default":null}]}`

func TestHostileBytesEndQuickly(t *testing.T) {
	t.Parallel()
	none := []byte{0}
	tests := []struct {
		name, schema string
		data         []byte
	}{
		{"array of 10^8 nulls", nullsSchema, join(long(1e8), none)},
		{"array of 2^31-1 nulls", nullsSchema, join(long(1<<31-1), none)},
		{"array of 2^63-1 nulls", nullsSchema, join(long(1<<63-1), none)},
		{"array of -2^63 nulls", nullsSchema, join(long(-1<<63), long(0), none)},
		{"array of 10^8 nulls with its size", nullsSchema, join(long(-1e8), long(0), none)},
		{"array of 10^8 empty records", nullsSchema, join(none, none, none, none, long(1e8), none)},
		{"map of 10^8 nulls", nullsSchema, join(none, long(1e8), none)},
		{"text of 2^62 bytes", nullsSchema, join(none, none, long(1<<62))},
		{"text of -1 bytes", nullsSchema, join(none, none, long(-1))},
		{"bytes of 2^40 bytes", nullsSchema, join(none, none, none, long(1<<40))},
		{"number that does not end", nullsSchema, bytes.Repeat([]byte{0xff}, 64)},
		{"list of 4,000,000 nodes", nodeSchema, append(bytes.Repeat([]byte{2}, 4_000_000), 0)},
		{"branch 5 of 2", nodeSchema, long(5)},
		{"branch -1", nodeSchema, long(-1)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			decoders := []codecs.Untyped{avro.Generic(tt.schema, avro.Plain())}
			if tt.schema == nodeSchema {
				decoders = append(decoders, avro.Typed[node](avro.Plain(), avro.Schema(tt.schema)))
			} else {
				decoders = append(decoders, avro.Typed[nulls](avro.Plain(), avro.Schema(tt.schema)))
			}
			for _, codec := range decoders {
				if err := codec.(interface{ Check() error }).Check(); err != nil {
					t.Fatal(err)
				}
				start := time.Now()
				_, err := codec.Decode(tt.data)
				if _, ok := errors.AsType[*avro.DecodeError](err); !ok {
					t.Errorf("%T: got %v, want a DecodeError", codec, err)
				}
				if took := time.Since(start); took > 5*time.Second {
					t.Errorf("%T: took %s", codec, took)
				}
			}
		})
	}
}

// Not parallel: it looks at what the whole process allocates.
func TestHostileCountsAllocateLittle(t *testing.T) { //nolint:paralleltest // it measures the process
	data := join(long(1e8), []byte{0})
	for name, codec := range map[string]codecs.Untyped{
		"typed":   avro.Typed[nulls](avro.Plain(), avro.Schema(nullsSchema)),
		"generic": avro.Generic(nullsSchema, avro.Plain()),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := codec.Decode(data)
		runtime.ReadMemStats(&after)
		if err == nil {
			t.Errorf("%s: got no error", name)
		}
		if used := after.TotalAlloc - before.TotalAlloc; used > 1<<20 {
			t.Errorf("%s: a datum of %d bytes made it allocate %d bytes", name, len(data), used)
		}
	}
}

// A parser that fills in and tries all would be busy for hours.
func TestDefaultsThatStandForTooMuchAreRefused(t *testing.T) {
	t.Parallel()
	doubling := `{"type":"record","name":"R0","fields":[{"name":"a","type":"string","default":"x"}]}`
	for i := range 40 {
		doubling = fmt.Sprintf(`{"type":"record","name":"R%d","fields":[{"name":"a","type":%s,"default":{}},{"name":"b","type":"R%d","default":{}}]}`, i+1, doubling, i)
	}
	const list = `{"type":"record","name":"L","fields":[{"name":"next","type":["null","L"]}]}`
	chain := func(links int) string {
		text := strings.Repeat(`{"next":`, links) + "null" + strings.Repeat("}", links)
		return record("R", `{"name":"f","type":`+list+`,"default":`+text+`}`)
	}
	for name, tt := range map[string]struct {
		text    string
		refs    []string
		refused bool
	}{
		"each level has two of the one below":      {text: doubling, refused: true},
		"the same in a schema that is referred to": {text: `"int"`, refs: []string{doubling}, refused: true},
		"a record that has itself":                 {text: record("R", `{"name":"f","type":"R","default":{}}`), refused: true},
		"a chain of 40 unions":                     {text: chain(40), refused: true},
		"a chain of 5 unions":                      {text: chain(5)},
		"an array of 100,000":                      {text: record("R", `{"name":"f","type":{"type":"array","items":"int"},"default":[1`+strings.Repeat(",1", 99_999)+`]}`)},
	} {
		_, err := avro.ParseSchema(tt.text, tt.refs...)
		if (err != nil) != tt.refused || err != nil && !strings.Contains(err.Error(), "stands for too many values") {
			t.Errorf("%s: got %v, want refused %t", name, err, tt.refused)
		}
	}
}

func TestDeepListsDecodeUpToABound(t *testing.T) {
	t.Parallel()
	for name, codec := range map[string]codecs.Untyped{
		"typed":   avro.Typed[node](avro.Plain(), avro.Schema(nodeSchema)),
		"generic": avro.Generic(nodeSchema, avro.Plain()),
	} {
		if _, err := codec.Decode(append(bytes.Repeat([]byte{2}, 100), 0)); err != nil {
			t.Errorf("%s: a list of 100 nodes: %v", name, err)
		}
	}
}

func TestGenericMakesFewValuesOfNoBytes(t *testing.T) {
	t.Parallel()
	const nothings = `{"type":"record","name":"R","fields":[{"name":"all","type":{"type":"array","items":{"type":"record","name":"E","fields":[]}}}]}`
	codec := avro.Generic(nothings, avro.Plain())
	for _, tt := range []struct {
		items   int64
		refused bool
	}{{1 << 16, false}, {1<<16 + 1, true}} {
		data := append(binary.AppendVarint(nil, tt.items), 0)
		var got map[string]any
		err := codec.Read(data, &got)
		if (err != nil) != tt.refused {
			t.Errorf("%d items: got %v, want refused %t", tt.items, err, tt.refused)
		}
	}
}
