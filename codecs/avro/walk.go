package avro

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

const (
	// maxDepth bounds records, unions, arrays and maps inside each other, as
	// the decoder does it.
	maxDepth = 1000
	// maxEmptyItems bounds the items of an array that take no bytes, as the
	// decoder does it.
	maxEmptyItems = 4096
	// A datum may hold so many values, and so many more for each of its bytes.
	// Those that take no bytes, such as nulls, would cost nothing to claim.
	freeValues, valuesPerByte = 1 << 16, 1 << 4
)

var (
	errDeep  = errors.New("it is nested too deeply")
	errEmpty = errors.New("it claims too many values that take no bytes")
	errShort = errors.New("it ends too early")
	errRange = errors.New("a number does not fit its type")
)

// walker goes through the bytes of a datum and checks all that decoding would
// check, without making values of them. It reserves nothing that the datum
// has not shown. With json set it writes the values down as it goes.
type walker struct {
	json   bool
	out    []byte
	values int // that may still come
	depth  int
}

// skim checks the datum that src begins with and returns what is behind it.
func (s *ParsedSchema) skim(src []byte) (rest []byte, err error) {
	of, err := s.shape()
	if err != nil {
		return nil, err
	}
	w := walker{values: allowed(src)}
	return w.run(of, src)
}

// Validate says why datum is not exactly one datum of the schema, nil when it
// is. Nothing is decoded: it reserves no memory.
func (s *ParsedSchema) Validate(datum []byte) error {
	rest, err := s.skim(datum)
	if err != nil {
		return err
	}
	return checkEnd(rest)
}

func allowed(src []byte) int { return freeValues + valuesPerByte*len(src) }

func (w *walker) run(of *shape, src []byte) ([]byte, error) {
	rest, err := w.walk(of, src)
	if err != nil {
		return nil, fmt.Errorf("avro: decoding: %w", err)
	}
	return rest, nil
}

func (w *walker) walk(of *shape, src []byte) ([]byte, error) {
	if w.values--; w.values < 0 {
		return nil, errEmpty
	}
	switch of.kind {
	case kindRecord, kindArray, kindMap, kindUnion:
		return w.nested(of, src)
	}
	return w.scalar(of, src)
}

func (w *walker) nested(of *shape, src []byte) (rest []byte, err error) {
	if w.depth == maxDepth {
		return nil, errDeep
	}
	w.depth++
	switch of.kind {
	case kindRecord:
		rest, err = w.record(of, src)
	case kindUnion:
		rest, err = w.union(of, src)
	default:
		rest, err = w.blocks(of, src)
	}
	w.depth--
	return rest, err
}

func (w *walker) record(of *shape, src []byte) (_ []byte, err error) {
	w.text("{")
	for i := range of.fields {
		field := &of.fields[i]
		w.comma(i)
		w.text(field.label)
		if src, err = w.walk(field.of, src); err != nil {
			return nil, inField(field.name, err)
		}
	}
	w.text("}")
	return src, nil
}

func (w *walker) union(of *shape, src []byte) ([]byte, error) {
	branch, src, err := branchOf(of, src)
	if err != nil {
		return nil, err
	}
	return w.walk(branch, src)
}

func branchOf(union *shape, src []byte) (*shape, []byte, error) {
	n, src, err := readInt(src)
	if err != nil {
		return nil, nil, err
	}
	if n < 0 || n >= int64(len(union.branches)) {
		return nil, nil, fmt.Errorf("a union has no branch %d", n)
	}
	return union.branches[n], src, nil
}

// blocks walks an array or a map.
func (w *walker) blocks(of *shape, src []byte) ([]byte, error) {
	open, end, least := "[", "]", of.inner.least
	if of.kind == kindMap {
		open, end, least = "{", "}", least+1
	}
	w.text(open)
	total := 0
	for {
		count, rest, err := readCount(src)
		if err != nil {
			return nil, err
		}
		if src = rest; count == 0 {
			w.text(end)
			return src, nil
		}
		// The count is compared before it becomes an int.
		switch {
		case least > 0 && count > int64(len(src)/least):
			return nil, fmt.Errorf("a block of %d items in %d bytes: %w", count, len(src), errShort)
		case least == 0 && count > int64(maxEmptyItems-total):
			return nil, errEmpty
		}
		if src, err = w.items(of, src, total, int(count)); err != nil {
			return nil, err
		}
		total += int(count)
	}
}

func (w *walker) items(of *shape, src []byte, before, count int) (_ []byte, err error) {
	for i := range count {
		w.comma(before + i)
		if of.kind == kindMap {
			if src, err = w.key(src); err != nil {
				return nil, err
			}
		}
		if src, err = w.walk(of.inner, src); err != nil {
			return nil, err
		}
	}
	return src, nil
}

func (w *walker) key(src []byte) ([]byte, error) {
	key, rest, err := readBytes(src)
	if err != nil {
		return nil, err
	}
	if w.json {
		w.out = append(appendQuoted(w.out, key), ':')
	}
	return rest, nil
}

func (w *walker) scalar(of *shape, src []byte) ([]byte, error) {
	value, rest, err := readScalar(of, src)
	if err != nil {
		return nil, err
	}
	if w.json {
		w.out = value.appendJSON(w.out)
	}
	return rest, nil
}

// fieldError tells where in a datum something is wrong.
type fieldError struct {
	path []string // from the inside out
	err  error
}

func inField(name string, err error) error {
	if fault, ok := errors.AsType[*fieldError](err); ok {
		fault.path = append(fault.path, name)
		return fault
	}
	return &fieldError{path: []string{name}, err: err}
}

// Error names the field by its dotted path, without the middle of a long one.
func (e *fieldError) Error() string {
	const ends = 4
	path := slices.Clone(e.path)
	slices.Reverse(path)
	if len(path) > 2*ends {
		path = slices.Replace(path, ends, len(path)-ends, "…")
	}
	return fmt.Sprintf("field %s: %v", strings.Join(path, "."), e.err)
}

// Unwrap returns the cause.
func (e *fieldError) Unwrap() error { return e.err }

// scalar is a value without parts.
type scalar struct {
	of     *shape
	number int64   // of a boolean, int or long; the index of an enum's symbol
	float  float64 // of a float or double
	bytes  []byte  // of bytes, a string or a fixed, in the datum's memory
}

func readScalar(of *shape, src []byte) (v scalar, rest []byte, err error) {
	v.of = of
	switch of.kind {
	case kindNull:
		return v, src, nil
	case kindBoolean:
		v.bytes, rest, err = take(src, 1)
		if err == nil && v.bytes[0] == 1 {
			v.number = 1
		}
	case kindInt:
		v.number, rest, err = readInt(src)
	case kindLong:
		v.number, rest, err = readLong(src)
	case kindFloat:
		if v.bytes, rest, err = take(src, 4); err == nil {
			v.float = float64(math.Float32frombits(binary.LittleEndian.Uint32(v.bytes)))
		}
	case kindDouble:
		if v.bytes, rest, err = take(src, 8); err == nil {
			v.float = math.Float64frombits(binary.LittleEndian.Uint64(v.bytes))
		}
	case kindEnum:
		v.number, rest, err = readInt(src)
		if err == nil && (v.number < 0 || v.number >= int64(len(of.symbols))) {
			err = fmt.Errorf("an enum has no symbol %d", v.number)
		}
	case kindFixed:
		v.bytes, rest, err = take(src, of.size)
	default:
		v.bytes, rest, err = readBytes(src)
	}
	return v, rest, err
}

func take(src []byte, n int) (taken, rest []byte, err error) {
	if len(src) < n {
		return nil, nil, errShort
	}
	return src[:n:n], src[n:], nil
}

func readLong(src []byte) (int64, []byte, error) {
	n, used := binary.Varint(src)
	switch {
	case used > 0:
		return n, src[used:], nil
	case used == 0:
		return 0, nil, errShort
	}
	return 0, nil, errRange
}

// readInt reads a number that the specification calls an int: 32 bits in at
// most 5 bytes.
func readInt(src []byte) (int64, []byte, error) {
	const longest = 5
	n, rest, err := readLong(src)
	if err == nil && (n != int64(int32(n)) || len(src)-len(rest) > longest) {
		err = errRange
	}
	return n, rest, err
}

func readBytes(src []byte) (bytes, rest []byte, err error) {
	n, src, err := readLong(src)
	if err != nil {
		return nil, nil, err
	}
	if n < 0 || n > int64(len(src)) {
		return nil, nil, fmt.Errorf("a text of %d bytes where %d are left: %w", n, len(src), errShort)
	}
	return take(src, int(n))
}

// readCount reads the head of a block. A negative count comes with the block's
// length, which says nothing that the items do not say, and is not believed.
func readCount(src []byte) (int64, []byte, error) {
	count, src, err := readLong(src)
	if err != nil || count >= 0 {
		return count, src, err
	}
	if count == math.MinInt64 {
		return 0, nil, errRange
	}
	_, src, err = readLong(src)
	return -count, src, err
}
