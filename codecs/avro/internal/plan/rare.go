package plan

import (
	"encoding"
	"errors"
	"fmt"
	"math"
	"reflect"
	"time"
	"unicode/utf8"
	"unsafe"
)

// rare executes the operations that the hot loop leaves out.
func (r *reader) rare(o *op, at unsafe.Pointer, pos int) (int, *Error) {
	switch o.code {
	case opNothing:
		return pos, nil
	case opFail:
		return pos, r.fault(pos, o.x.err)
	case opInteger, opDate, opSpan:
		return r.integer(o, at, pos)
	case opFloat, opFloatFrom64, opDoubleTo32, opFloatFromInt, opDoubleFromInt:
		return r.floating(o, at, pos)
	case opBytes, opFixedBytes, opRat, opUUIDString, opDuration:
		return r.binary(o, at, pos)
	case opUUIDText, opText, opEnumText:
		return r.viaText(o, at, pos)
	case opMap:
		return r.mapping(o, at, pos)
	case opPointer:
		return r.pointer(o, at, pos)
	case opUnion:
		i, next, err := r.index(pos, len(o.x.subs), "union")
		if err != nil {
			return pos, err
		}
		return r.sub(o, o.x.subs[i], at, next)
	case opThrough:
		return r.through(o, at, pos)
	case opBox, opBranch:
		return r.box(o, at, pos)
	case opSealed:
		return r.sealed(o, at, pos)
	case opCustom:
		return r.custom(o, at, pos)
	case opRecordMap:
		return r.recordMap(o, at, pos)
	}
	return r.constant(o, at, pos)
}

// integer reads an int or long with a range to check or a unit to apply.
func (r *reader) integer(o *op, at unsafe.Pointer, pos int) (int, *Error) {
	v, next, err := r.number(o, pos)
	if err != nil {
		return pos, err
	}
	switch o.code {
	case opDate:
		*(*time.Time)(at) = time.Unix(v*secondsPerDay, 0).UTC()
		return next, nil
	case opSpan:
		span, ok := spanOf(v, o.x.form)
		if !ok {
			return pos, r.fault(pos, fmt.Errorf("%w: %d does not fit a time.Duration", ErrRange, v))
		}
		*(*time.Duration)(at) = span
		return next, nil
	}
	return next, r.store(o, at, v, pos)
}

// store writes an integer of any size.
func (r *reader) store(o *op, at unsafe.Pointer, v int64, pos int) *Error {
	if !o.x.integer.fits(v) {
		return r.fault(pos, fmt.Errorf("%w: %d does not fit the Go type %s", ErrRange, v, o.x.typ))
	}
	switch o.x.integer.bits {
	case 8:
		*(*int8)(at) = int8(v)
	case 16:
		*(*int16)(at) = int16(v)
	case 32:
		*(*int32)(at) = int32(v)
	default:
		*(*int64)(at) = v
	}
	return nil
}

// number reads an int or a long.
func (r *reader) number(o *op, pos int) (int64, int, *Error) {
	v, next, err := r.long(pos)
	if err == nil && o.x.integer.narrow && v != int64(int32(v)) {
		return 0, pos, r.badInt(pos, next)
	}
	return v, next, err
}

func (r *reader) floating(o *op, at unsafe.Pointer, pos int) (int, *Error) {
	var value float64
	var next int
	switch o.code {
	case opFloat, opFloatFrom64:
		if next = pos + 4; next > len(r.data) {
			return pos, r.fault(pos, ErrShort)
		}
		// A float32 is stored as it came: a conversion would touch its NaNs.
		bits := le32(r.data[pos:])
		if o.code == opFloat {
			*(*uint32)(at) = bits
			return next, nil
		}
		value = float64(math.Float32frombits(bits))
	case opDoubleTo32:
		if next = pos + 8; next > len(r.data) {
			return pos, r.fault(pos, ErrShort)
		}
		value = math.Float64frombits(le64(r.data[pos:]))
		if math.IsInf(float64(float32(value)), 0) && !math.IsInf(value, 0) {
			return pos, r.fault(pos, fmt.Errorf("%w: %g does not fit a float32", ErrRange, value))
		}
	default:
		v, after, err := r.number(o, pos)
		if err != nil {
			return pos, err
		}
		next, value = after, float64(v)
		if o.code == opFloatFromInt {
			value = float64(float32(v))
		}
	}
	if o.x.bits == 32 {
		*(*float32)(at) = float32(value)
	} else {
		*(*float64)(at) = value
	}
	return next, nil
}

// take returns the bytes of a fixed or of bytes, in the datum's memory.
func (r *reader) take(o *op, pos int) (raw []byte, next int, err *Error) {
	size := int(o.size)
	if o.null == 0 {
		if size, pos, err = r.length(pos); err != nil {
			return nil, pos, err
		}
	}
	if size > len(r.data)-pos {
		return nil, pos, r.fault(pos, ErrShort)
	}
	return r.data[pos : pos+size], pos + size, nil
}

func (r *reader) binary(o *op, at unsafe.Pointer, pos int) (int, *Error) {
	raw, next, err := r.take(o, pos)
	if err != nil {
		return pos, err
	}
	switch o.code {
	case opBytes, opFixedBytes:
		return next, r.bytes(o, at, raw, next)
	case opRat:
		if fault := setRat(ratAt(at), raw, o.x); fault != nil {
			return pos, r.fault(pos, fault)
		}
	case opUUIDString:
		*(*string)(at) = string(appendUUID(nil, [16]byte(raw)))
	case opDuration:
		*(*[3]uint32)(at) = [3]uint32{le32(raw), le32(raw[4:]), le32(raw[8:])}
	}
	return next, r.charge(pos, len(raw))
}

// bytes copies raw into a byte slice or a string. Bytes that a string was
// written for are UTF-8 as well.
func (r *reader) bytes(o *op, at unsafe.Pointer, raw []byte, next int) *Error {
	if o.x.bits == 1 && !utf8.Valid(raw) {
		return r.fault(next-len(raw), ErrUTF8)
	}
	if err := r.charge(next, len(raw)); err != nil {
		return err
	}
	if o.x.typ.Kind() == reflect.String {
		*(*string)(at) = string(raw)
		return nil
	}
	copied := make([]byte, len(raw))
	copy(copied, raw)
	*(*[]byte)(at) = copied
	return nil
}

// decimal64 reads a decimal's unscaled number.
func (r *reader) decimal64(o *op, at unsafe.Pointer, pos int) (int, *Error) {
	raw, next, err := r.take(o, pos)
	if err != nil {
		return pos, err
	}
	v, ok := unscaled(raw)
	if !ok {
		return pos, r.fault(pos, fmt.Errorf("%w: a decimal of %d bytes does not fit the Go type %s", ErrRange, len(raw), o.x.typ))
	}
	if o.x.integer.bits == 64 && o.x.integer.signed {
		*(*int64)(at) = v
		return next, nil
	}
	return next, r.store(o, at, v, pos)
}

func (r *reader) time(o *op, at unsafe.Pointer, pos int) (int, *Error) {
	v, next, err := r.long(pos)
	if err == nil {
		*(*time.Time)(at) = timeOf(v, o.x.form)
	}
	return next, err
}

// viaText reads what a type's own method makes of a text.
func (r *reader) viaText(o *op, at unsafe.Pointer, pos int) (next int, err *Error) {
	var text string
	if o.code == opEnumText {
		text, next, err = r.symbol(o, pos)
	} else {
		text, next, err = r.readString(pos)
	}
	if err != nil {
		return pos, err
	}
	if o.code == opUUIDText {
		id, fault := parseUUID(text)
		if fault != nil {
			return pos, r.fault(pos, fault)
		}
		*(*[16]byte)(at) = id
		return next, nil
	}
	if err := r.charge(pos, len(text)); err != nil {
		return pos, err
	}
	target, ok := reflect.TypeAssert[encoding.TextUnmarshaler](addressable(o.x.pointer, at).Addr())
	if !ok {
		return pos, r.fault(pos, errors.ErrUnsupported)
	}
	if fault := unmarshalText(target, text); fault != nil {
		return pos, r.fault(pos, fault)
	}
	return next, nil
}

// unmarshalText calls a method of a user's type, whose panic is an error here.
func unmarshalText(target encoding.TextUnmarshaler, text string) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("UnmarshalText of %T panicked: %v", target, p)
		}
	}()
	return target.UnmarshalText([]byte(text))
}

// through goes on in what an embedded pointer points to.
func (r *reader) through(o *op, at unsafe.Pointer, pos int) (int, *Error) {
	target := *(*unsafe.Pointer)(at)
	if target == nil {
		if err := r.charge(pos, int(o.size)); err != nil {
			return pos, err
		}
		target = reflect.New(o.x.typ).UnsafePointer()
		*(*unsafe.Pointer)(at) = target
	}
	return r.run(o.sub, target, pos)
}

// box reads a value into an any.
func (r *reader) box(o *op, at unsafe.Pointer, pos int) (int, *Error) {
	if o.code == opBranch {
		var value any
		next, err := r.sub(o, o.sub, unsafe.Pointer(&value), pos)
		if err == nil {
			*(*any)(at) = Branch{Name: o.x.names[0], Value: value}
		}
		return next, err
	}
	if err := r.charge(pos, int(o.size)); err != nil {
		return pos, err
	}
	value := reflect.New(o.x.typ)
	next, err := r.sub(o, o.sub, value.UnsafePointer(), pos)
	if err == nil {
		*(*any)(at) = value.Elem().Interface()
	}
	return next, err
}

// emptyMap is what a map takes, in bytes.
const emptyMap = 48

func (r *reader) recordMap(o *op, at unsafe.Pointer, pos int) (_ int, err *Error) {
	if err := r.charge(pos, emptyMap+len(o.x.subs)*(32+entrySize)); err != nil {
		return pos, err
	}
	record := make(map[string]any, len(o.x.subs))
	for i, sub := range o.x.subs {
		var value any
		if pos, err = r.run(sub, unsafe.Pointer(&value), pos); err != nil {
			return pos, err
		}
		if o.x.names[i] != "" {
			record[o.x.names[i]] = value
		}
	}
	*(*map[string]any)(at) = record
	return pos, nil
}
