package avro

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/twmb/avro"

	"github.com/gokavro/gokavro/codecs/avro/internal/ast"
	"github.com/gokavro/gokavro/codecs/avro/internal/datum"
)

// ParsedSchema is an Avro schema that was parsed and found to be sound. It is
// immutable and safe for concurrent use.
type ParsedSchema struct {
	text   string
	parsed *avro.Schema
	refers bool // text uses types of other schemas
	uses   []*linked

	once    sync.Once // guards what follows
	root    *ast.Node
	data    *datum.Schema
	treeErr error
}

// ParseSchema parses an Avro schema in its JSON form. Each of refs is the text
// of a schema whose named types the schema may use; they are parsed in the
// order given, so a schema comes after those it refers to. A text of more than
// 512 KiB is refused; a name on a type that has none is ignored, as schemas
// in registries carry it.
func ParseSchema(text string, refs ...string) (*ParsedSchema, error) {
	parsed, err := parseTexts(text, refs)
	if err != nil {
		return nil, err
	}
	return &ParsedSchema{text: text, parsed: parsed, refers: len(refs) > 0}, nil
}

// String returns the schema's text as it was given.
func (s *ParsedSchema) String() string { return s.text }

// Standalone returns the text with the types of other schemas in it, where it
// refers to some, and [ParsedSchema.String] otherwise. It parses without them.
func (s *ParsedSchema) Standalone() string {
	if s.refers {
		return s.parsed.String()
	}
	return s.text
}

// Canonical returns the Parsing Canonical Form of the Avro specification.
func (s *ParsedSchema) Canonical() string { return string(s.parsed.Canonical()) }

// Fingerprint returns the CRC-64-AVRO fingerprint of the canonical form in
// lower-case hex, in the byte order of the single-object encoding.
func (s *ParsedSchema) Fingerprint() string {
	fingerprint := s.ref().Fingerprint
	return hex.EncodeToString(fingerprint[:])
}

// ref returns the name of the schema in the single-object encoding.
func (s *ParsedSchema) ref() SchemaRef {
	ref := SchemaRef{Wire: SingleObject}
	// The hash gives the fingerprint big endian; single-object encoding
	// writes it little endian.
	copy(ref.Fingerprint[:], s.parsed.Fingerprint(avro.NewRabin()))
	slices.Reverse(ref.Fingerprint[:])
	return ref
}

// Name returns the full name of a record, enum or fixed, and the type's word
// for every other schema.
func (s *ParsedSchema) Name() string {
	root := s.parsed.Root()
	if root.Name == "" {
		return root.Type
	}
	if root.Namespace == "" || strings.Contains(root.Name, ".") {
		return root.Name
	}
	return root.Namespace + "." + root.Name
}

// isRecord tells a record, also one without fields, from other types.
func (s *ParsedSchema) isRecord() bool {
	kind := s.parsed.Root().Type
	return kind == "record" || kind == "error"
}

// Fields returns the names of a record's fields in their order, nil for a
// schema that is not a record.
func (s *ParsedSchema) Fields() []string {
	root := s.parsed.Root()
	names := make([]string, 0, len(root.Fields))
	for i := range root.Fields {
		names = append(names, root.Fields[i].Name)
	}
	return names
}

// ValueJSON returns value, which a [FileReader] of this schema decoded, as
// JSON in the form of [ParsedSchema.JSON].
func (s *ParsedSchema) ValueJSON(value any) ([]byte, error) {
	text, err := s.parsed.EncodeJSON(value)
	if err != nil {
		return nil, fmt.Errorf("avro: writing %s as JSON: %w", s.Name(), err)
	}
	return text, nil
}

// Append appends the binary encoding of value, a Go struct, map or scalar
// that fits the schema.
func (s *ParsedSchema) Append(dst []byte, value any) ([]byte, error) {
	out, err := s.parsed.AppendEncode(dst, value)
	if err != nil {
		return dst, fmt.Errorf("avro: encoding %s: %w", s.Name(), err)
	}
	return out, nil
}

// decodeAll decodes datum and refuses bytes after its end. In an any a union's
// value comes with the name of its branch, without which it could be encoded
// as another branch.
func decodeAll(plan *avro.Schema, datum []byte, into any) error {
	rest, err := plan.Decode(datum, into, avro.TaggedUnions())
	if err != nil {
		return fmt.Errorf("avro: decoding: %w", err)
	}
	if len(rest) > 0 {
		return fmt.Errorf("avro: decoding: %d bytes are left after the end of the datum", len(rest))
	}
	return nil
}
