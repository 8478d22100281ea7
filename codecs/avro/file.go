package avro

import (
	"errors"
	"fmt"
	"io"

	"github.com/twmb/avro"
	"github.com/twmb/avro/ocf"
)

// Compression is the codec of an object container file's blocks.
type Compression string

// The compressions of the Avro specification that files are written with.
// Every one of them is read.
const (
	Null      Compression = "null"
	Deflate   Compression = "deflate"
	Snappy    Compression = "snappy"
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
}

// NewFileReader reads the header of the container file in r. Values are
// resolved to reader's schema, or given as they were written when reader is
// nil.
func NewFileReader(r io.Reader, reader *ParsedSchema) (*FileReader, error) {
	var opts []ocf.ReaderOpt
	if reader != nil {
		opts = append(opts, ocf.WithReaderSchema(reader.parsed))
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
// an *any. After the last value it returns io.EOF itself.
func (f *FileReader) Read(into any) error {
	err := f.reader.Decode(into)
	if err == nil {
		f.count++
		return nil
	}
	if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return io.EOF
	}
	return fmt.Errorf("avro: reading record %d of an object container file: %w", f.count+1, err)
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
	opts := []ocf.WriterOpt{ocf.WithSchema(schema.String())}
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

// Decode decodes the whole of datum into a pointer.
func (p *Plan) Decode(datum []byte, into any) error {
	return decodeAll(p.plan, datum, into)
}
