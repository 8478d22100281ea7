package plan

import (
	"reflect"

	"github.com/gokavro/gokavro/codecs/avro/internal/ast"
)

// fit is how a Go type holds what is no record, array, map or union.
type fit uint8

const (
	unfit fit = iota
	fitBool
	fitInteger
	fitFloat
	fitTime
	fitSpan
	fitString
	fitText // by the type's own methods
	fitBytes
	fitArray
	fitRat
	fitDecimal    // a scaled integer
	fitUUIDString // of a fixed
	fitUUIDText   // an array of a string
	fitDuration
	fits // how many there are
)

func (f fit) when(holds bool) fit {
	if holds {
		return f
	}
	return unfit
}

// fitOf finds out how type t holds a node. Whether its own methods take texts
// differs between reading and writing.
func fitOf(n *ast.Node, t reflect.Type, text bool) fit {
	switch n.Kind {
	case ast.Boolean:
		return fitBool.when(t.Kind() == reflect.Bool)
	case ast.Int, ast.Long:
		return integerFit(n.Form(), t)
	case ast.Float, ast.Double:
		return fitFloat.when(t.Kind() == reflect.Float32 || t.Kind() == reflect.Float64)
	case ast.Enum, ast.String:
		return textFit(n, t, text)
	case ast.Bytes, ast.Fixed:
		return binaryFit(n, t)
	}
	return unfit
}

func integerFit(f ast.Form, t reflect.Type) fit {
	_, number := integerOf(t)
	switch {
	case f.IsTime() && isTimeType(t):
		return fitTime
	case t == typeSpan && (f == ast.TimeMillis || f == ast.TimeMicros):
		return fitSpan
	}
	return fitInteger.when(number && (t != typeSpan || f == ast.Plain))
}

func textFit(n *ast.Node, t reflect.Type, text bool) fit {
	switch {
	case text:
		return fitText
	case t.Kind() == reflect.String:
		return fitString
	case n.Kind == ast.Enum:
		return unfit
	case isByteSlice(t):
		return fitBytes
	}
	return fitUUIDText.when(n.Form() == ast.UUID && isByteArray(t, 16))
}

func binaryFit(n *ast.Node, t reflect.Type) fit {
	f, fixed := n.Form(), n.Kind == ast.Fixed
	_, number := integerOf(t)
	switch {
	case f == ast.Decimal && t.ConvertibleTo(typeRat):
		return fitRat
	case f == ast.Decimal && number && t != typeSpan:
		return fitDecimal
	case f == ast.UUID && t.Kind() == reflect.String:
		return fitUUIDString
	case f == ast.Duration && isSpan3(t):
		return fitDuration
	case fixed && isByteArray(t, max(n.Size, 0)):
		return fitArray
	}
	return fitBytes.when(isByteSlice(t) || !fixed && t.Kind() == reflect.String)
}

// isSpan3 reports whether t has the shape of a duration: three uint32 fields.
func isSpan3(t reflect.Type) bool {
	if t.Kind() != reflect.Struct || t.NumField() != 3 {
		return false
	}
	for i := range 3 {
		if t.Field(i).Type.Kind() != reflect.Uint32 {
			return false
		}
	}
	return true
}

func isByteArray(t reflect.Type, size int) bool {
	return t.Kind() == reflect.Array && t.Elem().Kind() == reflect.Uint8 && t.Len() == size
}

func isByteSlice(t reflect.Type) bool {
	return t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8
}

// isTimeType reports whether t is time.Time itself; named types of it have
// none of its methods but the same memory, so they count too.
func isTimeType(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && t.ConvertibleTo(typeTime)
}
