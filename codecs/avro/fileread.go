package avro

import (
	"errors"
	"fmt"
	"io"
	"reflect"
)

// FileReader reads the values of an object container file in their order. It
// is not safe for concurrent use.
type FileReader struct {
	blocks  *blockReader
	file    *ParsedSchema // what the values were written with
	schema  *ParsedSchema // what Read gives them in
	resolve *Converter    // from the one to the other, nil without a reader's schema
	count   int64
	ended   error // what ended the reading
}

// NewFileReader reads the header of the container file in r. Values are
// resolved to reader's schema, or given as they were written when reader is
// nil. A reader's schema that cannot read the file's is an error, as is a header
// of more than 4 MiB. Without options it reads the whole file and ends at what
// is corrupt.
func NewFileReader(r io.Reader, reader *ParsedSchema, opts ...FileOption) (*FileReader, error) {
	how, err := newFileOptions(opts)
	if err != nil {
		return nil, err
	}
	blocks, text, err := openBlocks(r)
	if err != nil {
		return nil, fmt.Errorf("avro: reading an object container file: %w", err)
	}
	file, err := ParseSchema(text)
	if err != nil {
		return nil, fmt.Errorf("avro: reading an object container file: %w", errors.Join(err, blocks.close()))
	}
	f := &FileReader{blocks: blocks, file: file, schema: file}
	if reader != nil {
		f.schema = reader
		if f.resolve, err = compatibleConverter(file, reader); err != nil {
			return nil, errors.Join(err, blocks.close())
		}
	}
	blocks.most = how.most
	if how.skip {
		blocks.check = file.skim
	}
	if err == nil {
		err = blocks.ranged(how.start, how.end)
	}
	if err != nil {
		return nil, fmt.Errorf("avro: reading an object container file: %w", errors.Join(err, blocks.close()))
	}
	return f, nil
}

// compatibleConverter returns the converter of schemas that go together, whatever
// the data.
func compatibleConverter(writer, reader *ParsedSchema) (*Converter, error) {
	if faults := Compatible(writer, reader); len(faults) > 0 {
		return nil, fmt.Errorf("avro: reading %s with the schema %s: %w", writer.Name(), reader.Name(), allOf(faults))
	}
	return NewConverter(writer, reader)
}

// Schema returns the schema of the values that Read gives.
func (f *FileReader) Schema() *ParsedSchema { return f.schema }

// Skipped counts the blocks that [SkipCorrupt] left out so far; it is zero
// without that option.
func (f *FileReader) Skipped() SkippedBlocks { return f.blocks.skipped }

// Read decodes the next value into a *T whose type fits the schema, or into
// an *any. In an any the value of a union is a map of one entry, from the
// branch's name to the value, unless it is null: so it is written again as the
// branch that it was. Nothing of what *into held before is kept or changed in
// place, and on an error it stays as it was. After the last value Read returns
// io.EOF itself; a file that was cut off inside a block never ends that way.
// Once it has met an error it returns the same error again. An error names the
// number of the value, from 1 and among those that this reader has read, and
// the byte position in the file at which its block begins.
func (f *FileReader) Read(into any) error {
	if f.ended != nil {
		return f.ended
	}
	target := reflect.ValueOf(into)
	if target.Kind() != reflect.Pointer || target.IsNil() {
		return fmt.Errorf("avro: reading an object container file into a %T: pass a pointer to a value", into)
	}
	fresh := reflect.New(target.Type().Elem())
	err := f.next(func(block []byte) (rest []byte, err error) {
		if rest, err = f.file.skim(block); err != nil {
			return nil, err
		}
		datum := block[:len(block)-len(rest)]
		if f.resolve != nil {
			if datum, err = f.resolve.Append(nil, datum); err != nil {
				return rest, err
			}
		}
		return rest, decodeAll(f.schema.parsed, datum, fresh.Interface())
	})
	if err == nil {
		target.Elem().Set(fresh.Elem())
	}
	return err
}

// ReadRaw returns the bytes of the next value, checked to be what the file's
// schema says, for [FileWriter.WriteRaw], [ParsedSchema.JSON] and the like.
// They are as they were written: a reader's schema given to [NewFileReader] is
// not applied. They stay valid. It ends as Read does, and the two may take
// turns.
func (f *FileReader) ReadRaw() (datum []byte, err error) {
	if f.ended != nil {
		return nil, f.ended
	}
	err = f.next(func(block []byte) (rest []byte, err error) {
		if rest, err = f.file.skim(block); err == nil {
			size := len(block) - len(rest)
			datum = block[:size:size]
		}
		return rest, err
	})
	return datum, err
}

// next lets decode take the next value from the bytes of its block.
func (f *FileReader) next(decode func(block []byte) (rest []byte, err error)) error {
	switch err := f.blocks.next(decode); {
	case err == nil:
		f.count++
	case errors.Is(err, io.EOF): // only the end itself does
		f.ended = io.EOF
	default:
		f.ended = fmt.Errorf("avro: reading record %d of an object container file: %w", f.count+1, err)
	}
	return f.ended
}

// Close releases the reader's buffers; the underlying reader stays open.
func (f *FileReader) Close() error { return f.blocks.close() }
