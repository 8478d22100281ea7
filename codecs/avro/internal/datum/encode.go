package datum

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/gokavro/gokavro/codecs/avro/internal/ast"
)

// AppendBinary appends to dst the datum that text is in Avro's JSON encoding.
// It is exact, as Java's JsonDecoder: a record's members, in any order, are its
// fields and all of them, whether or not they have defaults; a union's value
// is null or an object of one member, named after the branch. A float may also
// be the text NaN, Infinity or -Infinity. On an error, whose offset is that in
// text, it returns dst as it was.
func (s *Schema) AppendBinary(dst, text []byte) ([]byte, error) {
	e := newEncoder(dst, text, s.limits)
	if err := e.whole(s.root); err != nil {
		return dst, finish(err)
	}
	return e.dst, nil
}

// freeSteps is how many values a text may have, and stepsPerByte more for each
// of its bytes. Only defaults can have more values than bytes.
const freeSteps = 1 << 16

// encoder reads JSON and writes it down as a datum.
type encoder struct {
	scanner
	dst   []byte
	order []byte                       // scratch for putting fields into their order
	spans []span                       // of the fields that are being read
	depth int                          // that may still come
	steps int                          // values that may still come
	most  int                          // that dst may hold
	names map[*ast.Node]map[string]int // indexes of fields and symbols, once asked for

	// defaults is the form of defaults in schemas: a union's value has no
	// tag, and fields of records may be left out where they have a default.
	defaults bool
}

func newEncoder(dst, text []byte, limits Limits) *encoder {
	return &encoder{
		scanner: scanner{text: text},
		dst:     dst,
		depth:   limits.withDefaults().Depth,
		steps:   freeSteps + stepsPerByte*len(text),
		names:   map[*ast.Node]map[string]int{},
		most:    len(dst) + freeOutput + outputPerByte*len(text),
	}
}

func (e *encoder) whole(n *ast.Node) error {
	if err := e.value(n); err != nil {
		return err
	}
	if e.next(); e.pos < len(e.text) {
		return faultAt(e.pos, fmt.Errorf("%w: more text follows the value", errJSON))
	}
	return nil
}

func (e *encoder) value(n *ast.Node) error {
	if e.steps--; e.steps < 0 || len(e.dst) > e.most {
		return faultAt(e.pos, ErrLarge)
	}
	switch n.Kind {
	case ast.Record:
		return e.nested(n, e.record)
	case ast.Array, ast.Map:
		return e.nested(n, e.items)
	case ast.Union:
		if e.defaults {
			return e.untagged(n)
		}
		return e.union(n)
	}
	return e.scalar(n)
}

// index finds a field of a record or a symbol of an enum, -1 without one.
func (e *encoder) index(n *ast.Node, name string) int {
	known := e.names[n]
	if known == nil {
		known = make(map[string]int, len(n.Fields)+len(n.Symbols))
		for i, f := range n.Fields {
			known[f.Name] = i
		}
		for i, symbol := range n.Symbols {
			known[symbol] = i
		}
		e.names[n] = known
	}
	if i, ok := known[name]; ok {
		return i
	}
	return -1
}

func (e *encoder) nested(n *ast.Node, read func(*ast.Node) error) error {
	if e.depth == 0 {
		return faultAt(e.pos, ErrDeep)
	}
	e.depth--
	err := read(n)
	e.depth++
	return err
}

// items reads an array or a map, as one block.
func (e *encoder) items(n *ast.Node) error {
	open, end, what := byte('['), byte(']'), "an array"
	if n.Kind == ast.Map {
		open, end, what = '{', '}', "an object of the map's entries"
	}
	if err := e.open(open, what); err != nil {
		return err
	}
	start, count := len(e.dst), 0
	e.dst = append(e.dst, 0) // room for a count of up to 63, or the end
	for {
		more, err := e.more(end, count == 0)
		if err != nil {
			return err
		}
		if !more {
			break
		}
		if err := e.item(n); err != nil {
			return err
		}
		count++
	}
	if count > 0 {
		var head [binary.MaxVarintLen64]byte
		k := binary.PutVarint(head[:], int64(count))
		e.dst = append(slices.Replace(e.dst, start, start+1, head[:k]...), 0)
	}
	return nil
}

func (e *encoder) item(n *ast.Node) error {
	if n.Kind == ast.Map {
		name, err := e.key()
		if err != nil {
			return err
		}
		e.dst = append(binary.AppendVarint(e.dst, int64(len(name))), name...)
	}
	return e.value(n.Items)
}

func (e *encoder) union(n *ast.Node) error {
	at := e.pos
	if e.literal("null") {
		i := slices.IndexFunc(n.Branches, func(b *ast.Node) bool { return b.Kind == ast.Null })
		if i < 0 {
			return faultAt(at, errors.New("null where the union has no such branch"))
		}
		e.dst = binary.AppendVarint(e.dst, int64(i))
		return nil
	}
	if err := e.open('{', "null or an object named after a branch of the union"); err != nil {
		return err
	}
	e.next()
	at = e.pos
	name, err := e.key()
	if err != nil {
		return err
	}
	i := slices.IndexFunc(n.Branches, func(b *ast.Node) bool { return b.TypeName() == name })
	if i < 0 || n.Branches[i].Kind == ast.Null {
		return faultAt(at, fmt.Errorf("the union has no branch %.60q", name))
	}
	e.dst = binary.AppendVarint(e.dst, int64(i))
	if err := e.value(n.Branches[i]); err != nil {
		return err
	}
	if !e.accept('}') {
		return e.broken("'}', as a union's value has one member")
	}
	return nil
}

// untagged reads a default into the first branch that it fits.
func (e *encoder) untagged(n *ast.Node) error {
	var first error
	at, start := e.pos, len(e.dst)
	spans, depth := len(e.spans), e.depth
	for i, b := range n.Branches {
		e.dst = binary.AppendVarint(e.dst, int64(i))
		err := e.value(b)
		if err == nil {
			return nil
		}
		if first == nil {
			first = err
		}
		e.pos, e.dst, e.spans, e.depth = at, e.dst[:start], e.spans[:spans], depth
	}
	return first
}

func (e *encoder) scalar(n *ast.Node) (err error) {
	switch n.Kind {
	case ast.Null:
		if !e.literal("null") {
			return e.mismatch("null")
		}
	case ast.Boolean:
		return e.boolean()
	case ast.Int, ast.Long:
		return e.integer(n)
	case ast.Float, ast.Double:
		return e.float(n)
	default:
		return e.textual(n)
	}
	return nil
}

func (e *encoder) boolean() error {
	switch {
	case e.literal("true"):
		e.dst = append(e.dst, 1)
	case e.literal("false"):
		e.dst = append(e.dst, 0)
	default:
		return e.mismatch("a boolean")
	}
	return nil
}

// numeral takes a number and returns where it began.
func (e *encoder) numeral(n *ast.Node) (at int, text string, err error) {
	if c := e.next(); c != '-' && (c < '0' || c > '9') {
		return e.pos, "", e.mismatch(n.Kind.String())
	}
	at = e.pos
	text, err = e.number()
	return at, text, err
}

func (e *encoder) integer(n *ast.Node) error {
	at, text, err := e.numeral(n)
	if err != nil {
		return err
	}
	bits := 64
	if n.Kind == ast.Int {
		bits = 32
	}
	number, err := strconv.ParseInt(text, 10, bits)
	if err != nil {
		return faultAt(at, fmt.Errorf("%w: %.40s is no %s", errRange, text, n.Kind))
	}
	e.dst = binary.AppendVarint(e.dst, number)
	return nil
}

func (e *encoder) float(n *ast.Node) error {
	bits := 64
	if n.Kind == ast.Float {
		bits = 32
	}
	f, err := e.floating(n, bits)
	if err != nil {
		return err
	}
	if bits == 32 {
		e.dst = binary.LittleEndian.AppendUint32(e.dst, math.Float32bits(float32(f)))
	} else {
		e.dst = binary.LittleEndian.AppendUint64(e.dst, math.Float64bits(f))
	}
	return nil
}

// quietNaN is the NaN that Java writes, of all that there are. As a float it
// is the one of 32 bits.
const quietNaN = 0x7ff8 << 48

func (e *encoder) floating(n *ast.Node, bits int) (float64, error) {
	if e.next() == '"' {
		at := e.pos
		if err := e.str(); err != nil {
			return 0, err
		}
		switch string(e.word) {
		case "NaN":
			return math.Float64frombits(quietNaN), nil
		case "Infinity":
			return math.Inf(1), nil
		case "-Infinity":
			return math.Inf(-1), nil
		}
		return 0, faultAt(at, fmt.Errorf("the text %.40q is no %s", e.word, n.Kind))
	}
	at, text, err := e.numeral(n)
	if err != nil {
		return 0, err
	}
	f, err := strconv.ParseFloat(text, bits)
	if err != nil {
		return 0, faultAt(at, fmt.Errorf("%w: %.40s is no %s", errRange, text, n.Kind))
	}
	return f, nil
}
