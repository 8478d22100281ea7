package plan

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
	"unsafe"

	"github.com/gokavro/gokavro/codecs/avro/internal/ast"
)

// Bounds of a default: records that have defaults themselves let a few words
// stand for any number of values.
const (
	maxDefaultDepth = 100
	maxDefaultSize  = 1 << 20 // bytes
	maxDefaultWork  = 1 << 22 // bytes of JSON, counted as often as they are read
	defaultWork     = 16      // what a value counts beside its JSON
)

// defaultWriter writes defaults as Avro binary, so that reading one gives a
// value of its own each time.
type defaultWriter struct{ depth, left int }

// defaultBytes returns the binary form of a field's default.
func defaultBytes(f *ast.Field) ([]byte, error) {
	w := defaultWriter{depth: maxDefaultDepth, left: maxDefaultWork}
	return w.append([]byte{}, f.Type, f.Default)
}

var errDefault = errors.New("the default does not fit its type")

func (w *defaultWriter) append(dst []byte, n *ast.Node, raw json.RawMessage) ([]byte, error) {
	if w.left -= defaultWork + len(raw); w.left < 0 || w.depth <= 0 || len(dst) > maxDefaultSize {
		return dst, fmt.Errorf("%w: it is too large", errDefault)
	}
	w.depth--
	defer func() { w.depth++ }()
	switch n.Kind {
	case ast.Record:
		return w.record(dst, n, raw)
	case ast.Union:
		return w.union(dst, n, raw)
	case ast.Array:
		var items []json.RawMessage
		if err := decodeDefault(raw, '[', &items); err != nil {
			return dst, err
		}
		return w.items(dst, n, items)
	case ast.Map:
		return w.mapping(dst, n, raw)
	}
	return appendDefaultScalar(dst, n, raw)
}

// decodeDefault decodes JSON that begins with what its type begins with.
func decodeDefault(raw json.RawMessage, first byte, into any) error {
	text := strings.TrimSpace(string(raw))
	if text == "" || text[0] != first {
		return fmt.Errorf("%w: %.60s", errDefault, text)
	}
	if err := json.Unmarshal([]byte(text), into); err != nil {
		return fmt.Errorf("%w: %.60s: %w", errDefault, text, err)
	}
	return nil
}

func (w *defaultWriter) record(dst []byte, n *ast.Node, raw json.RawMessage) ([]byte, error) {
	var members map[string]json.RawMessage
	err := decodeDefault(raw, '{', &members)
	for _, f := range n.Fields {
		if err != nil {
			break
		}
		value := members[f.Name]
		if value == nil {
			value = f.Default
		}
		if value == nil {
			return dst, fmt.Errorf("%w: it has no field %q", errDefault, f.Name)
		}
		dst, err = w.append(dst, f.Type, value)
	}
	return dst, err
}

// union takes the first branch that the default fits. What one that it does
// not fit wrote is written over.
func (w *defaultWriter) union(dst []byte, n *ast.Node, raw json.RawMessage) ([]byte, error) {
	for i, b := range n.Branches {
		out, err := w.append(appendLong(dst, int64(i)), b, raw)
		if err == nil {
			return out, nil
		}
	}
	return dst, fmt.Errorf("%w: no branch of the union takes %.60s", errDefault, raw)
}

func (w *defaultWriter) items(dst []byte, n *ast.Node, items []json.RawMessage) (_ []byte, err error) {
	if len(items) > 0 {
		dst = appendLong(dst, int64(len(items)))
	}
	for _, item := range items {
		if dst, err = w.append(dst, n.Items, item); err != nil {
			return dst, err
		}
	}
	return append(dst, 0), nil
}

func (w *defaultWriter) mapping(dst []byte, n *ast.Node, raw json.RawMessage) ([]byte, error) {
	var members map[string]json.RawMessage
	if err := decodeDefault(raw, '{', &members); err != nil {
		return dst, err
	}
	if len(members) > 0 {
		dst = appendLong(dst, int64(len(members)))
	}
	for _, key := range slices.Sorted(maps.Keys(members)) {
		var err error
		dst = append(appendLong(dst, int64(len(key))), key...)
		if dst, err = w.append(dst, n.Items, members[key]); err != nil {
			return dst, err
		}
	}
	return append(dst, 0), nil
}

func appendDefaultScalar(dst []byte, n *ast.Node, raw json.RawMessage) ([]byte, error) {
	switch n.Kind {
	case ast.Null:
		if strings.TrimSpace(string(raw)) != "null" {
			return dst, fmt.Errorf("%w: %.60s is not null", errDefault, raw)
		}
		return dst, nil
	case ast.Boolean:
		switch strings.TrimSpace(string(raw)) {
		case "true":
			return append(dst, 1), nil
		case "false":
			return append(dst, 0), nil
		}
		return dst, fmt.Errorf("%w: %.60s is not a boolean", errDefault, raw)
	case ast.Int, ast.Long, ast.Float, ast.Double:
		return appendDefaultNumber(dst, n, raw)
	}
	return appendDefaultText(dst, n, raw)
}

func appendDefaultNumber(dst []byte, n *ast.Node, raw json.RawMessage) ([]byte, error) {
	var number float64
	if n.Kind == ast.Int || n.Kind == ast.Long {
		var v int64
		err := json.Unmarshal(raw, &v)
		if err != nil || n.Kind == ast.Int && v != int64(int32(v)) || strings.TrimSpace(string(raw)) == "null" {
			return dst, fmt.Errorf("%w: %.60s is not of type %s", errDefault, raw, n.Kind)
		}
		return appendLong(dst, v), nil
	}
	if err := json.Unmarshal(raw, &number); err != nil || strings.TrimSpace(string(raw)) == "null" {
		return dst, fmt.Errorf("%w: %.60s is not of type %s", errDefault, raw, n.Kind)
	}
	if n.Kind == ast.Float {
		return appendLE32(dst, math.Float32bits(float32(number))), nil
	}
	return appendLE64(dst, math.Float64bits(number)), nil
}

func appendLE32(dst []byte, v uint32) []byte {
	return append(dst, byte(v), byte(v>>8), byte(v>>16), byte(v>>24))
}

func appendLE64(dst []byte, v uint64) []byte { return binary.LittleEndian.AppendUint64(dst, v) }

func littleEndian(v float64) (b [8]byte) {
	binary.LittleEndian.PutUint64(b[:], math.Float64bits(v))
	return b
}

func appendDefaultText(dst []byte, n *ast.Node, raw json.RawMessage) ([]byte, error) {
	var text string
	if err := decodeDefault(raw, '"', &text); err != nil {
		return dst, err
	}
	switch n.Kind {
	case ast.String:
		return append(appendLong(dst, int64(len(text))), text...), nil
	case ast.Enum:
		i := slices.Index(n.Symbols, text)
		if i < 0 {
			return dst, fmt.Errorf("%w: %q is no symbol of the enum", errDefault, text)
		}
		return appendLong(dst, int64(i)), nil
	}
	// Each character of the text stands for a byte.
	raw8 := make([]byte, 0, len(text))
	for _, c := range text {
		if c > 0xff {
			return dst, fmt.Errorf("%w: %.60q is not a text of bytes", errDefault, text)
		}
		raw8 = append(raw8, byte(c))
	}
	if n.Kind == ast.Fixed {
		if len(raw8) != n.Size {
			return dst, fmt.Errorf("%w: it has %d bytes, the fixed %d", errDefault, len(raw8), n.Size)
		}
		return append(dst, raw8...), nil
	}
	return append(appendLong(dst, int64(len(raw8))), raw8...), nil
}

// defaultOf compiles a field that the writer does not write. A value that
// shares nothing is copied from a prototype, others are read anew from the
// default's binary form.
func (b *place) defaultOf(f *ast.Field, t reflect.Type) {
	data, err := defaultBytes(f)
	if err != nil {
		b.c.faults.add(b.full, "%v", err)
		return
	}
	before := len(b.c.faults)
	p := b.c.program(b.c.identity(f.Type), t, b.full)
	if len(b.c.faults) > before {
		return
	}
	value := reflect.New(t)
	limits := Limits{}.WithDefaults()
	r := reader{data: data, memory: limits.Bytes, empty: limits.ZeroSizeItems, depth: limits.Depth}
	if _, err := r.run(p, value.UnsafePointer(), 0); err != nil {
		b.c.faults.add(b.full, "the default does not fit the Go type %s: %v", t, err.Err)
		return
	}
	b.prototype(value.Elem(), data, p)
}

func (b *place) prototype(v reflect.Value, data []byte, p *program) {
	at := unsafe.Pointer(v.Addr().UnsafePointer())
	switch t := v.Type(); {
	case v.IsZero():
		b.emit(opNothing, detail{})
	case t.Kind() == reflect.String:
		b.emit(opConstString, detail{names: []string{v.String()}})
	case !immutable(t):
		b.emit(opDefault, detail{data: data}).sub = p
	case t.Kind() > reflect.Float64 || t.Size() == 2:
		b.emit(opConstValue, detail{pointer: reflect.Zero(reflect.PointerTo(t)).Interface(), value: v})
	case t.Size() == 1:
		b.emit(opConst8, detail{bits: uint64(*(*uint8)(at))})
	case t.Size() == 4:
		b.emit(opConst32, detail{bits: uint64(*(*uint32)(at))})
	default:
		b.emit(opConst64, detail{bits: *(*uint64)(at)})
	}
}

// immutable reports whether copies of a value of type t share nothing that can
// be changed.
func immutable(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Array:
		return immutable(t.Elem())
	case reflect.Struct:
		if t == typeTime {
			return true
		}
		for field := range t.Fields() {
			if !immutable(field.Type) {
				return false
			}
		}
		return true
	case reflect.String:
		return true
	}
	return t.Kind() <= reflect.Float64
}

// constant sets a field to its default.
func (r *reader) constant(o *op, at unsafe.Pointer, pos int) (int, *Error) {
	switch o.code {
	case opConst8:
		*(*uint8)(at) = uint8(o.x.bits)
	case opConst32:
		*(*uint32)(at) = uint32(o.x.bits)
	case opConst64:
		*(*uint64)(at) = o.x.bits
	case opConstString:
		*(*string)(at) = o.x.names[0]
	case opConstValue:
		addressable(o.x.pointer, at).Set(o.x.value)
	case opDefault:
		return pos, r.fresh(o, at, pos)
	}
	return pos, nil
}

// fresh reads a default from its binary form, at the cost of the datum.
func (r *reader) fresh(o *op, at unsafe.Pointer, pos int) *Error {
	if !r.enter(o, o.sub) {
		return r.fault(pos, ErrDeep)
	}
	inner := reader{data: o.x.data, memory: r.memory, empty: r.empty, depth: r.depth}
	_, err := inner.run(o.sub, at, 0)
	if err != nil {
		err.Offset = pos
		return err
	}
	r.memory, r.empty = inner.memory, inner.empty
	r.leave(o, o.sub)
	return nil
}
