package plan

import (
	"reflect"

	"github.com/gokavro/gokavro/codecs/avro/internal/ast"
)

// scalar compiles what is no record, array, map or union.
func (s *source) scalar(n *ast.Node, t reflect.Type) bool {
	switch n.Kind {
	case ast.Boolean:
		return s.when(t.Kind() == reflect.Bool, encodeBool, encodeDetail{})
	case ast.Int, ast.Long:
		return s.integer(n, t)
	case ast.Float, ast.Double:
		return s.floating(n, t)
	case ast.Enum:
		return s.enum(n, t)
	case ast.String:
		return s.text(n, t)
	}
	return s.binary(n, t)
}

func (s *source) when(fits bool, code encodeCode, x encodeDetail) bool {
	if fits {
		s.emit(code, x)
	}
	return fits
}

func (s *source) integer(n *ast.Node, t reflect.Type) bool {
	f := formOf(n)
	x := encodeDetail{form: f, node: n}
	switch {
	case f.isTime() && isTimeType(t):
		return s.when(true, encodeTime, x)
	case (f == timeMillis || f == timeMicros) && t == typeSpan:
		return s.when(true, encodeSpan, x)
	case t == typeSpan && f != plain:
		return false
	}
	number, ok := integerOf(t)
	number.narrow = n.Kind == ast.Int
	x.integer = number
	switch {
	case !ok:
		return false
	case number.signed && number.bits == 64 && !number.narrow:
		return s.when(true, encodeInt64, x)
	case number.signed && number.bits == 32:
		return s.when(true, encodeInt32, x)
	}
	return s.when(true, encodeInteger, x)
}

func (s *source) floating(n *ast.Node, t reflect.Type) bool {
	wide, narrow := t.Kind() == reflect.Float64, t.Kind() == reflect.Float32
	switch {
	case wide && n.Kind == ast.Double:
		s.emit(encodeDouble, encodeDetail{})
	case wide:
		s.emit(encodeFloatFrom64, encodeDetail{})
	case narrow && n.Kind == ast.Double:
		s.emit(encodeDoubleFrom32, encodeDetail{})
	case narrow:
		s.emit(encodeFloat, encodeDetail{})
	}
	return wide || narrow
}

func writesText(t reflect.Type) bool { return reflect.PointerTo(t).Implements(typeTextMarshaler) }

func (s *source) enum(n *ast.Node, t reflect.Type) bool {
	x := encodeDetail{symbols: n.Symbols, node: n, pointer: reflect.Zero(reflect.PointerTo(t)).Interface()}
	if len(n.Symbols) > fewSymbols {
		x.position = make(map[string]int, len(n.Symbols))
		for i, symbol := range n.Symbols {
			x.position[symbol] = i
		}
	}
	if writesText(t) {
		return s.when(true, encodeEnumText, x)
	}
	return s.when(t.Kind() == reflect.String, encodeEnum, x)
}

func (s *source) text(n *ast.Node, t reflect.Type) bool {
	x := encodeDetail{pointer: reflect.Zero(reflect.PointerTo(t)).Interface(), utf8: true}
	switch {
	case writesText(t):
		return s.when(true, encodeText, x)
	case t.Kind() == reflect.String:
		return s.when(true, encodeString, x)
	case isByteSlice(t):
		return s.when(true, encodeBytes, x)
	}
	return s.when(formOf(n) == uuid && isByteArray(t, 16), encodeUUIDText, x)
}

func (s *source) binary(n *ast.Node, t reflect.Type) bool {
	fixed, size := n.Kind == ast.Fixed, max(n.Size, 0)
	x := encodeDetail{form: formOf(n), node: n, scale: n.Scale, digits: n.Precision}
	number, isNumber := integerOf(t)
	x.integer = number
	var code encodeCode
	switch {
	case x.form == decimal && t.ConvertibleTo(typeRat):
		code = encodeRat
	case x.form == decimal && isNumber && t != typeSpan:
		code = encodeDecimal64
	case x.form == uuid && t.Kind() == reflect.String:
		code = encodeUUIDString
	case x.form == duration && isSpan3(t):
		code = encodeDuration
	case fixed && isByteArray(t, size):
		code = encodeFixed
	case fixed && isByteSlice(t):
		code = encodeFixedBytes
	case !fixed && (isByteSlice(t) || t.Kind() == reflect.String):
		code = encodeBytes
	default:
		return false
	}
	o := s.emit(code, x)
	o.size = uintptr(size)
	switch limit := limitOf(n.Precision); {
	case fixed:
		o.index = 1
	case code == encodeDecimal64 && limit > 0 && number.signed && number.bits == 64:
		// A negative limit is not within the digits, though its complement is
		// below the limit, so the bound is one less than the limit for both.
		o.code, o.size = encodeDecimal, uintptr(limit-1)
	}
	return true
}
