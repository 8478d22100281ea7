package avro

import (
	"errors"
	"fmt"
	"io"
	"reflect"

	"github.com/twmb/avro"
	"github.com/twmb/avro/ocf"
)

// Compression is the codec of an object container file's blocks.
type Compression string

// The compressions of the Avro specification that files are written with. All
// of them are read.
const (
	// Null is no compression, the default.
	Null Compression = "null"
	// Deflate is RFC 1951, which every Avro library reads.
	Deflate Compression = "deflate"
	// Snappy is fast, with a checksum a block.
	Snappy Compression = "snappy"
	// Zstandard is the smallest.
	Zstandard Compression = "zstandard"
)

func (c Compression) codec() (ocf.WriterOpt, error) {
	switch c {
	case Null, "":
		return nil, nil
	case Deflate:
		return ocf.WithCodec(ocf.DeflateCodec(-1)), nil
	case Snappy:
		return ocf.WithCodec(ocf.SnappyCodec()), nil
	case Zstandard:
		codec, err := ocf.ZstdCodec(nil, nil)
		return ocf.WithCodec(codec), err
	default:
		return nil, fmt.Errorf("avro: unknown compression %q: use null, deflate, snappy or zstandard", string(c))
	}
}

// FileReader reads the values of an object container file in their order. It
// is not safe for concurrent use.
type FileReader struct {
	reader *ocf.Reader
	schema *ParsedSchema
	count  int64
	ended  error // what ended the reading
}

// NewFileReader reads the header of the container file in r. Values are
// resolved to reader's schema, or given as they were written when reader is
// nil.
func NewFileReader(r io.Reader, reader *ParsedSchema) (*FileReader, error) {
	var opts []ocf.ReaderOpt
	if reader != nil {
		opts = append(opts, ocf.WithReaderSchemaFunc(func(file *ocf.Reader) (*avro.Schema, error) {
			if field := missingDefault(&ParsedSchema{parsed: file.Schema()}, reader); field != "" {
				return nil, fmt.Errorf("field %s of %s: %s", field, reader.Name(), noDefault)
			}
			return reader.parsed, nil
		}))
	}
	file, err := ocf.NewReader(r, opts...)
	if err != nil {
		return nil, fmt.Errorf("avro: reading an object container file: %w", err)
	}
	schema := &ParsedSchema{parsed: file.Schema(), text: file.Schema().String()}
	if reader != nil {
		schema = reader
	}
	return &FileReader{reader: file, schema: schema}, nil
}

// Schema returns the schema of the values that Read gives.
func (f *FileReader) Schema() *ParsedSchema { return f.schema }

// Read decodes the next value into a *T whose type fits the schema, or into
// an *any. Nothing of what *into held before is kept or changed in place, and
// on an error it stays as it was. After the last value Read returns io.EOF
// itself; a file that was cut off inside a block never ends that way. Once it
// has met an error it returns the same error again.
func (f *FileReader) Read(into any) error {
	if f.ended != nil {
		return f.ended
	}
	target := reflect.ValueOf(into)
	if target.Kind() != reflect.Pointer || target.IsNil() {
		return fmt.Errorf("avro: reading an object container file into a %T: pass a pointer to a value", into)
	}
	fresh := reflect.New(target.Type().Elem())
	err := f.reader.Decode(fresh.Interface())
	switch {
	case err == nil:
		target.Elem().Set(fresh.Elem())
		f.count++
	case errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		f.ended = io.EOF
	default:
		f.ended = fmt.Errorf("avro: reading record %d of an object container file: %w", f.count+1, err)
	}
	return f.ended
}

// Close releases the reader's buffers; the underlying reader stays open.
func (f *FileReader) Close() error { return f.reader.Close() }

// FileWriter writes values to an object container file. It is not safe for
// concurrent use.
type FileWriter struct {
	writer *ocf.Writer
	schema *ParsedSchema
}

// NewFileWriter writes the header of a container file of schema to w.
func NewFileWriter(w io.Writer, schema *ParsedSchema, compression Compression) (*FileWriter, error) {
	codec, err := compression.codec()
	if err != nil {
		return nil, err
	}
	opts := []ocf.WriterOpt{ocf.WithSchema(schema.standalone())}
	if codec != nil {
		opts = append(opts, codec)
	}
	writer, err := ocf.NewWriter(w, schema.parsed, opts...)
	if err != nil {
		return nil, fmt.Errorf("avro: starting an object container file: %w", err)
	}
	return &FileWriter{writer: writer, schema: schema}, nil
}

// Write appends one value that fits the schema.
func (f *FileWriter) Write(value any) error {
	if err := f.writer.Encode(value); err != nil {
		return fmt.Errorf("avro: writing %s to an object container file: %w", f.schema.Name(), err)
	}
	return nil
}

// Close writes the last block; the underlying writer stays open.
func (f *FileWriter) Close() error {
	if err := f.writer.Close(); err != nil {
		return fmt.Errorf("avro: ending an object container file: %w", err)
	}
	return nil
}

// Plan decodes data of one writer schema in the form of a reader's schema. It
// is safe for concurrent use.
type Plan struct{ plan *avro.Schema }

// Resolve returns the plan for what writer wrote and reader reads. Schemas
// that do not go together are an error that names the field.
func Resolve(writer, reader *ParsedSchema) (*Plan, error) {
	plan, err := resolve(writer, reader)
	if err != nil {
		return nil, err
	}
	return &Plan{plan: plan}, nil
}

// Decode decodes the whole of datum into a pointer to a zero value; on an
// error what it points to is not to be used.
func (p *Plan) Decode(datum []byte, into any) error {
	return decodeAll(p.plan, datum, into)
}
