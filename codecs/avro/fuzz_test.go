package avro_test

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/codecs/avro/internal/datum"
)

// What decodes is encoded and decoded again: the second bytes are those of the
// first encoding, unless a map's order makes them another length-equal form.
func FuzzTypedDecode(f *testing.F) {
	codec := avro.Typed[everything](avro.Plain())
	for _, value := range everythings() {
		data, err := codec.Encode(value)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
		f.Add(data[:len(data)/2])
	}
	f.Add([]byte{})
	f.Add(bytes.Repeat([]byte{0xff}, 40))
	f.Fuzz(func(t *testing.T, data []byte) {
		var value everything
		if err := codec.Read(data, &value); err != nil {
			if _, ok := errors.AsType[*avro.DecodeError](err); !ok {
				t.Fatalf("read: got %v, want a DecodeError", err)
			}
			return
		}
		again, err := codec.Append(nil, &value)
		if err != nil {
			// A decimal is read with more digits than its precision allows.
			return
		}
		var second everything
		if err := codec.Read(again, &second); err != nil {
			t.Fatalf("read of what was encoded: %v", err)
		}
		third, err := codec.Append(nil, &second)
		if err != nil || len(third) != len(again) {
			t.Fatalf("encode again: got %d bytes and error %v, want %d bytes", len(third), err, len(again))
		}
	})
}

func FuzzGenericDecode(f *testing.F) {
	codec := avro.Generic(noteSchema, avro.Plain())
	for _, value := range notes() {
		data, err := codec.Encode(value)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
		f.Add(data[:len(data)-1])
	}
	f.Add([]byte{2, 0, 0x80, 0x84, 0xaf, 0x5f, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		value, err := codec.Decode(data)
		if err != nil {
			if _, ok := errors.AsType[*avro.DecodeError](err); !ok {
				t.Fatalf("decode: got %v, want a DecodeError", err)
			}
			return
		}
		again, err := codec.Encode(value)
		if err != nil {
			t.Fatalf("encode of what was decoded: %v", err)
		}
		second, err := codec.Decode(again)
		if err != nil {
			t.Fatalf("decode of what was encoded: %v", err)
		}
		if !sameParts(value, second) {
			t.Fatalf("decode again: got %v, want %v", second, value)
		}
	})
}

func FuzzParseSchema(f *testing.F) {
	for _, text := range []string{
		`"int"`, `["null","string"]`, userSchema, userV2, noteSchema, nodeSchema, nullsSchema, cardSchema,
		`{"type":"map","values":{"type":"array","items":"bytes"}}`, `{"type":"bytes","logicalType":"decimal","precision":4,"scale":2}`,
		`{"type":"record","name":"a.b.R","namespace":"c","aliases":["S"],"fields":[{"name":"x","type":["null","R"],"default":null}]}`,
		`{`, `[]`, `{"type":{"type":{"type":"int"}}}`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		schema, err := avro.ParseSchema(text)
		if err != nil {
			return
		}
		canonical, err := avro.ParseSchema(schema.Canonical())
		if err != nil {
			t.Fatalf("the canonical form %s of %s: %v", schema.Canonical(), text, err)
		}
		if got, want := canonical.Fingerprint(), schema.Fingerprint(); got != want {
			t.Fatalf("fingerprint of the canonical form of %s: got %s, want %s", text, got, want)
		}
		if found := avro.Compatible(schema, schema); len(found) > 0 {
			t.Fatalf("%s cannot read itself: %s", text, found[0])
		}
		_ = schema.Name()
		_ = schema.Fields()
		_ = avro.Generic(text, avro.Plain()).Check()
	})
}

func FuzzFileReader(f *testing.F) {
	for _, compression := range compressions() {
		whole, _ := joined(f, compression, manyUsers(3))
		f.Add(whole)
		f.Add(whole[:len(whole)-20])
	}
	f.Add([]byte("Obj\x01"))
	reader := mustParse(f, userV2)
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, schema := range []*avro.ParsedSchema{nil, reader} {
			file, err := avro.NewFileReader(bytes.NewReader(data), schema)
			if err != nil {
				continue
			}
			var value any
			for range 10_000 {
				if err = file.Read(&value); err != nil {
					break
				}
			}
			if err != nil && err != io.EOF && errors.Is(err, io.EOF) { //nolint:errorlint // the end is io.EOF itself
				t.Fatalf("read: got %v, which looks like the end of the file", err)
			}
			if err := file.Close(); err != nil {
				t.Fatal(err)
			}
		}
		file, err := avro.NewFileReader(bytes.NewReader(data), nil)
		if err != nil {
			return
		}
		for range 10_000 {
			raw, err := file.ReadRaw()
			if err != nil {
				break
			}
			if _, err := file.Schema().JSON(raw); err != nil && !errors.Is(err, datum.ErrLarge) {
				t.Fatalf("raw value %x of %s: %v", raw, file.Schema(), err)
			}
		}
	})
}

func FuzzSplitConfluent(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{0, 0, 0, 0, 1, 2})
	f.Add([]byte{0, 0xff, 0xff, 0xff, 0xff})
	f.Add([]byte{1, 0, 0, 0, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		id, datum, err := avro.SplitConfluent(data)
		if err != nil {
			return
		}
		if id < 0 {
			t.Fatalf("split: got the id %d", id)
		}
		if got := append(avro.AppendConfluent(nil, id), datum...); !bytes.Equal(got, data) {
			t.Fatalf("framed again: got %v, want %v", got, data)
		}
	})
}

// Any two schemas and any bytes: what is converted is a datum of the reader,
// as its JSON is.
func FuzzConverter(f *testing.F) {
	for _, texts := range [][2]string{
		{userSchema, userV2},
		{userV2, userSchema},
		{noteSchema, noteSchema},
		{nodeSchema, nodeSchema},
		{nullsSchema, nullsSchema},
		{`["int","string"]`, `["double","bytes"]`},
		{`{"type":"enum","name":"E","symbols":["A","B"]}`, `{"type":"enum","name":"E","symbols":["B"],"default":"B"}`},
	} {
		f.Add(texts[0], texts[1], []byte{2, 6, 'A', 'n', 'n', 4})
		f.Add(texts[0], texts[1], []byte{0, 2, 0, 0})
	}
	f.Fuzz(func(t *testing.T, from, to string, data []byte) {
		writer, err := avro.ParseSchema(from)
		if err != nil {
			return
		}
		reader, err := avro.ParseSchema(to)
		if err != nil {
			return
		}
		_ = avro.Compatible(writer, reader)
		converter, err := avro.NewConverter(writer, reader)
		if err != nil {
			return
		}
		out, err := converter.Append(nil, data)
		if err != nil {
			return
		}
		// A datum within the limits may come out of them with defaults.
		if err := reader.Validate(out); err != nil && !errors.Is(err, datum.ErrMany) && !errors.Is(err, datum.ErrDeep) {
			t.Fatalf("%s read as %s: %x became %x: %v", from, to, data, out, err)
		}
	})
}
