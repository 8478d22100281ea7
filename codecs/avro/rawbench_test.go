package avro_test

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"testing"

	"github.com/gokavro/gokavro/codecs/avro"
)

// benchNotes is a container file of so many records with a union, an array and
// a map each.
func benchNotes(b *testing.B, count int) []byte {
	b.Helper()
	var file bytes.Buffer
	writer, err := avro.NewFileWriter(&file, mustParse(b, noteSchema), avro.Null)
	for i := 0; err == nil && i < count; i++ {
		err = writer.Write(map[string]any{
			"id": int64(i), "text": "some text of note " + strconv.Itoa(i), "tags": []any{"first", "second", "third"},
			"marks": map[string]any{"x": int32(i), "y": int32(-i)}, "raw": []byte{1, 2, 3},
		})
	}
	if err = errors.Join(err, writer.Close()); err != nil {
		b.Fatal(err)
	}
	return file.Bytes()
}

func BenchmarkReadRaw(b *testing.B) {
	file := benchNotes(b, 1000)
	b.ReportAllocs()
	b.SetBytes(int64(len(file)))
	for b.Loop() {
		reader, err := avro.NewFileReader(bytes.NewReader(file), nil)
		for err == nil {
			_, err = reader.ReadRaw()
		}
		if !errors.Is(err, io.EOF) {
			b.Fatal(err)
		}
	}
}

func BenchmarkGenericDecodeOfParts(b *testing.B) {
	schema, codec := mustParse(b, noteSchema), avro.Generic(noteSchema, avro.Plain())
	data, err := codec.Encode(notes()[1])
	if err != nil {
		b.Fatal(err)
	}
	for name, work := range map[string]func() error{
		"decode":   func() error { _, err := codec.Decode(data); return err },
		"validate": func() error { return schema.Validate(data) },
		"json":     func() error { _, err := schema.JSON(data); return err },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := work(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
