package avro_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/codecs/avro"
)

const branchA = `{"type":"record","name":"A","fields":[{"name":"x","type":["null","string"],"default":null}]}`

// unions are data that a decoded value alone would take for another branch.
func unions() []struct {
	name, schema string
	datum        []byte
	json         string
} {
	return []struct {
		name, schema string
		datum        []byte
		json         string
	}{
		{
			"second of two records", `[` + branchA + `,{"type":"record","name":"B","fields":[{"name":"x","type":["null","string"]},{"name":"y","type":"int"}]}]`,
			join(long(1), long(1), text("b"), long(7)), `{"x":"b","y":7}`,
		},
		{
			"second of two like records", `[` + branchA + `,{"type":"record","name":"B","fields":[{"name":"x","type":["null","string"]}]}]`,
			join(long(1), long(0)), `{"x":null}`,
		},
		{
			"map beside a record", `[` + branchA + `,{"type":"map","values":["null","string"]}]`,
			join(long(1), long(1), text("x"), long(1), text("v"), long(0)), `{"x":"v"}`,
		},
		{
			"map that looks like a wrapper", `["null",` + branchA + `,{"type":"map","values":"string"}]`,
			join(long(2), long(1), text("A"), text("v"), long(0)), `{"A":"v"}`,
		},
		{"enum behind a string", `["string",{"type":"enum","name":"E","symbols":["S","T"]}]`, join(long(1), long(1)), `"T"`},
		{"fixed behind bytes", `["bytes",{"type":"fixed","name":"F","size":2}]`, join(long(1), []byte("ab")), `"ab"`},
		{"fixed behind a string", `["string",{"type":"fixed","name":"F","size":2}]`, join(long(1), []byte{0xff, 'b'}), `"\u00ffb"`},
		{"time behind a string", `["string",{"type":"long","logicalType":"timestamp-millis"}]`, join(long(1), long(-1500)), `-1500`},
		{"day behind a long", `["long",{"type":"int","logicalType":"date"}]`, join(long(1), long(5)), `5`},
		{"decimal behind a string", `["string",{"type":"bytes","logicalType":"decimal","precision":4,"scale":2}]`, join(long(1), text("\x01\x00")), "\"\\u0001\\u0000\""},
		{"decimal fixed behind bytes", `["bytes",{"type":"fixed","name":"D","size":2,"logicalType":"decimal","precision":4,"scale":2}]`, join(long(1), []byte{1, 0}), "\"\\u0001\\u0000\""},
		{"uuid behind bytes", `["bytes",{"type":"string","logicalType":"uuid"}]`, join(long(1), text("6ba7b810-9dad-11d1-80b4-00c04fd430c8")), `"6ba7b810-9dad-11d1-80b4-00c04fd430c8"`},
		{"int behind a long", `["long","int"]`, join(long(1), long(5)), `5`},
		{"float behind a double", `["double","float"]`, join(long(1), []byte{0, 0, 0x80, 0x3f}), `1`},
		{
			"deep inside", `{"type":"record","name":"R","fields":[{"name":"rows","type":{"type":"array","items":{"type":"map","values":["string",{"type":"enum","name":"E","symbols":["S"]},` + branchA + `]}}}]}`,
			join(long(1), long(2), text("k"), long(1), long(0), text("l"), long(2), long(1), text("v"), long(0), long(0)),
			`{"rows":[{"k":"S","l":{"x":"v"}}]}`,
		},
		{"null", `["string","null"]`, long(1), `null`},
	}
}

// text is Avro's encoding of a string or bytes.
func text(s string) []byte { return append(long(int64(len(s))), s...) }

func TestJSONShowsTheBranchThatWasWritten(t *testing.T) {
	t.Parallel()
	for _, tt := range unions() {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := mustParse(t, tt.schema).JSON(tt.datum)
			if err != nil || string(got) != tt.json {
				t.Errorf("JSON: got %s, %v, want %s", got, err, tt.json)
			}
		})
	}
}

// Generic values pass through files and plans as the branch that they were.
func TestGenericValuesAreEncodedAsTheBranchTheyWere(t *testing.T) {
	t.Parallel()
	for _, tt := range unions() {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			schema := mustParse(t, tt.schema)
			planned, err := resolved[any](schema, schema, tt.datum)
			if err != nil {
				t.Fatal(err)
			}
			var file bytes.Buffer
			writer, err := avro.NewFileWriter(&file, schema, avro.Deflate)
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(writer.Write(planned), writer.WriteRaw(tt.datum), writer.Close()); err != nil {
				t.Fatal(err)
			}
			reader, err := avro.NewFileReader(&file, schema)
			if err != nil {
				t.Fatal(err)
			}
			defer reader.Close()
			var read any
			if err := reader.Read(&read); err != nil {
				t.Fatal(err)
			}
			if shown, err := schema.ValueJSON(read); err != nil || !sameJSON(t, shown, []byte(tt.json)) {
				t.Errorf("value as JSON: got %s, %v, want %s", shown, err, tt.json)
			}
			for name, value := range map[string]any{"plan": planned, "file": read} {
				if got, err := schema.Append(nil, value); err != nil || !sameDatum(t, schema, got, tt.datum) {
					t.Errorf("encoded again after the %s: got %x, %v, want %x (%v)", name, got, err, tt.datum, value)
				}
			}
			if raw, err := reader.ReadRaw(); err != nil || !bytes.Equal(raw, tt.datum) {
				t.Errorf("raw: got %x, %v, want %x", raw, err, tt.datum)
			}
		})
	}
}

// sameDatum compares the bytes. A map's order is not that of its bytes.
func sameDatum(t *testing.T, schema *avro.ParsedSchema, a, b []byte) bool {
	t.Helper()
	if bytes.Equal(a, b) {
		return true
	}
	left, err := schema.JSON(a)
	if err != nil {
		t.Fatal(err)
	}
	right, err := schema.JSON(b)
	if err != nil {
		t.Fatal(err)
	}
	return len(a) == len(b) && strings.Contains(schema.String(), `"map"`) && sameJSON(t, left, right)
}

func TestTypedFieldsOfAnyKeepTheBranch(t *testing.T) {
	t.Parallel()
	type row struct {
		V any `avro:"v"`
	}
	for _, tt := range unions() {
		if tt.name == "deep inside" {
			continue // its schema is no union
		}
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			codec := avro.Typed[row](avro.Plain(), avro.Schema(record("Row", `{"name":"v","type":`+tt.schema+`}`)))
			value, err := codec.Decode(tt.datum)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := codec.Encode(value); err != nil || !bytes.Equal(got, tt.datum) {
				t.Errorf("encoded again: got %x, %v, want %x (%v)", got, err, tt.datum, value)
			}
		})
	}
}

func TestResolvedValuesAreWrittenInTheReadersBranches(t *testing.T) {
	t.Parallel()
	const symbols = `{"type":"enum","name":"E","symbols":["S"]}`
	tests := []struct {
		name, writer, reader string
		datum                []byte
		want                 []byte
	}{
		{"enum into a union", symbols, `["string",` + symbols + `]`, long(0), join(long(1), long(0))},
		{"union out of order", `[` + symbols + `,"string"]`, `["string",` + symbols + `]`, join(long(0), long(0)), join(long(1), long(0))},
		{"union into one type", `["int","long"]`, `"long"`, join(long(0), long(5)), long(5)},
		{"int into the union's long", `"int"`, `["string","long"]`, long(4), join(long(1), long(4))},
		{
			"default of a new field", record("R", ""), record("R", `{"name":"v","type":[`+symbols+`,"string"],"default":"S"}`),
			nil, join(long(0), long(0)),
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			reader := mustParse(t, tt.reader)
			value, err := resolved[any](mustParse(t, tt.writer), reader, tt.datum)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := reader.Append(nil, value); err != nil || !bytes.Equal(got, tt.want) {
				t.Errorf("encoded: got %x, %v, want %x (%v)", got, err, tt.want, value)
			}
		})
	}
}

func TestRawAndDecodedReadsTakeTurns(t *testing.T) {
	t.Parallel()
	file, _ := joined(t, avro.Zstandard, manyUsers(5))
	reader, err := avro.NewFileReader(bytes.NewReader(file), mustParse(t, userV2))
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	written := mustParse(t, userSchema)
	var kept [][]byte
	for i, want := range manyUsers(5) {
		if i%2 == 0 {
			datum, err := reader.ReadRaw()
			if err != nil {
				t.Fatal(err)
			}
			kept = append(kept, datum)
			continue
		}
		var got citizen
		if err := reader.Read(&got); err != nil || got.ID != want.ID || got.City != "unknown" {
			t.Errorf("value %d: got %+v, %v", i, got, err)
		}
	}
	for i, datum := range kept {
		want := `{"id":` + string(rune('0'+2*i)) + `,"name":"user ` + string(rune('0'+2*i)) + `","age":` + string(rune('0'+2*i)) + `}`
		if got, err := written.JSON(datum); err != nil || string(got) != want {
			t.Errorf("raw value %d: got %s, %v, want %s", 2*i, got, err, want)
		}
	}
	if _, err := reader.ReadRaw(); !errors.Is(err, io.EOF) {
		t.Errorf("behind the last value: got %v, want io.EOF", err)
	}
	if err := reader.Read(new(citizen)); !errors.Is(err, io.EOF) {
		t.Errorf("behind the last value: got %v, want io.EOF", err)
	}
}

func TestWriteRawRefusesWhatIsNotOneDatum(t *testing.T) {
	t.Parallel()
	ann, err := mustParse(t, userSchema).Append(nil, user{1, "Ann", 31})
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	writer, err := avro.NewFileWriter(&file, mustParse(t, userSchema), avro.Null)
	if err != nil {
		t.Fatal(err)
	}
	for name, datum := range map[string][]byte{
		"nothing": nil, "short": ann[:len(ann)-1], "long": append(bytes.Clone(ann), 0), "two": append(bytes.Clone(ann), ann...),
	} {
		err := writer.WriteRaw(datum)
		if err == nil || !strings.HasPrefix(err.Error(), "avro: writing example.data.User to an object container file: avro: decoding: ") {
			t.Errorf("%s: got %v, want it refused", name, err)
		}
	}
	if err := errors.Join(writer.WriteRaw(ann), writer.Close()); err != nil {
		t.Fatal(err)
	}
	got, err := readAll[user](file.Bytes(), nil)
	if diff := cmp.Diff([]user{{1, "Ann", 31}}, got); err != nil || diff != "" {
		t.Errorf("values: %v (-want +got):\n%s", err, diff)
	}
}

func TestFieldTextIsWhatAKeyHolds(t *testing.T) {
	t.Parallel()
	const schema = `{"type":"record","name":"R","fields":[
		{"name":"skipped","type":{"type":"array","items":["null",{"type":"map","values":"R"}]}},
		{"name":"text","type":"string"},{"name":"raw","type":["bytes","null"]},{"name":"none","type":["null","int"]},
		{"name":"fix","type":{"type":"fixed","name":"F","size":2}},{"name":"enum","type":{"type":"enum","name":"E","symbols":["UP","DOWN"]}},
		{"name":"yes","type":"boolean"},{"name":"int","type":"int"},{"name":"at","type":["string",{"type":"long","logicalType":"timestamp-millis"}]},
		{"name":"float","type":"float"},{"name":"double","type":"double"},{"name":"list","type":{"type":"array","items":"int"}}]}`
	r := mustParse(t, schema)
	datum := join(long(-2), long(3), long(0), long(1), long(0), long(0), text("a b"), long(0), text("\x00\xff"), long(0), []byte("xy"), long(1),
		[]byte{1}, long(-7), long(1), long(1<<60), []byte{0xcd, 0xcc, 0xcc, 0x3d}, []byte{0, 0, 0, 0, 0, 0, 0xf8, 0x3f}, long(0))
	if _, err := r.JSON(datum); err != nil {
		t.Fatal(err)
	}
	for field, want := range map[string]string{
		"text": "a b", "raw": "\x00\xff", "fix": "xy", "enum": "DOWN", "yes": "true", "int": "-7",
		"at": "1152921504606846976", "float": "0.1", "double": "1.5",
	} {
		if got, err := r.FieldText(datum, field); err != nil || string(got) != want {
			t.Errorf("%s: got %q, %v, want %q", field, got, err, want)
		}
	}
	if got, err := r.FieldText(datum, "none"); err != nil || got != nil {
		t.Errorf("null: got %q, %v, want nil", got, err)
	}
	if got, err := mustParse(t, record("S", `{"name":"s","type":"string"}`)).FieldText(long(0), "s"); err != nil || got == nil {
		t.Errorf("empty text: got %v, %v, want an empty slice", got, err)
	}
	for _, field := range []string{"list", "skipped", "absent"} {
		if got, err := r.FieldText(datum, field); err == nil {
			t.Errorf("%s: got %q, want an error", field, got)
		}
	}
	for _, field := range []string{"text", "double"} {
		if got, err := r.FieldText(datum[:9], field); err == nil {
			t.Errorf("%s of a datum that was cut: got %q, want an error", field, got)
		}
	}
	if got, err := mustParse(t, `"int"`).FieldText(long(1), "x"); err == nil {
		t.Errorf("field of an int: got %q, want an error", got)
	}
}
