package gen

import (
	"fmt"

	"github.com/gokavro/gokavro/codecs/avro/internal/ast"
)

// goType returns the Go type that a node has as a field of the record in, or
// inside one.
func (w *writer) goType(n *ast.Node, in *ast.Node) string {
	if logical := w.logical(n); logical != "" {
		return logical
	}
	switch n.Kind {
	case ast.Boolean:
		return "bool"
	case ast.Int:
		return "int32"
	case ast.Long:
		return "int64"
	case ast.Float:
		return "float32"
	case ast.Double:
		return "float64"
	case ast.Bytes:
		return "[]byte"
	case ast.String:
		return "string"
	case ast.Fixed:
		return fmt.Sprintf("[%d]byte", n.Size)
	case ast.Enum:
		return w.names.types[n.Name]
	case ast.Record:
		if contains(n, in, map[*ast.Node]bool{}) {
			return "*" + w.names.types[n.Name]
		}
		return w.names.types[n.Name]
	case ast.Array:
		return "[]" + w.element(n.Items)
	case ast.Map:
		return "map[string]" + w.element(n.Items)
	case ast.Union:
		return w.union(n, in)
	}
	return "any"
}

// element returns the type of what a slice, map or pointer leads to, where a
// record may hold itself.
func (w *writer) element(n *ast.Node) string { return w.goType(n, nil) }

// union gives a nullable type nil: a slice, a map and a decimal's pointer have
// it, all others become pointers.
func (w *writer) union(n *ast.Node, in *ast.Node) string {
	if len(n.Branches) == 1 && n.Branches[0].Kind != ast.Null {
		return w.goType(n.Branches[0], in)
	}
	other, ok := n.Nullable()
	if !ok || other.Kind == ast.Null {
		return "any"
	}
	inner := w.element(other)
	if inner[0] == '*' || other.Kind == ast.Array || other.Kind == ast.Map || inner == "[]byte" {
		return inner
	}
	return "*" + inner
}

// contains reports whether a value of n holds one of target by value, which Go
// does not allow for target itself.
func contains(n, target *ast.Node, visited map[*ast.Node]bool) bool {
	if n == target {
		return true
	}
	if target == nil || visited[n] {
		return false
	}
	visited[n] = true
	if n.Kind == ast.Union && len(n.Branches) == 1 {
		return contains(n.Branches[0], target, visited)
	}
	for _, f := range n.Fields {
		if contains(f.Type, target, visited) {
			return true
		}
	}
	return false
}

// logical returns the Go type of a logical type, empty where there is none or
// where it does not fit its type and is to be ignored.
func (w *writer) logical(n *ast.Node) string {
	switch f := n.Form(); {
	case f == ast.Decimal:
		w.imports[pathBig] = true
		return "*big.Rat"
	case f == ast.UUID && n.Kind == ast.Fixed:
		return "string"
	case f.IsTime():
		w.imports[pathTime] = true
		return "time.Time"
	case f == ast.TimeMillis || f == ast.TimeMicros:
		w.imports[pathTime] = true
		return "time.Duration"
	}
	return ""
}
