// Package ast is the tree of an Avro schema: what the parser of twmb/avro has
// found sound, in the form that plans, the compatibility checker and tools
// walk. Named types are shared nodes, so a recursive schema is a cyclic graph.
package ast

import "encoding/json"

// Kind is a type of the Avro specification.
type Kind uint8

// The kinds of the Avro specification, primitive ones first.
const (
	Null Kind = iota
	Boolean
	Int
	Long
	Float
	Double
	Bytes
	String
	Record
	Enum
	Array
	Map
	Union
	Fixed
)

var words = [...]string{
	"null", "boolean", "int", "long", "float", "double", "bytes", "string",
	"record", "enum", "array", "map", "union", "fixed",
}

// String returns the specification's word for the kind.
func (k Kind) String() string { return words[k] }

// Named reports whether types of this kind have a name.
func (k Kind) Named() bool { return k == Record || k == Enum || k == Fixed }

// Node is one type of a schema. It must not be changed.
type Node struct {
	Kind Kind
	// Name is the full name of a named type.
	Name string
	// Aliases are the full names that a named type has had.
	Aliases []string
	Doc     string

	Fields []*Field // of a record

	Symbols []string // of an enum
	// Default is an enum's default symbol, empty without one.
	Default string

	Items    *Node   // of an array, and the values of a map
	Branches []*Node // of a union
	Size     int     // of a fixed, in bytes

	// Logical is the logicalType attribute, empty without one. It is kept as
	// written: one that does not fit the type is to be ignored.
	Logical          string
	Precision, Scale int

	// Extra holds the attributes that the specification does not name.
	Extra map[string]json.RawMessage
}

// Field is a field of a record.
type Field struct {
	Name    string
	Aliases []string
	Doc     string
	Type    *Node
	// Default is the JSON form of the default, nil without one.
	Default json.RawMessage
}

// ShortName returns the name without its namespace.
func (n *Node) ShortName() string { return short(n.Name) }

// Field returns the field of that name, nil without one.
func (n *Node) Field(name string) *Field {
	for _, f := range n.Fields {
		if f.Name == name {
			return f
		}
	}
	return nil
}

// Nullable returns the other branch of a union of null and one other type.
func (n *Node) Nullable() (other *Node, ok bool) {
	if n.Kind != Union || len(n.Branches) != 2 {
		return nil, false
	}
	switch {
	case n.Branches[0].Kind == Null:
		return n.Branches[1], true
	case n.Branches[1].Kind == Null:
		return n.Branches[0], true
	}
	return nil, false
}

// NullBranch returns the index of a union's null, -1 without one.
func (n *Node) NullBranch() int {
	for i, b := range n.Branches {
		if b.Kind == Null {
			return i
		}
	}
	return -1
}

// TypeName returns a named type's full name, and the kind's word otherwise: the
// name of a union's branch in Avro's JSON encoding.
func (n *Node) TypeName() string {
	if n.Kind.Named() {
		return n.Name
	}
	return n.Kind.String()
}
