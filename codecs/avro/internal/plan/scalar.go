package plan

import (
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

// scalar compiles a primitive or fixed type.
func (b *place) scalar(a *resolve.Action, t reflect.Type) {
	var done bool
	switch a.Reader.Kind {
	case ast.Boolean:
		done = b.when(t.Kind() == reflect.Bool, opBool, detail{})
	case ast.Int, ast.Long:
		done = b.integer(a, t)
	case ast.Float, ast.Double:
		done = b.floating(a, t)
	case ast.String:
		done = b.text(a, t)
	case ast.Bytes, ast.Fixed:
		done = b.binary(a, t)
	}
	if !done {
		b.mismatch(a, t)
	}
}

// when adds an operation where the type fits.
func (b *place) when(fits bool, code opcode, x detail) bool {
	if fits {
		b.emit(code, x)
	}
	return fits
}

func (b *place) integer(a *resolve.Action, t reflect.Type) bool {
	f := formOf(a.Reader)
	narrow := a.Writer.Kind == ast.Int
	x := detail{form: f, integer: integer{narrow: narrow}, typ: t}
	switch {
	case f == date && isTimeType(t):
		return b.when(true, opDate, x)
	case f.isTime() && isTimeType(t):
		return b.when(true, opTime, x)
	case (f == timeMillis || f == timeMicros) && t == typeSpan:
		return b.when(true, opSpan, x)
	case t == typeSpan && f != plain:
		return false
	}
	number, ok := integerOf(t)
	number.narrow = narrow
	x.integer = number
	switch {
	case !ok:
		return false
	case number.signed && number.bits == 64 && narrow:
		return b.when(true, opInt64, x)
	case number.signed && number.bits == 64:
		return b.when(true, opLong64, x)
	case number.signed && number.bits == 32 && narrow:
		return b.when(true, opInt32, x)
	}
	return b.when(true, opInteger, x)
}

// floating compiles a float or double, which an int, long or float may have
// been written for. A float32 in Go rounds a double.
func (b *place) floating(a *resolve.Action, t reflect.Type) bool {
	wide := t.Kind() == reflect.Float64
	if !wide && t.Kind() != reflect.Float32 {
		return false
	}
	x := detail{integer: integer{narrow: a.Writer.Kind == ast.Int}, bits: 32}
	if wide {
		x.bits = 64
	}
	switch {
	case a.Writer.Kind == ast.Double && wide:
		b.emit(opDouble, x)
	case a.Writer.Kind == ast.Double:
		b.emit(opDoubleTo32, x)
	case a.Writer.Kind == ast.Float && wide:
		b.emit(opFloatFrom64, x)
	case a.Writer.Kind == ast.Float:
		b.emit(opFloat, x)
	case a.Reader.Kind == ast.Float:
		b.emit(opFloatFromInt, x)
	default:
		b.emit(opDoubleFromInt, x)
	}
	return true
}

// text compiles a string, which bytes may have been written for.
func (b *place) text(a *resolve.Action, t reflect.Type) bool {
	x := detail{typ: t, pointer: reflect.Zero(reflect.PointerTo(t)).Interface(), bits: 1}
	switch {
	case readsText(t):
		b.emit(opText, x)
	case t.Kind() == reflect.String:
		b.emit(opString, x)
	case isByteSlice(t):
		b.emit(opBytes, x)
	case formOf(a.Reader) == uuid && isByteArray(t, 16):
		b.emit(opUUIDText, x)
	default:
		return false
	}
	return true
}

// binary compiles bytes or a fixed.
func (b *place) binary(a *resolve.Action, t reflect.Type) bool {
	fixed := a.Reader.Kind == ast.Fixed
	size := max(a.Reader.Size, 0)
	x := detail{typ: t, form: formOf(a.Reader), scale: a.Reader.Scale, digits: a.Reader.Precision}
	number, isNumber := integerOf(t)
	x.integer = number
	var code opcode
	switch {
	case x.form == decimal && t.ConvertibleTo(typeRat):
		code = opRat
	case x.form == decimal && isNumber && t != typeSpan:
		code = opDecimal64
	case x.form == uuid && t.Kind() == reflect.String:
		code = opUUIDString
	case x.form == duration && isSpan3(t):
		code = opDuration
	case fixed && isByteArray(t, size):
		code = opFixed
	case fixed && isByteSlice(t):
		code = opFixedBytes
	case !fixed && (isByteSlice(t) || t.Kind() == reflect.String):
		code = opBytes
	default:
		return false
	}
	o := b.emit(code, x)
	o.size = uintptr(size)
	if fixed {
		o.null = 1
	}
	return true
}
