package avro

import (
	"context"

	"github.com/gokavro/gokavro/codecs/avro/internal/ast"
	"github.com/gokavro/gokavro/codecs/avro/internal/compat"
	"github.com/gokavro/gokavro/codecs/avro/internal/gen"
)

// SchemaCodec is what [Typed], [Generic], [Records] and each case of [OneOf] are
// to a schema registry.
type SchemaCodec interface {
	// Schema returns the codec's schema, nil when its declaration has a fault.
	Schema() *ParsedSchema
	// Subject returns the registry subject that the schema is under, empty for a
	// codec that needs no registry or is not bound to a topic.
	Subject() string
	// Prepare finds out how messages name the schema, and registers it where that
	// is allowed.
	Prepare(ctx context.Context) error
	// Reads returns why the codec cannot read what writer wrote; nothing means
	// that it can.
	Reads(writer *ParsedSchema) []Incompatibility
}

// member is a case as a part of the whole.
type member struct {
	oneCase
	whole func(writer *ParsedSchema) []Incompatibility
}

func (m *member) Reads(writer *ParsedSchema) []Incompatibility { return m.whole(writer) }

// Reads returns all reasons why the codec cannot read what writer wrote, a record
// of one of the cases or a union of such records.
func (c *OneOfCodec[T]) Reads(writer *ParsedSchema) []Incompatibility {
	if c.err != nil {
		return []Incompatibility{{Message: c.err.Error()}}
	}
	root, err := writer.tree()
	if err != nil {
		return []Incompatibility{{Message: err.Error()}}
	}
	if root.Kind != ast.Union {
		return c.cases.reads(writer)
	}
	var faults []Incompatibility
	for _, branch := range root.Branches {
		record, err := ParseSchema(gen.Text(branch))
		if err != nil {
			return []Incompatibility{{Message: err.Error()}}
		}
		faults = append(faults, c.cases.reads(record)...)
	}
	return faults
}

// reads is Reads for what is no union.
func (s *caseSet) reads(writer *ParsedSchema) []Incompatibility {
	i := s.at(writer.Name())
	if i < 0 {
		return []Incompatibility{{Kind: compat.NameMismatch, Message: noCase(writer.Name())}}
	}
	return s.list[i].Reads(writer)
}

func noCase(name string) string {
	return "no case reads the record " + name + ": add an avro.Case for it"
}
