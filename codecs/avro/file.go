package avro

import (
	"fmt"
	"io"

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

// FileWriter writes values to an object container file. It is not safe for
// concurrent use.
type FileWriter struct {
	writer *ocf.Writer
	schema *ParsedSchema
}

// NewFileWriter writes the header of a container file of schema to w.
func NewFileWriter(w io.Writer, schema *ParsedSchema, compression Compression) (*FileWriter, error) {
	return startFile(w, schema, compression)
}

func startFile(w io.Writer, schema *ParsedSchema, compression Compression, opts ...ocf.WriterOpt) (*FileWriter, error) {
	codec, err := compression.codec()
	if err != nil {
		return nil, err
	}
	opts = append(opts, ocf.WithSchema(schema.Standalone()))
	if codec != nil {
		opts = append(opts, codec)
	}
	writer, err := ocf.NewWriter(w, schema.parsed, opts...)
	if err != nil {
		return nil, fmt.Errorf("avro: starting an object container file: %w", err)
	}
	return &FileWriter{writer: writer, schema: schema}, nil
}

// Schema returns the schema of the values that the file takes.
func (f *FileWriter) Schema() *ParsedSchema { return f.schema }

// Write appends one value that fits the schema.
func (f *FileWriter) Write(value any) error {
	if err := f.writer.Encode(value); err != nil {
		return fmt.Errorf("avro: writing %s to an object container file: %w", f.schema.Name(), err)
	}
	return nil
}

// WriteRaw appends one value that is encoded already. What is not exactly one
// value of the schema is refused.
func (f *FileWriter) WriteRaw(datum []byte) error {
	err := f.schema.Validate(datum)
	if err == nil {
		_, err = f.writer.Write(datum)
	}
	if err != nil {
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
