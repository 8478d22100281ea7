package plan

import (
	"reflect"

	"github.com/gokavro/gokavro/codecs/avro/internal/ast"
)

// writtenBy has the operation that writes what fits in one way alone.
var writtenBy = [fits]encodeCode{
	fitBool: encodeBool, fitTime: encodeTime, fitSpan: encodeSpan, fitString: encodeString, fitText: encodeText, fitBytes: encodeBytes,
	fitArray: encodeFixed, fitRat: encodeRat, fitDecimal: encodeDecimal64, fitUUIDString: encodeUUIDString,
	fitUUIDText: encodeUUIDText, fitDuration: encodeDuration,
}

// scalar compiles what is no record, array, map or union.
func (s *source) scalar(n *ast.Node, t reflect.Type) {
	x := encodeDetail{
		form: n.Form(), node: n, scale: n.Scale, digits: n.Precision, utf8: n.Kind == ast.String,
		pointer: reflect.Zero(reflect.PointerTo(t)).Interface(),
	}
	x.integer, _ = integerOf(t)
	x.integer.narrow = n.Kind == ast.Int
	how := fitOf(n, t, writesText(t))
	code := writtenBy[how]
	switch {
	case how == unfit:
		s.mismatch(n, t)
		return
	case how == fitInteger:
		code = x.integer.write()
	case how == fitFloat:
		code = writeFloat(n, t)
	case n.Kind == ast.Enum:
		x.symbols, x.position = n.Symbols, positions(n.Symbols)
		code = writeEnum(how)
	case n.Kind == ast.Fixed && how == fitBytes:
		code = encodeFixedBytes
	}
	o := s.emit(code, x)
	switch {
	case n.Kind == ast.Fixed:
		o.size, o.index = uintptr(max(n.Size, 0)), 1
	case how == fitDecimal:
		o.boundDecimal()
	}
}

// boundDecimal makes the operation a direct one where all of its decimals fit
// 64 bits.
func (o *encodeOp) boundDecimal() {
	if limit := limitOf(o.x.digits); limit > 0 && o.x.integer.signed && o.x.integer.bits == 64 {
		// A negative limit is not within the digits, though its complement is
		// below the limit, so the bound is one less than the limit for both.
		o.code, o.size = encodeDecimal, uintptr(limit-1)
	}
}

// write returns the operation that writes an int or long.
func (i integer) write() encodeCode {
	switch {
	case i.signed && i.bits == 64 && !i.narrow:
		return encodeInt64
	case i.signed && i.bits == 32:
		return encodeInt32
	}
	return encodeInteger
}

func writeFloat(n *ast.Node, t reflect.Type) encodeCode {
	wide := t.Kind() == reflect.Float64
	switch {
	case wide && n.Kind == ast.Double:
		return encodeDouble
	case wide:
		return encodeFloatFrom64
	case n.Kind == ast.Double:
		return encodeDoubleFrom32
	}
	return encodeFloat
}

func writeEnum(how fit) encodeCode {
	if how == fitText {
		return encodeEnumText
	}
	return encodeEnum
}

// positions returns where symbols are, nil where comparing them is as good.
func positions(symbols []string) map[string]int {
	if len(symbols) <= fewSymbols {
		return nil
	}
	at := make(map[string]int, len(symbols))
	for i, symbol := range symbols {
		at[symbol] = i
	}
	return at
}
