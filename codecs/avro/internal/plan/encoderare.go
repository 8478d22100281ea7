package plan

import (
	"encoding"
	"errors"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"time"
	"unicode/utf8"
	"unsafe"
)

// rare executes the operations that the hot loop leaves out.
func (w *writer) rare(o *encodeOp, dst []byte, at unsafe.Pointer) ([]byte, *Error) {
	switch o.code {
	case encodeInteger, encodeSpan:
		return w.integer(o, dst, at)
	case encodeFloat, encodeFloatFrom64, encodeDoubleFrom32:
		return w.floating(o, dst, at)
	case encodeBytes, encodeFixedBytes, encodeRat, encodeUUIDString, encodeDuration:
		return w.binary(o, dst, at)
	case encodeUUIDText:
		return appendUUID(append(dst, 36<<1), *(*[16]byte)(at)), nil
	case encodeText, encodeEnumText:
		return w.viaText(o, dst, at)
	case encodePointer, encodeThrough:
		target := *(*unsafe.Pointer)(at)
		if target == nil {
			return dst, fault(ErrNil)
		}
		if o.code == encodeThrough {
			return w.part(o.sub, dst, target)
		}
		return w.sub(o, o.sub, dst, target)
	case encodeNilable:
		if *(*unsafe.Pointer)(at) == nil {
			return append(dst, o.x.null...), nil
		}
		return w.sub(o, o.sub, append(dst, o.x.index...), at)
	case encodeOmitZero:
		return w.omitZero(o, dst, at)
	case encodeMap:
		return w.mapping(o, dst, at)
	case encodeAny, encodeAnyUnion:
		return w.any(o, dst, *(*any)(at))
	case encodeSealed:
		return w.sealed(o, dst, at)
	case encodeCustom:
		return w.custom(o, dst, at)
	case encodeRecordMap:
		return w.recordMap(o, dst, *(*map[string]any)(at))
	}
	return dst, fault(errors.ErrUnsupported)
}

func (w *writer) integer(o *encodeOp, dst []byte, at unsafe.Pointer) ([]byte, *Error) {
	if o.code == encodeSpan {
		v, ok := spanNumber(*(*time.Duration)(at), o.x.form)
		if !ok {
			return dst, fault(fmt.Errorf("%w: %s does not fit %s", ErrRange, *(*time.Duration)(at), o.x.node.Logical))
		}
		return appendLong(dst, v), nil
	}
	v, ok := load(at, o.x.integer)
	if !ok {
		return dst, fault(fmt.Errorf("%w: %d does not fit a long", ErrRange, uint64(v)))
	}
	if o.x.integer.narrow && v != int64(int32(v)) {
		return dst, fault(fmt.Errorf("%w: %d does not fit an int", ErrRange, v))
	}
	return appendLong(dst, v), nil
}

func (w *writer) floating(o *encodeOp, dst []byte, at unsafe.Pointer) ([]byte, *Error) {
	switch o.code {
	case encodeFloat:
		return appendLE32(dst, *(*uint32)(at)), nil
	case encodeDoubleFrom32:
		return appendLE64(dst, math.Float64bits(float64(*(*float32)(at)))), nil
	}
	v := *(*float64)(at)
	if math.IsInf(float64(float32(v)), 0) && !math.IsInf(v, 0) {
		return dst, fault(fmt.Errorf("%w: %g does not fit a float", ErrRange, v))
	}
	return appendLE32(dst, math.Float32bits(float32(v))), nil
}

func (w *writer) time(o *encodeOp, dst []byte, at unsafe.Pointer) ([]byte, *Error) {
	v, ok := numberOf(*(*time.Time)(at), o.x.form)
	if !ok {
		return dst, fault(fmt.Errorf("%w: the year %d does not fit %s", ErrRange, (*time.Time)(at).Year(), o.x.node.Logical))
	}
	return appendLong(dst, v), nil
}

func (w *writer) binary(o *encodeOp, dst []byte, at unsafe.Pointer) ([]byte, *Error) {
	switch o.code {
	case encodeRat:
		return w.rat(o, dst, at)
	case encodeUUIDString:
		id, err := parseUUID(*(*string)(at))
		if err != nil {
			return dst, fault(err)
		}
		return append(dst, id[:]...), nil
	case encodeDuration:
		for _, v := range *(*[3]uint32)(at) {
			dst = appendLE32(dst, v)
		}
		return dst, nil
	}
	// A string is the first two words of a byte slice, so both are read alike.
	raw := *(*string)(at)
	if o.x.utf8 && !utf8.ValidString(raw) {
		return dst, fault(ErrUTF8)
	}
	if o.code == encodeFixedBytes {
		if uintptr(len(raw)) != o.size {
			return dst, fault(fmt.Errorf("%w: %d bytes for a fixed of %d", ErrRange, len(raw), o.size))
		}
		return append(dst, raw...), nil
	}
	return append(appendLong(dst, int64(len(raw))), raw...), nil
}

func (w *writer) rat(o *encodeOp, dst []byte, at unsafe.Pointer) ([]byte, *Error) {
	if v, ok := ratNumber((*big.Rat)(at), o.x.scale, o.x.digits); ok {
		if out, ok := o.appendNumber(dst, v); ok {
			return out, nil
		}
	}
	size := -1
	if o.index == 1 {
		size = int(o.size)
	}
	raw, err := ratBytes((*big.Rat)(at), o.x.scale, o.x.digits, size)
	if err != nil {
		return dst, fault(err)
	}
	if size < 0 {
		dst = appendLong(dst, int64(len(raw)))
	}
	return append(dst, raw...), nil
}

func (w *writer) viaText(o *encodeOp, dst []byte, at unsafe.Pointer) ([]byte, *Error) {
	source, ok := reflect.TypeAssert[encoding.TextMarshaler](addressable(o.x.pointer, at).Addr())
	if !ok {
		return dst, fault(errors.ErrUnsupported)
	}
	text, err := marshalText(source)
	switch {
	case err != nil:
		return dst, fault(err)
	case o.code == encodeEnumText:
		return w.enum(o, dst, string(text))
	case !utf8.Valid(text):
		return dst, fault(ErrUTF8)
	}
	return append(appendLong(dst, int64(len(text))), text...), nil
}

// marshalText calls a method of a user's type, whose panic is an error here.
func marshalText(source encoding.TextMarshaler) (text []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("MarshalText of %T panicked: %v", source, p)
		}
	}()
	return source.MarshalText()
}

// omitZero writes a default or null in place of a zero value.
func (w *writer) omitZero(o *encodeOp, dst []byte, at unsafe.Pointer) ([]byte, *Error) {
	value := addressable(o.x.pointer, at)
	zero := value.IsZero()
	if z, ok := reflect.TypeAssert[interface{ IsZero() bool }](value.Addr()); ok && !zero {
		zero = z.IsZero()
	}
	if zero {
		return append(dst, o.x.data...), nil
	}
	return w.part(o.sub, dst, at)
}

// mapping writes a map as one block, in no order.
func (w *writer) mapping(o *encodeOp, dst []byte, at unsafe.Pointer) ([]byte, *Error) {
	if o.x.mapOf == mapOfString {
		return w.strings(o, dst, *(*map[string]string)(at))
	}
	m := addressable(o.x.pointer, at)
	size := m.Len()
	if size == 0 {
		return append(dst, 0), nil
	}
	if w.depth -= int(o.cost) + o.sub.levels; w.depth < 0 {
		return dst, fault(ErrDeep)
	}
	dst, err := w.entries(o, appendLong(dst, int64(size)), m)
	w.depth += int(o.cost) + o.sub.levels
	return append(dst, 0), err
}

// strings writes a map of strings without reflection.
func (w *writer) strings(o *encodeOp, dst []byte, m map[string]string) ([]byte, *Error) {
	if len(m) == 0 {
		return append(dst, 0), nil
	}
	if w.depth < int(o.cost) {
		return dst, fault(ErrDeep)
	}
	dst = appendLong(dst, int64(len(m)))
	for key, value := range m {
		var isKey, isText bool
		dst, isKey = appendText(dst, key)
		if dst, isText = appendText(dst, value); !isKey || !isText {
			return dst, fault(ErrUTF8).key(key)
		}
	}
	return append(dst, 0), nil
}

func (w *writer) entries(o *encodeOp, dst []byte, m reflect.Value) (_ []byte, err *Error) {
	e := o.x.scratch.get()
	defer o.x.scratch.put(e)
	e.iter.Reset(m)
	for e.iter.Next() {
		e.key.SetIterKey(&e.iter)
		e.value.SetIterValue(&e.iter)
		key := *(*string)(e.keyAt)
		if dst, err = appendKey(dst, key); err != nil {
			return dst, err
		}
		if dst, err = w.part(o.sub, dst, e.valueAt); err != nil {
			return dst, err.key(key)
		}
	}
	return dst, nil
}

func appendKey(dst []byte, key string) ([]byte, *Error) {
	dst, ok := appendText(dst, key)
	if !ok {
		return dst, fault(ErrUTF8).key(key)
	}
	return dst, nil
}

// any writes what an any holds.
func (w *writer) any(o *encodeOp, dst []byte, value any) ([]byte, *Error) {
	n := o.x.node
	if o.code == encodeAnyUnion {
		i, inner, err := chooseBranch(o.x.dynamic, n, value)
		if err != nil {
			return dst, fault(err)
		}
		dst, n, value = appendLong(dst, int64(i)), n.Branches[i], inner
	}
	if value == nil {
		if natural(n) == nil {
			return dst, nil
		}
		return dst, fault(ErrNil)
	}
	t := reflect.TypeOf(value)
	sub, err := o.x.dynamic.script(n, t)
	if err != nil {
		return dst, fault(err)
	}
	held := reflect.New(t)
	held.Elem().Set(reflect.ValueOf(value))
	return w.sub(o, sub, dst, held.UnsafePointer())
}

// recordMap writes a record from a map. What the map has not takes its default.
func (w *writer) recordMap(o *encodeOp, dst []byte, record map[string]any) (_ []byte, err *Error) {
	if record == nil {
		return dst, fault(ErrNil)
	}
	found := 0
	for i, name := range o.x.names {
		value, ok := record[name]
		switch {
		case ok:
			found++
			if dst, err = w.part(o.x.subs[i], dst, unsafe.Pointer(&value)); err != nil {
				return dst, err.within(name)
			}
		case o.x.defaults[i] != nil:
			dst = append(dst, o.x.defaults[i]...)
		default:
			return dst, fault(errors.New("the map has no value for it, and the schema no default")).within(name)
		}
	}
	if found == len(record) {
		return dst, nil
	}
	for key := range record {
		if o.x.node.Field(key) == nil {
			return dst, fault(fmt.Errorf("the record %s has no field %.60q", o.x.node.Name, key))
		}
	}
	return dst, nil
}
