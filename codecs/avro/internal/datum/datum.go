// Package datum walks, resolves, prints and reads single Avro data by their
// schema's tree. It is the careful path, for tools and for bytes of unknown
// origin: nothing is reserved that the bytes have not shown, and a datum has
// its price in depth, values and output.
//
// A datum is held as its binary encoding and never as a tree of Go values,
// which could take fifty times the memory of its bytes. What this package
// writes has one form: numbers in their shortest form, arrays and maps as one
// block with a positive count.
//
// It takes what Java's decoder takes, with these differences: text that is not
// UTF-8, a boolean that is neither 0 nor 1, a block whose length in bytes does
// not fit and bytes after the end are refused, and what a reader skips is
// checked like what it reads.
//
// # Where implementations differ
//
// Java's way, of those that there are, is taken in these:
//
//   - Schemas that do not go together are a fault only where a datum needs what
//     does not: an int of a union is read as an int, whatever the other branches
//     are, a symbol that both enums have is read, and so is an empty array of
//     items that could not be.
//   - A value is promoted into the first branch of the reader's union that takes
//     it, in the order of the union.
//   - A record that the reader's union does not have by its name is read as a
//     branch of another name, if its fields can be.
//   - Logical types do not count: a time in milliseconds read as one in
//     microseconds keeps its number.
//   - A number may have more bytes than it needs, within those of its type.
//
// In these it is not: bytes that are not UTF-8 are no string (Java puts in
// U+FFFD), and a reader's field is not found by its alias where the writer has
// a field of its present name (Java renames the writer's fields first).
package datum

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gokavro/gokavro/codecs/avro/internal/ast"
)

// Limits bound what a datum may ask for.
type Limits struct {
	// Depth is how many records, arrays and maps may be inside each other,
	// 500 by default.
	Depth int
	// ZeroSizeItems is how many items of arrays a datum may have that take no
	// bytes, summed over its blocks, DefaultZeroSizeItems by default.
	ZeroSizeItems int
}

// DefaultZeroSizeItems is the limit of what takes no bytes and may so be of any
// number: items in a datum, and values in a block of a container file.
const DefaultZeroSizeItems = 1_000_000

func (l Limits) withDefaults() Limits {
	return Limits{Depth: cmp.Or(l.Depth, 500), ZeroSizeItems: cmp.Or(l.ZeroSizeItems, DefaultZeroSizeItems)}
}

// Error tells what is wrong with a datum, and where.
type Error struct {
	// Path names the field, dotted, from the outside in. It is empty at the
	// top, and has no part for items of arrays and maps.
	Path string
	// Offset is the byte, from 0, at which the fault was met: of the binary
	// datum, or of the text in JSON.
	Offset int
	Err    error
}

// Error returns the place and the cause in one line. Of a long path it leaves
// out the middle.
func (e *Error) Error() string {
	if e.Path == "" {
		return fmt.Sprintf("byte %d: %v", e.Offset, e.Err)
	}
	return fmt.Sprintf("field %s, byte %d: %v", shortened(e.Path), e.Offset, e.Err)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

func shortened(path string) string {
	const ends = 4
	parts := strings.Split(path, ".")
	if len(parts) <= 2*ends {
		return path
	}
	return strings.Join(slices.Replace(parts, ends, len(parts)-ends, ".."), ".")
}

// Causes that callers tell apart.
var (
	// ErrShort is that a datum ends before its last value does.
	ErrShort = errors.New("the datum ends too early")
	// ErrDeep is that Limits.Depth was met.
	ErrDeep = errors.New("values are nested too deeply")
	// ErrMany is that a datum claims more values than its bytes pay for.
	ErrMany = errors.New("too many values that take no bytes")
	// ErrLarge is that the result would be far larger than the datum.
	ErrLarge = errors.New("the result is too large for the size of the datum")
	// ErrTrailing is that bytes follow the end of the datum.
	ErrTrailing = errors.New("bytes are left after the end of the datum")
)

// fault is an Error under way: its path grows at the front as the walk returns.
type fault struct {
	path []string // from the inside out
	at   int
	err  error
}

func (f *fault) Error() string { return f.err.Error() }

func faultAt(at int, err error) error { return &fault{at: at, err: err} }

// within adds the name of a field to the place of a fault.
func within(field string, err error) error {
	if f, ok := errors.AsType[*fault](err); ok {
		f.path = append(f.path, field)
	}
	return err
}

// finish makes an Error of a fault.
func finish(err error) error {
	f, ok := errors.AsType[*fault](err)
	if !ok {
		return err
	}
	slices.Reverse(f.path)
	return &Error{Path: strings.Join(f.path, "."), Offset: f.at, Err: f.err}
}

// Schema is a schema's tree made ready to walk data of it. It is immutable and
// safe for concurrent use.
type Schema struct {
	root   *ast.Node
	limits Limits
	least  sizes
}

// New makes a schema ready. Limits that are zero take their defaults.
func New(root *ast.Node, limits Limits) *Schema {
	s := &Schema{root: root, limits: limits.withDefaults(), least: sizes{}}
	s.least.of(root)
	return s
}

// Walk checks that data is exactly one datum of the schema. It allocates
// nothing that depends on what data claims.
func Walk(root *ast.Node, data []byte, limits Limits) error {
	return New(root, limits).Walk(data)
}

// Walk checks that data is exactly one datum of the schema.
func (s *Schema) Walk(data []byte) error {
	n, err := s.Skim(data)
	if err == nil && n < len(data) {
		err = trailing(n, len(data))
	}
	return err
}

// Skim checks the datum that data begins with and returns its length in bytes.
// What it takes, Walk takes without the bytes behind it.
func (s *Schema) Skim(data []byte) (int, error) {
	w := newWalker(data, s.limits, s.least)
	err := w.skip(s.root)
	if err == nil {
		err = w.alone()
	}
	if err != nil {
		return 0, finish(err)
	}
	return w.pos, nil
}

func trailing(at, end int) error {
	return &Error{Offset: at, Err: fmt.Errorf("%w: %d", ErrTrailing, end-at)}
}
