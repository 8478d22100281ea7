package plan

import (
	"math/big"
	"reflect"
	"time"

	"github.com/gokavro/gokavro/codecs/avro/internal/ast"
)

var (
	typeTime     = reflect.TypeFor[time.Time]()
	typeSpan     = reflect.TypeFor[time.Duration]()
	typeRat      = reflect.TypeFor[big.Rat]()
	typeRatPtr   = reflect.TypeFor[*big.Rat]()
	typeAny      = reflect.TypeFor[any]()
	typeAnyMap   = reflect.TypeFor[map[string]any]()
	typeAnySlice = reflect.TypeFor[[]any]()
	typeString   = reflect.TypeFor[string]()
	typeBytes    = reflect.TypeFor[[]byte]()
	typeDuration = reflect.TypeFor[Duration]()
)

// natural returns the Go type that an any holds for a node, nil for null and
// for unions.
func natural(n *ast.Node) reflect.Type {
	f := n.Form()
	switch {
	case f.IsTime():
		return typeTime
	case f == ast.TimeMillis || f == ast.TimeMicros:
		return typeSpan
	case f == ast.Decimal:
		return typeRatPtr
	case f == ast.Duration:
		return typeDuration
	}
	switch n.Kind {
	case ast.Boolean:
		return reflect.TypeFor[bool]()
	case ast.Int:
		return reflect.TypeFor[int32]()
	case ast.Long:
		return reflect.TypeFor[int64]()
	case ast.Float:
		return reflect.TypeFor[float32]()
	case ast.Double:
		return reflect.TypeFor[float64]()
	case ast.Bytes, ast.Fixed:
		return typeBytes
	case ast.String, ast.Enum:
		return typeString
	case ast.Array:
		return typeAnySlice
	case ast.Map, ast.Record:
		return typeAnyMap
	}
	return nil
}

func describe(n *ast.Node) string {
	word := n.Kind.String()
	if n.Kind.Named() {
		word += " " + n.Name
	}
	if n.Form() != ast.Plain {
		word += " (" + n.Logical + ")"
	}
	return word
}
