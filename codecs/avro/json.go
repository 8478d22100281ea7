package avro

import (
	"errors"
	"fmt"
	"io"

	"github.com/gokavro/gokavro/codecs/avro/internal/datum"
	resolution "github.com/gokavro/gokavro/codecs/avro/internal/resolve"
)

// Converter turns data of a writer's schema into data of a reader's, by the
// schema resolution of the Avro specification. It is the careful way, for
// tools: a datum that the schemas do not allow for is an error only when it is
// met, as in Java. It may nest 500 records, arrays and maps, and hold 10^6
// items that take no bytes. It is safe for concurrent use.
type Converter struct {
	writer, reader *ParsedSchema
	decoder        *datum.Decoder
}

// NewConverter returns the converter from writer to reader. A default of the
// reader that does not fit its field is an error.
func NewConverter(writer, reader *ParsedSchema) (*Converter, error) {
	from, to, err := trees(writer, reader)
	if err != nil {
		return nil, err
	}
	decoder, err := datum.NewDecoder(resolution.New(from, to), datum.Limits{})
	if err != nil {
		return nil, fmt.Errorf("avro: reading %s with the schema %s: %w", writer.Name(), reader.Name(), err)
	}
	return &Converter{writer: writer, reader: reader, decoder: decoder}, nil
}

// Append appends to dst what data, exactly one datum of the writer, is in the
// reader's schema: numbers in their shortest form, arrays and maps as one
// block with a positive count. A fault in data is a [DecodeError] with a
// [DatumError] in it, and leaves dst as it was.
func (c *Converter) Append(dst, data []byte) ([]byte, error) {
	out, err := c.decoder.Append(dst, data)
	if err != nil {
		return dst, &DecodeError{Writer: c.writer.Name(), Reader: c.reader.Name(), Err: err}
	}
	return out, nil
}

// JSONForm turns data of a schema into Avro's JSON encoding and back: unions
// tagged with the full name of their branch, bytes as text of the code points
// 0 to 255, NaN and infinities as text. It is safe for concurrent use.
type JSONForm struct {
	name   string
	schema *datum.Schema
}

// NewJSONForm makes ready to read and write data of schema in JSON.
func NewJSONForm(schema *ParsedSchema) (*JSONForm, error) {
	data, err := schema.walkable()
	if err != nil {
		return nil, err
	}
	return &JSONForm{name: schema.Name(), schema: data}, nil
}

// Append appends data, exactly one datum, in JSON, in one line. On an error
// dst stays as it was.
func (f *JSONForm) Append(dst, data []byte) ([]byte, error) {
	text, err := f.schema.AppendJSON(dst, data, datum.Tagged)
	if err != nil {
		return dst, &DecodeError{Reader: f.name, Err: err}
	}
	return text, nil
}

// Write writes what Append would append without holding all of it, and nothing
// at all of a datum that has a fault.
func (f *JSONForm) Write(w io.Writer, data []byte) error {
	err := f.schema.WriteJSON(w, data, datum.Tagged)
	if _, ok := errors.AsType[*datum.Error](err); ok {
		return &DecodeError{Reader: f.name, Err: err}
	}
	return err
}

// Encode appends to dst the datum that text, one JSON value, stands for. It is
// exact: every field of a record has to be there, also one with a default, and
// none but those. On an error dst stays as it was.
func (f *JSONForm) Encode(dst, text []byte) ([]byte, error) {
	out, err := f.schema.AppendBinary(dst, text)
	if err != nil {
		return dst, fmt.Errorf("avro: reading JSON of %s: %w", f.name, err)
	}
	return out, nil
}

// Generator makes up data for tests and demonstrations. It is not safe for
// concurrent use.
type Generator struct {
	name string
	data *datum.Generator
}

// NewGenerator returns a generator of valid data that respect logical types
// and are of moderate size. They depend on the schema and the seed alone. A
// schema that is recursive without end is an error.
func NewGenerator(schema *ParsedSchema, seed uint64) (*Generator, error) {
	node, err := schema.tree()
	if err != nil {
		return nil, err
	}
	data, err := datum.NewGenerator(node, seed)
	if err != nil {
		return nil, fmt.Errorf("avro: making up data of %s: %w", schema.Name(), err)
	}
	return &Generator{name: schema.Name(), data: data}, nil
}

// Append appends another datum to dst.
func (g *Generator) Append(dst []byte) ([]byte, error) {
	out, err := g.data.Append(dst)
	if err != nil {
		return dst, fmt.Errorf("avro: making up data of %s: %w", g.name, err)
	}
	return out, nil
}
