package avro_test

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/gokavro/gokavro/codecs/avro"
)

func TestConverterWritesInTheReadersForm(t *testing.T) {
	t.Parallel()
	writer := mustParse(t, record("R", `{"name":"a","type":"int"},{"name":"gone","type":"string"},{"name":"u","type":["null","string"]}`))
	reader := mustParse(t, record("R", `{"name":"u","type":["string","null"]},{"name":"b","type":"double","aliases":["a"]},{"name":"n","type":"int","default":7}`))
	converter, err := avro.NewConverter(writer, reader)
	if err != nil {
		t.Fatal(err)
	}
	out, err := converter.Append([]byte{0xaa}, []byte("\x04\x04xx\x02\x02y"))
	const want = "aa" + "000279" + "0000000000000040" + "0e"
	if got := hex.EncodeToString(out); err != nil || got != want {
		t.Errorf("got %s and %v, want %s", got, err, want)
	}
	out, err = converter.Append([]byte{0xaa}, []byte("\x04\x04xx\x04"))
	fault, ok := errors.AsType[*avro.DatumError](err)
	if !ok || fault.Path != "u" || fault.Offset != 4 || len(out) != 1 {
		t.Errorf("got %x and %v, want a fault in u at byte 4", out, err)
	}
	if decoding, ok := errors.AsType[*avro.DecodeError](err); !ok || decoding.Writer != "example.R" || decoding.Reader != "example.R" {
		t.Errorf("got %v, want an error that names both schemas", err)
	}
}

func TestConverterFailsOnlyOnDataThatNeedWhatDoesNotFit(t *testing.T) {
	t.Parallel()
	converter, err := avro.NewConverter(mustParse(t, `["int","string"]`), mustParse(t, `"long"`))
	if err != nil {
		t.Fatal(err)
	}
	if out, err := converter.Append(nil, []byte{0, 4}); err != nil || string(out) != "\x04" {
		t.Errorf("an int: got %x and %v", out, err)
	}
	if _, err := converter.Append(nil, []byte{2, 0}); err == nil || !strings.Contains(err.Error(), "string cannot be read as long") {
		t.Errorf("a string: got %v, want a refusal", err)
	}
}

func TestJSONFormGoesBothWays(t *testing.T) {
	t.Parallel()
	schema := mustParse(t, record("R", `{"name":"u","type":["null","string"]},{"name":"b","type":"bytes"}`))
	form, err := avro.NewJSONForm(schema)
	if err != nil {
		t.Fatal(err)
	}
	const text, datum = `{"u":{"string":"x"},"b":"\u00ff"}`, "\x02\x02x\x02\xff"
	if got, err := form.Append([]byte(">"), []byte(datum)); err != nil || string(got) != ">"+text {
		t.Errorf("got %s and %v", got, err)
	}
	var written strings.Builder
	if err := form.Write(&written, []byte(datum)); err != nil || written.String() != text {
		t.Errorf("got %s and %v", written.String(), err)
	}
	if got, err := form.Encode([]byte(">"), []byte(text)); err != nil || string(got) != ">"+datum {
		t.Errorf("got %q and %v", got, err)
	}
	for name, err := range map[string]error{
		"a cut datum":           second(form.Append(nil, []byte("\x02"))),
		"writing a cut datum":   form.Write(&written, []byte("\x02")),
		"JSON without a member": second(form.Encode(nil, []byte(`{"u":null}`))),
	} {
		if _, ok := errors.AsType[*avro.DatumError](err); !ok {
			t.Errorf("%s: got %v, want a fault with its place", name, err)
		}
	}
}

func second(_ []byte, err error) error { return err }

func TestGeneratorMakesDataThatTheCheckTakes(t *testing.T) {
	t.Parallel()
	schema := mustParse(t, record("R", `{"name":"u","type":["null","R"]},{"name":"m","type":{"type":"map","values":"R"}}`))
	data, err := avro.NewGenerator(schema, 3)
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		datum, err := data.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(datum); err != nil {
			t.Error(err)
		}
	}
	if _, err := avro.NewGenerator(mustParse(t, record("R", `{"name":"r","type":"R"}`)), 1); err == nil {
		t.Error("a schema without end: got no error")
	}
}

func TestSchemasOfRegistriesAreTaken(t *testing.T) {
	t.Parallel()
	list := `{"type":"array","name":"list","items":{"type":"map","name":"map","values":{"type":"string","name":"text"}}}`
	for name, text := range map[string]string{
		"at the top": list,
		"in a field": record("R", `{"name":"name","type":`+list+`,"default":[{"name":"type"}]}`),
		"in a union": `["null",` + list + `]`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			schema := mustParse(t, text)
			if schema.String() != text {
				t.Errorf("got %s, want the text as it is", schema)
			}
			if strings.Contains(schema.Canonical(), `"list"`) {
				t.Errorf("got %s, want it without the names", schema.Canonical())
			}
			if _, err := avro.NewConverter(schema, schema); err != nil {
				t.Error(err)
			}
		})
	}
	swapped := record("R", `{"name":"b","type":"int","aliases":["a","a"]},{"name":"a","type":"int","aliases":["b","c"]}`)
	if _, err := avro.ParseSchema(swapped); err != nil {
		t.Errorf("fields that swapped their names: %v", err)
	}
	ref := record("Ref", `{"name":"a","type":`+list+`}`)
	if _, err := avro.ParseSchema(`"example.Ref"`, ref); err != nil {
		t.Errorf("a reference: %v", err)
	}
}

func TestParseSchemaBoundsTheText(t *testing.T) {
	t.Parallel()
	large := `{"type":"string","doc":"` + strings.Repeat("x", 512<<10) + `"}`
	if _, err := avro.ParseSchema(large); err == nil || !strings.Contains(err.Error(), "524288 are the most") {
		t.Errorf("got %v, want a refusal", err)
	}
	if _, err := avro.ParseSchema(`"int"`, large); err == nil {
		t.Error("a reference: got no error")
	}
}
