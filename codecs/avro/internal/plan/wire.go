package plan

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/gokavro/gokavro/codecs/avro/internal/ast"
)

const (
	truncated = -1 // the datum ends in a number
	overlong  = -2 // a number has more than 64 bits
)

// varint reads an unsigned number. A negative next says what is wrong.
func varint(data []byte, pos int) (u uint64, next int) {
	if uint(pos) < uint(len(data)) && data[pos] < 0x80 {
		return uint64(data[pos]), pos + 1
	}
	return longVarint(data, pos)
}

func longVarint(data []byte, pos int) (u uint64, next int) {
	if uint(pos) > uint(len(data)) {
		return 0, truncated
	}
	rest := data[pos:]
	for i, b := range rest {
		if b < 0x80 {
			if i == 9 && b > 1 {
				return 0, overlong
			}
			return u | uint64(b)<<(7*i), pos + i + 1
		}
		if i == 9 {
			return 0, overlong
		}
		u |= uint64(b&0x7f) << (7 * i)
	}
	return 0, truncated
}

func zigzag(u uint64) int64 { return int64(u>>1) ^ -int64(u&1) }

func appendLong(dst []byte, v int64) []byte {
	u := uint64(v)<<1 ^ uint64(v>>63)
	if u < 0x80 {
		return append(dst, byte(u))
	}
	return binary.AppendUvarint(dst, u)
}

// wire is what a schema says about bytes: enough to skip a datum, and to know
// the least that a datum takes.
type wire struct {
	kind  ast.Kind
	size  int // of a fixed
	count int // of an enum's symbols
	least int // bytes that a datum takes at least
	parts []*wire
	names []string // of a record's fields
}

// wires holds the wire form of each node met, and the sizes of records.
type wires struct {
	nodes map[*ast.Node]*wire
	sizes map[*ast.Node]int
}

func newWires() *wires {
	return &wires{nodes: map[*ast.Node]*wire{}, sizes: map[*ast.Node]int{}}
}

// of returns the wire form of a node.
func (ws *wires) of(n *ast.Node) *wire {
	if known := ws.nodes[n]; known != nil {
		return known
	}
	w := &wire{kind: n.Kind, size: max(n.Size, 0), count: len(n.Symbols), least: ws.least(n)}
	ws.nodes[n] = w
	switch n.Kind {
	case ast.Record:
		for _, f := range n.Fields {
			w.parts, w.names = append(w.parts, ws.of(f.Type)), append(w.names, f.Name)
		}
	case ast.Array, ast.Map:
		w.parts = []*wire{ws.of(n.Items)}
	case ast.Union:
		for _, b := range n.Branches {
			w.parts = append(w.parts, ws.of(b))
		}
	}
	return w
}

// least returns how many bytes a datum of n takes at least. A record in itself
// counts as none: no datum of it ends, and reading meets the depth limit.
func (ws *wires) least(n *ast.Node) int {
	switch n.Kind {
	case ast.Null:
		return 0
	case ast.Float:
		return 4
	case ast.Double:
		return 8
	case ast.Fixed:
		return max(n.Size, 0)
	case ast.Union:
		return ws.leastBranch(n)
	case ast.Record:
		return ws.leastRecord(n)
	}
	return 1
}

func (ws *wires) leastBranch(n *ast.Node) int {
	smallest := 0
	for i, b := range n.Branches {
		if size := ws.least(b); i == 0 || size < smallest {
			smallest = size
		}
	}
	return saturate(1 + smallest)
}

func (ws *wires) leastRecord(n *ast.Node) int {
	if size, known := ws.sizes[n]; known {
		return size
	}
	ws.sizes[n] = 0
	sum := 0
	for _, f := range n.Fields {
		sum = saturate(sum + ws.least(f.Type))
	}
	ws.sizes[n] = sum
	return sum
}

// saturate keeps sums of sizes from a schema far from overflow.
func saturate(size int) int {
	if size < 0 || size > math.MaxInt32 {
		return math.MaxInt32
	}
	return size
}

// skip goes past a datum that is not wanted, under the limits of one that is.
func (r *reader) skip(w *wire, pos int) (int, *Error) {
	switch w.kind {
	case ast.Null:
		return pos, nil
	case ast.Boolean:
		return r.past(pos, 1)
	case ast.Int, ast.Enum:
		return r.skipInt(w, pos)
	case ast.Long:
		_, next, err := r.long(pos)
		return next, err
	case ast.Float:
		return r.past(pos, 4)
	case ast.Double:
		return r.past(pos, 8)
	case ast.Fixed:
		return r.past(pos, w.size)
	case ast.Bytes, ast.String:
		size, next, err := r.length(pos)
		return next + size, err
	case ast.Union:
		i, next, err := r.index(pos, len(w.parts), "union")
		if err != nil {
			return pos, err
		}
		return r.skip(w.parts[i], next)
	}
	if r.depth <= 0 {
		return pos, r.fault(pos, ErrDeep)
	}
	r.depth--
	pos, err := r.skipParts(w, pos)
	r.depth++
	return pos, err
}

func (r *reader) skipParts(w *wire, pos int) (_ int, err *Error) {
	if w.kind != ast.Record {
		return r.skipBlocks(w, pos)
	}
	for i, part := range w.parts {
		if pos, err = r.skip(part, pos); err != nil {
			return pos, err.within(w.names[i])
		}
	}
	return pos, nil
}

func (r *reader) skipInt(w *wire, pos int) (int, *Error) {
	if w.kind == ast.Enum {
		_, next, err := r.index(pos, w.count, "enum")
		return next, err
	}
	v, next, err := r.long(pos)
	if err == nil && v != int64(int32(v)) {
		return pos, r.fault(pos, ErrRange)
	}
	return next, err
}

// skipBlocks walks the items even where a block tells its size in bytes: what
// is skipped is checked as well as what is read.
func (r *reader) skipBlocks(w *wire, pos int) (int, *Error) {
	item := w.parts[0]
	isMap := w.kind == ast.Map
	total := 0
	for {
		count, next, err := r.block(pos, blockLeast(item.least, isMap))
		if err != nil || count == 0 {
			return next, err
		}
		pos = next
		for range count {
			if isMap {
				size, next, err := r.length(pos)
				if err != nil {
					return pos, err.item(total)
				}
				pos = next + size
			}
			if pos, err = r.skip(item, pos); err != nil {
				return pos, err.item(total)
			}
			total++
		}
	}
}

// blockLeast returns how many bytes an item takes at least; a map's has a key.
func blockLeast(item int, isMap bool) int {
	if isMap {
		return item + 1
	}
	return item
}

// reader is one datum while it is read.
type reader struct {
	data   []byte
	text   string // a copy of part of data, which strings share
	textAt int    // where in data the copy begins
	window int    // how much is copied at a time for strings to share
	memory int    // bytes that may still be allocated
	empty  int    // items without bytes that may still come
	depth  int    // levels that may still be entered
}

func (r *reader) fault(pos int, err error) *Error { return &Error{Offset: pos, Err: err} }

// badVarint turns the next of varint into an error.
func (r *reader) badVarint(pos, next int) *Error {
	if next == overlong {
		return r.fault(pos, ErrVarint)
	}
	return r.fault(pos, ErrShort)
}

// charge counts memory about to be allocated.
func (r *reader) charge(pos, size int) *Error {
	if size < 0 || size > r.memory {
		return r.fault(pos, ErrMemory)
	}
	r.memory -= size
	return nil
}

func (r *reader) past(pos, size int) (int, *Error) {
	if size > len(r.data)-pos {
		return pos, r.fault(pos, ErrShort)
	}
	return pos + size, nil
}

func (r *reader) long(pos int) (int64, int, *Error) {
	u, next := varint(r.data, pos)
	if next < 0 {
		return 0, pos, r.badVarint(pos, next)
	}
	return zigzag(u), next, nil
}

// length reads the length of bytes or a string, which the datum has.
func (r *reader) length(pos int) (size, next int, err *Error) {
	v, next, err := r.long(pos)
	switch {
	case err != nil:
		return 0, pos, err
	case v < 0:
		return 0, pos, r.fault(pos, fmt.Errorf("the length %d is negative", v))
	case v > int64(len(r.data)-next):
		return 0, pos, r.fault(pos, fmt.Errorf("%w: %d bytes are claimed, %d are left", ErrShort, v, len(r.data)-next))
	}
	return int(v), next, nil
}

// index reads the index of an enum's symbol or a union's branch.
func (r *reader) index(pos, count int, what string) (i, next int, err *Error) {
	v, next, err := r.long(pos)
	switch {
	case err != nil:
		return 0, pos, err
	case v < 0 || v >= int64(count):
		return 0, pos, r.fault(pos, fmt.Errorf("the %s has no index %d, it has %d", what, v, count))
	}
	return int(v), next, nil
}

// block reads the head of an array's or map's block, of items that take least
// bytes each; a count of 0 ends the array or map.
func (r *reader) block(pos, least int) (count, next int, err *Error) {
	v, next, err := r.long(pos)
	if err != nil {
		return 0, pos, err
	}
	if v < 0 {
		if v == math.MinInt64 {
			return 0, pos, r.fault(pos, fmt.Errorf("%w: the block count is %d", ErrRange, v))
		}
		v = -v
		if _, next, err = r.length(next); err != nil {
			return 0, pos, err
		}
	}
	switch left := len(r.data) - next; {
	case least > 0 && v > int64(left/least):
		return 0, pos, r.fault(pos, fmt.Errorf("%w: %d items are claimed in %d bytes", ErrShort, v, left))
	case least == 0 && v > int64(r.empty):
		return 0, pos, r.fault(pos, fmt.Errorf("%w: %d more are claimed", ErrEmpty, v))
	case least == 0:
		r.empty -= int(v)
	}
	return int(v), next, nil
}
