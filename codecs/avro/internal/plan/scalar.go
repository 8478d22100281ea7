package plan

import (
	"encoding"
	"reflect"

	"github.com/gokavro/gokavro/codecs/avro/internal/ast"
	"github.com/gokavro/gokavro/codecs/avro/internal/resolve"
)

// integer is how a Go integer type is stored.
type integer struct {
	bits   uint8
	signed bool
	narrow bool // Avro's type is an int
}

func integerOf(t reflect.Type) (integer, bool) {
	switch t.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return integer{bits: uint8(t.Bits()), signed: true}, true
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return integer{bits: uint8(t.Bits())}, true
	}
	return integer{}, false
}

// fits reports whether v is in the type's range.
func (i integer) fits(v int64) bool {
	if i.signed {
		v >>= i.bits - 1
		return v == 0 || v == -1
	}
	return v >= 0 && (i.bits == 64 || v>>i.bits == 0)
}

var (
	typeTextMarshaler   = reflect.TypeFor[encoding.TextMarshaler]()
	typeTextUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
)

func readsText(t reflect.Type) bool { return reflect.PointerTo(t).Implements(typeTextUnmarshaler) }

func writesText(t reflect.Type) bool { return reflect.PointerTo(t).Implements(typeTextMarshaler) }

// readBy has the operation that reads what fits in one way alone.
var readBy = [fits]opcode{
	fitBool: opBool, fitTime: opTime, fitSpan: opSpan, fitString: opString, fitText: opText, fitBytes: opBytes, fitArray: opFixed,
	fitRat: opRat, fitDecimal: opDecimal64, fitUUIDString: opUUIDString, fitUUIDText: opUUIDText, fitDuration: opDuration,
}

// scalar compiles what is no record, array, map or union.
func (b *place) scalar(a *resolve.Action, t reflect.Type) {
	n := a.Reader
	x := detail{
		typ: t, form: n.Form(), scale: n.Scale, digits: n.Precision,
		pointer: reflect.Zero(reflect.PointerTo(t)).Interface(),
	}
	x.integer, _ = integerOf(t)
	x.integer.narrow = a.Writer.Kind == ast.Int
	how := fitOf(n, t, readsText(t))
	code := readBy[how]
	switch {
	case how == unfit:
		b.mismatch(a, t)
		return
	case how == fitInteger:
		code = x.integer.read()
	case how == fitFloat:
		x.bits = uint64(t.Bits())
		code = readFloat(a, x.bits)
	case x.form == ast.Date && how == fitTime:
		code = opDate
	case n.Kind == ast.Enum:
		x.symbols, x.index = n.Symbols, a.Symbols
		code = readEnum(how)
	case how == fitRat:
		x.fractions = fractionsOf(n.Scale)
	case n.Kind == ast.String:
		x.bits = 1
	case n.Kind == ast.Fixed && how == fitBytes:
		code = opFixedBytes
	}
	o := b.emit(code, x)
	if n.Kind == ast.Fixed {
		o.size, o.null = uintptr(max(n.Size, 0)), 1
	}
}

// read returns the operation that reads an int or long.
func (i integer) read() opcode {
	switch {
	case i.signed && i.bits == 64 && i.narrow:
		return opInt64
	case i.signed && i.bits == 64:
		return opLong64
	case i.signed && i.bits == 32 && i.narrow:
		return opInt32
	}
	return opInteger
}

// readFloat returns the operation for a float or double of so many bits in Go,
// which an int, long or float may have been written for. A float32 in Go
// rounds a double.
func readFloat(a *resolve.Action, bits uint64) opcode {
	switch {
	case a.Writer.Kind == ast.Double && bits == 64:
		return opDouble
	case a.Writer.Kind == ast.Double:
		return opDoubleTo32
	case a.Writer.Kind == ast.Float && bits == 64:
		return opFloatFrom64
	case a.Writer.Kind == ast.Float:
		return opFloat
	case a.Reader.Kind == ast.Float:
		return opFloatFromInt
	}
	return opDoubleFromInt
}

func readEnum(how fit) opcode {
	if how == fitText {
		return opEnumText
	}
	return opEnum
}
