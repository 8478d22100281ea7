package plan

import (
	"fmt"
	"math"
	"reflect"
	"unsafe"

	"github.com/gokavro/gokavro/codecs/avro/internal/ast"
	"github.com/gokavro/gokavro/codecs/avro/internal/resolve"
)

// Decoder reads what was written with one schema, in the form of another, into
// values of one Go type. It is safe for concurrent use.
type Decoder struct {
	root   *program
	limits Limits
	window int
}

// NewDecoder compiles a decoder into values of type t. Every mismatch between
// the reader's schema and t is named in one error; fields of the schema that a
// struct has not are skipped. What cannot be resolved fails when a datum
// needs it.
func NewDecoder(action *resolve.Action, t reflect.Type, types *Types, limits Limits) (*Decoder, error) {
	if err := types.err(); err != nil {
		return nil, err
	}
	c := newDecodeCompiler(types)
	root := c.program(action, t, "")
	if err := c.faults.err(fmt.Sprintf("reading %s into %s", describe(action.Reader), t)); err != nil {
		return nil, err
	}
	d := &Decoder{root: root, limits: limits.WithDefaults()}
	// A lone string is copied by itself; more of them share copies of this size.
	if c.strings > 1 {
		d.window = 256
	}
	return d, nil
}

// Decode reads data, which must be one datum and nothing else. Into points to
// a zeroed value of the decoder's type; after an error it must not be used.
// Nothing in it refers to data. An error is an [*Error].
func (d *Decoder) Decode(data []byte, into unsafe.Pointer) error {
	r := reader{
		data: data, window: d.window, memory: d.limits.Bytes, empty: d.limits.ZeroSizeItems,
		depth: d.limits.Depth - d.root.levels,
	}
	pos, err := r.run(d.root, into, 0)
	if err != nil {
		return err
	}
	if pos != len(data) {
		return r.fault(pos, fmt.Errorf("%w: %d", ErrTrailing, len(data)-pos))
	}
	return nil
}

// program reads one value: operations on memory at offsets from its address.
type program struct {
	ops    []op
	levels int // levels of nesting that the value itself is
}

// op is one step of a program.
type op struct {
	code opcode
	null uint8   // index of a nullable union's null
	cost uint16  // levels entered beside the sub-program's own
	off  uintptr // where the value goes
	size uintptr // of an item, or of a fixed in bytes
	sub  *program
	x    *detail
}

// detail is what only some operations and errors need.
type detail struct {
	path      string // from the program's value
	typ       reflect.Type
	form      ast.Form
	least     int // bytes of an item
	symbols   []string
	index     []int      // of an enum: the reader's by the writer's
	subs      []*program // of a union, by branch
	names     []string   // of a record in a map: the keys of subs
	wire      *wire      // to skip
	pointer   any        // a nil *T to make addressable values from
	integer   integer
	scale     int
	digits    int // precision
	err       error
	data      []byte // of a default
	value     reflect.Value
	bits      uint64
	scratch   *scratch
	mapOf     mapKind
	custom    *Custom
	fractions fractions // of a decimal's scale
	held      held      // of a sealed interface
}

type opcode uint8

const (
	opSkip   opcode = iota
	opLong64        // long into 64 bits
	opInt64         // int into 64 bits
	opInt32         // int into 32 bits
	opString
	opDouble
	opBool
	opFixed
	opNullable
	opSlice
	opEnum
	opDecimal64
	opTime
	// The rest is not in the hot loop.
	opNothing
	opInteger
	opFloat
	opFloatFromInt
	opDoubleFromInt
	opFloatFrom64
	opDoubleTo32
	opBytes
	opFixedBytes
	opPointer
	opMap
	opUnion
	opThrough
	opDate
	opSpan
	opRat
	opUUIDText
	opUUIDString
	opDuration
	opText
	opEnumText
	opBox
	opBranch
	opSealed
	opCustom
	opRecordMap
	opFail
	opConst8
	opConst32
	opConst64
	opConstString
	opConstValue
	opDefault
)

// run executes a program for the value at base and returns where its bytes end.
func (r *reader) run(p *program, base unsafe.Pointer, pos int) (int, *Error) {
	var err *Error
	for i := range p.ops {
		o := &p.ops[i]
		at := unsafe.Add(base, o.off)
		switch o.code {
		case opLong64:
			u, next := varint(r.data, pos)
			if next < 0 {
				return pos, r.badVarint(pos, next).within(o.x.path)
			}
			*(*int64)(at), pos = zigzag(u), next
		case opInt64, opInt32:
			u, next := varint(r.data, pos)
			if next < 0 || u > math.MaxUint32 {
				return pos, r.badInt(pos, next).within(o.x.path)
			}
			if o.code == opInt32 {
				*(*int32)(at) = int32(zigzag(u))
			} else {
				*(*int64)(at) = zigzag(u)
			}
			pos = next
		case opString:
			pos, err = r.string(at, pos)
		case opDouble:
			if len(r.data)-pos < 8 {
				return pos, r.fault(pos, ErrShort).within(o.x.path)
			}
			*(*float64)(at) = math.Float64frombits(le64(r.data[pos:]))
			pos += 8
		case opBool:
			if pos >= len(r.data) || r.data[pos] > 1 {
				return pos, r.badBool(pos).within(o.x.path)
			}
			*(*bool)(at) = r.data[pos] == 1
			pos++
		case opFixed:
			if uintptr(len(r.data)-pos) < o.size {
				return pos, r.fault(pos, ErrShort).within(o.x.path)
			}
			copy(unsafe.Slice((*byte)(at), o.size), r.data[pos:])
			pos += int(o.size)
		case opNullable:
			pos, err = r.nullable(o, at, pos)
		case opSlice:
			pos, err = r.slice(o, at, pos)
		case opEnum:
			pos, err = r.enum(o, at, pos)
		case opDecimal64:
			pos, err = r.decimal64(o, at, pos)
		case opTime:
			pos, err = r.time(o, at, pos)
		case opSkip:
			pos, err = r.skip(o.x.wire, pos)
		default:
			pos, err = r.rare(o, at, pos)
		}
		if err != nil {
			return pos, err.within(o.x.path)
		}
	}
	return pos, nil
}

func le32(b []byte) uint32 {
	return uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
}

func le64(b []byte) uint64 { return uint64(le32(b)) | uint64(le32(b[4:]))<<32 }

func (r *reader) badInt(pos, next int) *Error {
	if next < 0 {
		return r.badVarint(pos, next)
	}
	return r.fault(pos, fmt.Errorf("%w: an int has more than 32 bits", ErrRange))
}

func (r *reader) badBool(pos int) *Error {
	if pos >= len(r.data) {
		return r.fault(pos, ErrShort)
	}
	return r.fault(pos, fmt.Errorf("%w: a boolean is 0 or 1, not %d", ErrRange, r.data[pos]))
}

// string reads a string. Strings near each other share one copy of the bytes
// that hold them all, so that each does not need memory of its own.
func (r *reader) string(at unsafe.Pointer, pos int) (int, *Error) {
	text, next, err := r.readString(pos)
	if err != nil {
		return pos, err
	}
	*(*string)(at) = text
	return next, nil
}

func (r *reader) readString(pos int) (text string, next int, err *Error) {
	u, from := varint(r.data, pos)
	if from < 0 || u&1 != 0 || u>>1 > uint64(len(r.data)-from) {
		_, _, err := r.length(pos)
		return "", pos, err
	}
	size := int(u >> 1)
	if size == 0 {
		return "", from, nil
	}
	next = from + size
	if !isText(r.data[from:next]) {
		return "", pos, r.fault(from, ErrUTF8)
	}
	if start := from - r.textAt; start >= 0 && start+size <= len(r.text) {
		return r.text[start : start+size], next, nil
	}
	return r.copyText(from, size)
}

// copyText copies a string, and what is behind it up to the window's size.
func (r *reader) copyText(from, size int) (text string, next int, err *Error) {
	end := min(max(size, r.window), len(r.data)-from)
	if size > r.window/2 {
		end = size
	}
	if err := r.charge(from, end); err != nil {
		return "", from, err
	}
	copied := string(r.data[from : from+end])
	if end > size {
		r.text, r.textAt = copied, from
	}
	return copied[:size], from + size, nil
}

// enter takes the levels of an operation with a sub-program, and says whether
// there are as many.
func (r *reader) enter(o *op, p *program) bool {
	r.depth -= int(o.cost) + p.levels
	return r.depth >= 0
}

func (r *reader) leave(o *op, p *program) { r.depth += int(o.cost) + p.levels }

func (r *reader) sub(o *op, p *program, at unsafe.Pointer, pos int) (int, *Error) {
	if !r.enter(o, p) {
		return pos, r.fault(pos, ErrDeep)
	}
	pos, err := r.run(p, at, pos)
	r.leave(o, p)
	return pos, err
}

// nullable reads a union of null and one other type into a pointer.
func (r *reader) nullable(o *op, at unsafe.Pointer, pos int) (int, *Error) {
	if pos < len(r.data) && r.data[pos] <= 2 && r.data[pos] != 1 {
		if r.data[pos] == o.null<<1 {
			return pos + 1, nil
		}
		return r.pointer(o, at, pos+1)
	}
	i, next, err := r.index(pos, 2, "union")
	if err != nil || i == int(o.null) {
		return next, err
	}
	return r.pointer(o, at, next)
}

// pointer makes what a pointer points to and reads it.
func (r *reader) pointer(o *op, at unsafe.Pointer, pos int) (int, *Error) {
	if err := r.charge(pos, int(o.size)); err != nil {
		return pos, err
	}
	target := reflect.New(o.x.typ).UnsafePointer()
	*(*unsafe.Pointer)(at) = target
	return r.sub(o, o.sub, target, pos)
}

func (r *reader) enum(o *op, at unsafe.Pointer, pos int) (int, *Error) {
	symbol, next, err := r.symbol(o, pos)
	if err == nil {
		*(*string)(at) = symbol
	}
	return next, err
}

func (r *reader) symbol(o *op, pos int) (string, int, *Error) {
	i, next, err := r.index(pos, len(o.x.index), "enum")
	if err != nil {
		return "", pos, err
	}
	known := o.x.index[i]
	if known < 0 {
		return "", pos, r.fault(pos, fmt.Errorf("the reader's enum does not know the writer's symbol %d and has no default", i))
	}
	return o.x.symbols[known], next, nil
}
