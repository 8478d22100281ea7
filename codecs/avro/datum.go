package avro

import (
	"fmt"

	"github.com/gokavro/gokavro/codecs/avro/internal/ast"
	"github.com/gokavro/gokavro/codecs/avro/internal/datum"
)

// DatumError tells what is wrong with the bytes of a datum or with its text in
// JSON, by the dotted path of the field and the byte. It is the cause in the
// errors of [ParsedSchema.Validate], [ParsedSchema.JSON], [Converter],
// [JSONForm] and [Generator].
type DatumError = datum.Error

// tree returns the schema as a tree, the same one each time.
func (s *ParsedSchema) tree() (*ast.Node, error) {
	s.once.Do(func() {
		root, err := ast.Parse(s.Standalone())
		if err != nil {
			s.treeErr = fmt.Errorf("avro: reading the schema of %s: %w", s.Name(), err)
			return
		}
		s.root, s.data = root, datum.New(root, datum.Limits{})
	})
	return s.root, s.treeErr
}

// walkable returns the tree made ready to walk data of the schema.
func (s *ParsedSchema) walkable() (*datum.Schema, error) {
	_, err := s.tree()
	return s.data, err
}

// skim checks the datum that src begins with and returns what is behind it.
func (s *ParsedSchema) skim(src []byte) (rest []byte, err error) {
	data, err := s.walkable()
	if err != nil {
		return nil, err
	}
	n, err := data.Skim(src)
	if err != nil {
		return nil, fmt.Errorf("avro: decoding: %w", err)
	}
	return src[n:], nil
}

// Validate says why datum is not exactly one datum of the schema, nil when it
// is. Nothing is decoded: it reserves no memory. A datum may nest 500 records,
// arrays and maps, and hold 10^6 items that take no bytes.
func (s *ParsedSchema) Validate(datum []byte) error {
	data, err := s.walkable()
	if err != nil {
		return err
	}
	if err := data.Walk(datum); err != nil {
		return fmt.Errorf("avro: decoding: %w", err)
	}
	return nil
}

// JSON returns what [ParsedSchema.Validate] takes as JSON: unions without
// wrappers, bytes as Avro's JSON encoding writes them, dates and times as their
// numbers, NaN and the infinities as text. Text that is not UTF-8 is an error,
// and so is JSON of more than 8 MiB and 8 bytes for each of the datum's.
func (s *ParsedSchema) JSON(data []byte) ([]byte, error) {
	walkable, err := s.walkable()
	if err != nil {
		return nil, err
	}
	text, err := walkable.AppendJSON(make([]byte, 0, 2*len(data)), data, datum.Plain)
	if err != nil {
		return nil, fmt.Errorf("avro: decoding: %w", err)
	}
	return text, nil
}

// FieldText returns the value of a record's field as a key holds it: text,
// bytes, a fixed and an enum's symbol as they are, a number as the one that
// Avro holds, in decimal, true or false, and nil for null. Of a union it is
// the value's. It is the caller's own memory. Other types, text that is not
// UTF-8 and a field that is not there are an error. Nothing behind the field is
// looked at.
func (s *ParsedSchema) FieldText(datum []byte, field string) ([]byte, error) {
	data, err := s.walkable()
	if err != nil {
		return nil, err
	}
	text, err := data.FieldText(datum, field)
	if err != nil {
		return nil, fmt.Errorf("avro: reading %s of %s: %w", field, s.Name(), err)
	}
	return text, nil
}
