package avro_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/gokavro/gokavro/codecs/avro"
)

type located struct {
	In struct {
		ID    int64  `avro:"id"`
		Name  string `avro:"name"`
		Kind  string `avro:"kind"`
		Maybe *int32 `avro:"maybe"`
		List  []any  `avro:"list"`
	} `avro:"in"`
}

const placedSchema = `{"type":"record","name":"Placed","fields":[{"name":"in","type":{"type":"record","name":"In","fields":[
	{"name":"id","type":"long"},{"name":"name","type":"string"},
	{"name":"kind","type":{"type":"enum","name":"Kind","symbols":["X","Y"]}},
	{"name":"maybe","type":["null","int"]},{"name":"list","type":{"type":"array","items":"null"}}]}}]}`

// decoders returns every way to read a datum of the schema. Those of framed
// messages and files put it there first.
func decoders(t *testing.T) map[string]func(datum []byte) error {
	t.Helper()
	schema := mustParse(t, placedSchema)
	converter, err := avro.NewConverter(schema, schema)
	if err != nil {
		t.Fatal(err)
	}
	form, err := avro.NewJSONForm(schema)
	if err != nil {
		t.Fatal(err)
	}
	reg := startRegistry(t)
	id, err := reg.client(t, 0).Register(t.Context(), "placed", placedSchema)
	if err != nil {
		t.Fatal(err)
	}
	framed := func(datum []byte) []byte { return append(avro.AppendConfluent(nil, id.ID), datum...) }
	opts := reg.open(t, "placed", avro.Schema(placedSchema))
	typed, generic := avro.Typed[located](opts...), avro.Generic(placedSchema, opts...)
	file := func(datum []byte) *avro.FileReader {
		header := join(long(1), text("avro.schema"), text(placedSchema), long(0))
		reader, err := avro.NewFileReader(bytes.NewReader(byHand(header, block(1, datum))), nil)
		if err != nil {
			t.Fatal(err)
		}
		return reader
	}
	return map[string]func(datum []byte) error{
		"typed":          func(d []byte) error { return typed.Read(framed(d), new(located)) },
		"generic":        func(d []byte) error { return generic.Read(framed(d), new(map[string]any)) },
		"converter":      func(d []byte) error { _, err := converter.Append(nil, d); return err },
		"JSON form":      func(d []byte) error { _, err := form.Append(nil, d); return err },
		"file, any":      func(d []byte) error { return file(d).Read(new(any)) },
		"file, struct":   func(d []byte) error { return file(d).Read(new(located)) },
		"file, as it is": func(d []byte) error { _, err := file(d).ReadRaw(); return err },
	}
}

func TestEveryDecoderTellsWhereTheDataAreBad(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		datum []byte
		field string
		at    int
	}{
		{"a length of 2^62", join(long(1), long(1<<62)), "in.name", 1},
		{"a number that does not end", bytes.Repeat([]byte{0xff}, 12), "in.id", 0},
		{"a cut number", join(long(1), []byte{0x80}), "in.name", 1},
		{"nothing", nil, "in.id", 0},
		{"text that is not UTF-8", join(long(1), long(1), []byte{0xff, 0, 0, 0}), "in.name", -1},
		{"a symbol out of range", join(long(1), long(0), long(2), long(0), long(0)), "in.kind", 2},
		{"a branch out of range", join(long(1), long(0), long(1), long(2), long(0)), "in.maybe", 3},
		{"a negative branch", join(long(1), long(0), long(1), long(-1), long(0)), "in.maybe", 3},
		{"10^8 nulls", join(long(1), long(0), long(1), long(0), long(1e8), long(0)), "in.list", 4},
		{"-2^63 nulls", join(long(1), long(0), long(1), long(0), long(-1<<63), long(0), long(0)), "in.list", 4},
		{"a block of -5 bytes", join(long(1), long(0), long(1), long(0), long(-1), long(-5), long(0)), "in.list", -1},
	}
	for way, decode := range decoders(t) {
		for _, tt := range tests {
			err := decode(tt.datum)
			if err == nil {
				t.Errorf("%s: %s: got no error", way, tt.name)
				continue
			}
			want := []string{tt.field}
			if tt.at >= 0 {
				want = append(want, fmt.Sprintf("byte %d", tt.at))
			}
			if way == "typed" || way == "generic" {
				want = append(want, "schema id 1")
			}
			for _, part := range want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%s: %s: got %v, want %q in it", way, tt.name, err, part)
				}
			}
		}
	}
}

func TestBlocksAreBounded(t *testing.T) {
	t.Parallel()
	schema := mustParse(t, `"bytes"`)
	large := make([]byte, 17<<20)
	for _, compression := range compressions() {
		var file bytes.Buffer
		writer, err := avro.NewFileWriter(&file, schema, compression)
		if err == nil {
			err = writer.Write(large)
		}
		if err == nil {
			err = writer.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
		read := func(opts ...avro.FileOption) error {
			reader, err := avro.NewFileReader(bytes.NewReader(file.Bytes()), nil, opts...)
			if err != nil {
				return err
			}
			return reader.Read(new(any))
		}
		if err := read(); err == nil || !strings.Contains(err.Error(), "16777216") || !strings.Contains(err.Error(), "avro.MaxBlockBytes") {
			t.Errorf("%s: got %v, want the bound and the option", compression, err)
		}
		if err := read(avro.MaxBlockBytes(32 << 20)); err != nil {
			t.Errorf("%s with a larger bound: %v", compression, err)
		}
		if err := read(avro.SkipCorrupt(), avro.MaxBlockBytes(32<<20)); err != nil {
			t.Errorf("%s with a larger bound, skipping: %v", compression, err)
		}
	}
	if _, err := avro.NewFileReader(bytes.NewReader(nil), nil, avro.MaxBlockBytes(0)); err == nil || !strings.Contains(err.Error(), "1 or more") {
		t.Errorf("a bound of 0: got %v", err)
	}
}

func TestTheErrorOfADeepSchemaIsShort(t *testing.T) {
	t.Parallel()
	for _, depth := range []int{1200, 5000} {
		_, err := avro.ParseSchema(strings.Repeat(`{"type":"array","items":`, depth) + `"int"` + strings.Repeat("}", depth))
		if err == nil || len(err.Error()) > 1000 || !strings.Contains(err.Error(), "nested more than 1000 deep") {
			t.Errorf("%d levels: got %.1200v, want a short error", depth, err)
		}
	}
}
