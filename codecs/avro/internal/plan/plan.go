// Package plan compiles a pair of schemas and a Go type into lists of
// operations on field offsets, and runs them: Avro binary to and from Go
// values without a walk over types and without maps of fields.
//
// All use of package unsafe in the Avro codec is in this package. An operation
// touches memory at a type's own address plus an offset that reflect gave for
// that type, and it stores pointers only through their Go types.
package plan

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Limits bound what a datum may cost. The zero value of each stands for its
// default.
type Limits struct {
	// Depth bounds records, arrays and maps inside each other; 500 by default.
	Depth int
	// ZeroSizeItems bounds the items of arrays that take no bytes, such as
	// nulls, summed over the datum; 1,000,000 by default.
	ZeroSizeItems int
	// Bytes bounds the memory that decoding one datum may allocate, in bytes;
	// 64 MB by default.
	Bytes int
}

// WithDefaults returns the limits with defaults for those not set.
func (l Limits) WithDefaults() Limits {
	return Limits{
		Depth:         cmp.Or(max(l.Depth, 0), 500),
		ZeroSizeItems: cmp.Or(max(l.ZeroSizeItems, 0), 1_000_000),
		Bytes:         cmp.Or(max(l.Bytes, 0), 64<<20),
	}
}

// Causes that an [Error] wraps.
var (
	ErrShort    = errors.New("the datum ends too early")
	ErrVarint   = errors.New("a number is longer than its type allows")
	ErrRange    = errors.New("a number does not fit its type")
	ErrUTF8     = errors.New("a string is not valid UTF-8")
	ErrDeep     = errors.New("the datum is nested deeper than the limit")
	ErrEmpty    = errors.New("more items without bytes than the limit")
	ErrMemory   = errors.New("the datum takes more memory than the limit")
	ErrNil      = errors.New("the value is nil, and the schema does not allow null")
	ErrTrailing = errors.New("bytes are left after the end of the datum")
)

// Error is a datum that cannot be read or a value that cannot be written.
type Error struct {
	// Path is the dotted path of the field, with [i] for items and quoted map
	// keys; it is empty at the top.
	Path string
	// Offset is the position in the data in bytes; 0 when encoding.
	Offset int
	Err    error
	encode bool
}

// Error returns the path, the position and the cause.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Path != "" {
		b.WriteString(shorten(e.Path))
		b.WriteString(": ")
	}
	b.WriteString(e.Err.Error())
	if !e.encode {
		b.WriteString(" (at byte ")
		b.WriteString(strconv.Itoa(e.Offset))
		b.WriteString(")")
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// shorten leaves out the middle of a path that a deep datum made long.
func shorten(path string) string {
	const ends = 100
	if len(path) <= 2*ends {
		return path
	}
	return strings.ToValidUTF8(path[:ends], "") + ".." + strings.ToValidUTF8(path[len(path)-ends:], "")
}

// within puts a part of the path before the error's own.
func (e *Error) within(part string) *Error {
	e.Path = join(part, e.Path)
	return e
}

func (e *Error) item(i int) *Error { return e.within("[" + strconv.Itoa(i) + "]") }

func (e *Error) key(key string) *Error { return e.within("[" + strconv.Quote(shorten(key)) + "]") }

func join(path, part string) string {
	if path == "" || part == "" || part[0] == '[' {
		return path + part
	}
	return path + "." + part
}

// Branch is a value of a union whose branch the Go type does not tell, such as
// one of two records. Decoding into an any makes it only where needed;
// encoding takes it in any union.
type Branch struct {
	// Name is the full name of a named type, the type's word for others.
	Name  string
	Value any
}

// Duration is the natural Go form of the duration logical type.
type Duration struct {
	Months, Days, Millis uint32
}

// faults collects what does not fit between a schema and a Go type.
type faults []string

func (f *faults) add(path, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if path != "" {
		text = path + ": " + text
	}
	*f = append(*f, text)
}

// err returns one error that names all faults, nil for none.
func (f faults) err(what string) error {
	if len(f) == 0 {
		return nil
	}
	return fmt.Errorf("%s: %s", what, strings.Join(f, "; "))
}
