package plan

import (
	"fmt"
	"math"
	"reflect"
	"unsafe"

	"github.com/gokavro/gokavro/codecs/avro/internal/ast"
)

// Encoder writes values of one Go type as Avro binary of one schema. It is
// safe for concurrent use.
type Encoder struct {
	root  *script
	first *encodeOp // of root
	depth int
}

// NewEncoder compiles an encoder for values of type t. Every mismatch between
// the schema and t is named in one error.
func NewEncoder(schema *ast.Node, t reflect.Type, types *Types) (*Encoder, error) {
	return newEncoder(&dynamic{types: types}, schema, t)
}

// NewFillingEncoder is NewEncoder for a schema that is not t's own: a field
// that t lacks is written with its default.
func NewFillingEncoder(schema *ast.Node, t reflect.Type, types *Types) (*Encoder, error) {
	return newEncoder(&dynamic{types: types, fill: true}, schema, t)
}

func newEncoder(d *dynamic, schema *ast.Node, t reflect.Type) (*Encoder, error) {
	if err := d.types.err(); err != nil {
		return nil, err
	}
	c := newEncodeCompiler(d)
	root := c.script(schema, t, "")
	if err := c.faults.err(fmt.Sprintf("writing %s as %s", t, describe(schema))); err != nil {
		return nil, err
	}
	return &Encoder{root: root, first: root.first(), depth: Limits{}.WithDefaults().Depth}, nil
}

// Append appends the binary form of the value that value points to, which is
// of the encoder's type, and allocates only to grow dst and for what an any
// holds. On an error, an [*Error], it returns dst as it was.
func (e *Encoder) Append(dst []byte, value unsafe.Pointer) ([]byte, error) {
	o, n := writeDirect(e.root, e.first, dst, value)
	if o.code == encodeEnd {
		return dst[:n], nil
	}
	w := writer{depth: e.depth - e.root.levels}
	out, err := w.run(e.root, o, dst[:n], value)
	if err != nil {
		return dst, err
	}
	return out, nil
}

// IsDirect reports whether [AppendDirect] is worth a try.
func (e *Encoder) IsDirect() bool { return e.root.direct }

// script writes one value: operations on memory at offsets from its address.
type script struct {
	ops    []encodeOp // the last is encodeEnd
	levels int
	direct bool // all operations are
	room   int  // bytes that its numbers take at most, without those of its parts
}

func newScript(levels int) *script {
	return &script{ops: []encodeOp{{code: encodeEnd}}, levels: levels}
}

func (p *script) first() *encodeOp { return unsafe.SliceData(p.ops) }

// steps returns how many operations there are beside the end.
func (p *script) steps() int { return len(p.ops) - 1 }

type encodeOp struct {
	code  encodeCode
	index byte   // of a nullable's null or of a symbol
	cost  uint16 // levels entered beside the sub-program's own
	off   uintptr
	size  uintptr // of an item, or of a fixed in bytes
	sub   *script
	x     *encodeDetail
}

// next returns the operation after o, which is not the end.
func (o *encodeOp) next() *encodeOp {
	return (*encodeOp)(unsafe.Add(unsafe.Pointer(o), unsafe.Sizeof(encodeOp{})))
}

// encodeDetail is what only some operations and errors need.
type encodeDetail struct {
	path     string
	form     ast.Form
	symbols  []string
	position map[string]int // of symbols, where there are many
	integer  integer
	scale    int
	digits   int
	pointer  any
	scratch  *scratch
	mapOf    mapKind
	utf8     bool   // bytes must be a text
	data     []byte // a constant
	null     []byte // the index of a union's null
	index    []byte // the index of the other branch
	node     *ast.Node
	dynamic  *dynamic
	variants []variant // of a sealed interface
	custom   *Custom
	names    []string
	subs     []*script
	defaults [][]byte
}

type encodeCode uint8

const (
	encodeInt64 encodeCode = iota
	encodeInt32
	encodeString
	encodeDecimal // an int64 as bytes, below the limit in size
	encodeDouble
	encodeBool
	encodeEnd // of the script
	// What follows is not direct.
	encodeConst
	encodeFixed
	encodeNullable
	encodeSlice
	encodeEnum
	encodeDecimal64
	encodeTime
	// The rest is not in the hot loop.
	encodeInteger
	encodeSpan
	encodeFloat
	encodeFloatFrom64
	encodeDoubleFrom32
	encodeBytes
	encodeFixedBytes
	encodePointer
	encodeNilable
	encodeMap
	encodeThrough
	encodeOmitZero
	encodeRat
	encodeUUIDText
	encodeUUIDString
	encodeDuration
	encodeText
	encodeEnumText
	encodeAny
	encodeAnyUnion
	encodeSealed
	encodeCustom
	encodeRecordMap
)

// lastDirect is the last of the operations that writeDirect executes.
const lastDirect = encodeEnd

// writer is one value while it is written.
type writer struct{ depth int }

func fault(err error) *Error { return &Error{Err: err, encode: true} }

// run executes a script from o on. Room for all numbers of the script is there
// before any is written, and again after what may have taken it.
func (w *writer) run(p *script, o *encodeOp, dst []byte, base unsafe.Pointer) ([]byte, *Error) {
	var err *Error
	dst = reserve(dst, p.room)
	for ; ; o = o.next() {
		if o.code <= lastDirect {
			n := 0
			o, n = writeDirect(p, o, dst, base)
			if dst = dst[:n]; o.code == encodeEnd {
				return dst, nil
			}
		}
		at := unsafe.Add(base, o.off)
		switch o.code {
		case encodeString:
			var ok bool
			if dst, ok = appendText(dst, *(*string)(at)); !ok {
				err = fault(ErrUTF8)
			}
		case encodeDecimal64, encodeDecimal:
			dst, err = w.decimal64(o, dst, at)
		case encodeNullable:
			if target := *(*unsafe.Pointer)(at); target == nil {
				dst = append(dst, o.x.null...)
			} else {
				dst, err = w.sub(o, o.sub, append(dst, o.x.index...), target)
			}
		case encodeConst:
			dst = append(dst, o.x.data...)
		case encodeFixed:
			dst = append(dst, unsafe.Slice((*byte)(at), o.size)...)
		case encodeSlice:
			dst, err = w.slice(o, dst, at)
		case encodeEnum:
			dst, err = w.enum(o, dst, *(*string)(at))
		case encodeTime:
			dst, err = w.time(o, dst, at)
		default:
			dst, err = w.rare(o, dst, at)
		}
		if err != nil {
			return dst, err.within(o.x.path)
		}
		dst = reserve(dst, p.room)
	}
}

// writeDirect executes operations from o on as long as they are direct and dst
// has room for numbers, and returns where it stopped and the new length of dst.
// It calls nothing, so that all it works with stays in registers; a text that
// is not short, ASCII and within the capacity is left to others.
func writeDirect(p *script, o *encodeOp, dst []byte, base unsafe.Pointer) (stop *encodeOp, length int) {
	buf, n, most := unsafe.Pointer(unsafe.SliceData(dst)), len(dst), cap(dst)-p.room
	if n > most {
		return o, n
	}
	for ; ; o = o.next() {
		at := unsafe.Add(base, o.off)
		var u uint64
		switch o.code {
		case encodeInt32:
			u = zag(int64(*(*int32)(at)))
		case encodeInt64:
			u = zag(*(*int64)(at))
		case encodeString:
			s := *(*string)(at)
			size := len(s)
			if size > shortText || n+size > most {
				return o, n
			}
			*byteAt(buf, n) = byte(size << 1)
			to, from, seen := unsafe.Add(buf, n+1), unsafe.Pointer(unsafe.StringData(s)), uint64(0)
			switch {
			case size > 16:
				seen = putWords(to, from, size-8)
			case size >= 8:
				seen = putPair(to, from, size)
			case size >= 4:
				seen = putHalves(to, from, size)
			default:
				seen = putBytes(to, from, size)
			}
			if seen&highBits != 0 {
				return o, n
			}
			n += 1 + size
			continue
		case encodeDouble:
			*(*[8]byte)(unsafe.Add(buf, n)) = littleEndian(*(*float64)(at))
			n += 8
			continue
		case encodeBool:
			u = uint64(*(*byte)(at) & 1)
		case encodeDecimal:
			v := *(*int64)(at)
			if magnitude := uint64(v ^ v>>63); magnitude >= uint64(o.size) {
				return o, n
			}
			size := unscaledSize(v)
			*byteAt(buf, n) = byte(size << 1)
			*(*[8]byte)(unsafe.Add(buf, n+1)) = bigEndian(v << (uint(64-8*size) & 63))
			n += 1 + size
			continue
		default:
			return o, n
		}
		if u < 0x80 {
			*byteAt(buf, n) = byte(u)
			n++
			continue
		}
		n = putNumber(buf, n, u)
	}
}

// sub executes the script of a value inside the one of an operation.
func (w *writer) sub(o *encodeOp, p *script, dst []byte, at unsafe.Pointer) ([]byte, *Error) {
	if w.depth -= int(o.cost) + p.levels; w.depth < 0 {
		return dst, fault(ErrDeep)
	}
	dst, err := w.part(p, dst, at)
	w.depth += int(o.cost) + p.levels
	return dst, err
}

// part executes a script inside another, which is direct more often than not.
func (w *writer) part(p *script, dst []byte, at unsafe.Pointer) ([]byte, *Error) {
	o := p.first()
	if p.direct {
		dst = reserve(dst, p.room)
		n := 0
		o, n = writeDirect(p, o, dst, at)
		if dst = dst[:n]; o.code == encodeEnd {
			return dst, nil
		}
	}
	return w.run(p, o, dst, at)
}

// slice writes an array as one block.
func (w *writer) slice(o *encodeOp, dst []byte, at unsafe.Pointer) (_ []byte, err *Error) {
	s := (*sliceHeader)(at)
	if s.len == 0 {
		return append(dst, 0), nil
	}
	if w.depth -= int(o.cost) + o.sub.levels; w.depth < 0 {
		return dst, fault(ErrDeep)
	}
	dst = appendLong(dst, int64(s.len))
	for i := range s.len {
		if dst, err = w.part(o.sub, dst, unsafe.Add(s.data, uintptr(i)*o.size)); err != nil {
			return dst, err.item(i)
		}
	}
	w.depth += int(o.cost) + o.sub.levels
	return append(dst, 0), nil
}

// fewSymbols is up to how many symbols are compared one by one.
const fewSymbols = 8

func (w *writer) enum(o *encodeOp, dst []byte, symbol string) ([]byte, *Error) {
	if o.x.position == nil {
		for i, s := range o.x.symbols {
			if s == symbol {
				return appendLong(dst, int64(i)), nil
			}
		}
	} else if i, known := o.x.position[symbol]; known {
		return appendLong(dst, int64(i)), nil
	}
	return dst, fault(fmt.Errorf("%.60q is no symbol of the enum %s", symbol, o.x.node.Name))
}

// decimal64 writes an integer as a decimal's unscaled number.
func (w *writer) decimal64(o *encodeOp, dst []byte, at unsafe.Pointer) ([]byte, *Error) {
	v, ok := load(at, o.x.integer)
	if !ok || !withinDigits(v, o.x.digits) {
		return dst, fault(fmt.Errorf("%w: %d has more than %d digits", ErrRange, v, o.x.digits))
	}
	out, ok := o.appendNumber(dst, v)
	if !ok {
		return dst, fault(fmt.Errorf("%w: %d does not fit %d bytes", ErrRange, v, o.size))
	}
	return out, nil
}

// appendNumber appends a decimal's unscaled number. The precision bounds it,
// but a fixed may still be too small.
func (o *encodeOp) appendNumber(dst []byte, v int64) (_ []byte, ok bool) {
	size := unscaledSize(v)
	if o.index == 0 { // bytes
		return appendUnscaled(append(dst, byte(size<<1)), v, size), true
	}
	if size > int(o.size) {
		return dst, false
	}
	return appendUnscaled(dst, v, int(o.size)), true
}

// load reads an integer of any size; one above a long's range is not ok.
func load(at unsafe.Pointer, i integer) (int64, bool) {
	switch {
	case i.signed && i.bits == 64:
		return *(*int64)(at), true
	case i.signed && i.bits == 32:
		return int64(*(*int32)(at)), true
	case i.signed && i.bits == 16:
		return int64(*(*int16)(at)), true
	case i.signed:
		return int64(*(*int8)(at)), true
	case i.bits == 64:
		return int64(*(*uint64)(at)), *(*uint64)(at) <= math.MaxInt64
	case i.bits == 32:
		return int64(*(*uint32)(at)), true
	case i.bits == 16:
		return int64(*(*uint16)(at)), true
	}
	return int64(*(*uint8)(at)), true
}
