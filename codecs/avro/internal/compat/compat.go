// Package compat tells whether a reader's schema can read what a writer's
// schema wrote, with the verdicts of Java's SchemaCompatibility (Avro 1.12),
// which are those of the schema registries:
//
//   - records, enums and fixed types match by their names without namespace, or
//     by an alias of the reader's that is the writer's full name;
//   - a reader's union fits when any of its branches does, a writer's when all
//     of its branches do;
//   - a field that is not written needs a default of its own: neither a union
//     with null nor an enum's default symbol stands in for one;
//   - an enum's default symbol stands in for symbols that the reader lacks;
//   - logical types, and with them precision and scale, are not compared.
//
// # Where it differs from Java
//
// Java remembers a verdict that rests on a pair still being compared, and keeps
// it when that pair turns out not to fit. Here such a verdict falls with the
// pair, whatever the order. It takes two recursive types and a union that finds
// another branch for one of them to see the difference. A reader's field that
// several fields of the writer match is a fault here and an exception there.
//
// # Cost
//
// Each pair of types is compared once. A check whose pairs multiply beyond what
// real schemas need (about a quarter of a million) is given up with the one
// fault TooLarge. Nothing here recurses, so cyclic and deep schemas are safe.
package compat

import "github.com/gokavro/gokavro/codecs/avro/internal/ast"

// The kinds of faults: Java's words, and two of our own.
const (
	// NameMismatch says that two named types have different names.
	NameMismatch = "NAME_MISMATCH"
	// FixedSizeMismatch says that two fixed types have different sizes.
	FixedSizeMismatch = "FIXED_SIZE_MISMATCH"
	// MissingEnumSymbols says that the reader lacks symbols of the writer, and a
	// default symbol for them.
	MissingEnumSymbols = "MISSING_ENUM_SYMBOLS"
	// MissingDefault says that the reader has a field without a default that the
	// writer does not write.
	MissingDefault = "READER_FIELD_MISSING_DEFAULT_VALUE"
	// TypeMismatch says that the writer's type cannot be read as the reader's.
	TypeMismatch = "TYPE_MISMATCH"
	// MissingUnionBranch says that no branch of the reader's union can read the
	// writer's type.
	MissingUnionBranch = "MISSING_UNION_BRANCH"
	// AmbiguousField says that the name and aliases of the reader's field match
	// several fields of the writer. Java throws an exception instead.
	AmbiguousField = "READER_FIELD_AMBIGUOUS"
	// TooLarge says that the comparison, or the list of faults, was cut off.
	TooLarge = "TOO_LARGE"
)

// Fault is one reason why a reader's schema cannot read what a writer's wrote.
type Fault struct {
	// Path leads to the place in the reader's schema, empty for the top: names
	// of fields with dots between them, [] for the items of an array, {} for the
	// values of a map, and the name (without namespace) of a branch where the
	// writer has a union. A very long one starts with an ellipsis.
	Path string
	// Kind is one of the constants of this package.
	Kind string
	// Message is for people: what differs, and what to do about it.
	Message string
}

// String returns the path and the message.
func (f Fault) String() string {
	if f.Path == "" {
		return f.Message
	}
	return f.Path + ": " + f.Message
}

// Check returns all reasons why reader cannot read what writer wrote, in the
// order of the reader's schema; none means that it can. What two types have
// against each other is told once, at the first place where they meet. The
// advice in the messages takes the reader's schema for the one to change.
// Neither schema may be nil.
func Check(writer, reader *ast.Node) []Fault {
	return check(writer, reader, mendReader)
}

func check(writer, reader *ast.Node, mend side) []Fault {
	c := newComparison(limitWork)
	root := c.compare(writer, reader)
	if c.overdrawn() {
		return []Fault{{Kind: TooLarge, Message: "the two schemas have too many pairs of types to compare; use fewer or smaller unions and recursive types"}}
	}
	return report(root, mend)
}
