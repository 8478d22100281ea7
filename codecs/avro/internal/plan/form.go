package plan

import (
	"math/big"
	"reflect"
	"time"

	"github.com/gokavro/gokavro/codecs/avro/internal/ast"
)

// form is the logical type of a node where it fits the node's type.
type form uint8

const (
	plain form = iota
	date
	timeMillis
	timeMicros
	timestampMillis
	timestampMicros
	timestampNanos
	localMillis
	localMicros
	localNanos
	decimal
	uuid
	duration
)

// logicalForm gives the form of a logical type's word on a kind.
func logicalForm(kind ast.Kind, word string) form {
	switch kind {
	case ast.Int:
		return intForm(word)
	case ast.Long:
		return longForm(word)
	case ast.String:
		if word == "uuid" {
			return uuid
		}
	}
	return plain
}

func intForm(word string) form {
	switch word {
	case "date":
		return date
	case "time-millis":
		return timeMillis
	}
	return plain
}

func longForm(word string) form {
	switch word {
	case "time-micros":
		return timeMicros
	case "timestamp-millis":
		return timestampMillis
	case "timestamp-micros":
		return timestampMicros
	case "timestamp-nanos":
		return timestampNanos
	case "local-timestamp-millis":
		return localMillis
	case "local-timestamp-micros":
		return localMicros
	case "local-timestamp-nanos":
		return localNanos
	}
	return plain
}

// maxPrecision bounds decimals: working with one takes time that grows with
// the square of its digits.
const maxPrecision = 4096

// formOf returns the form of a node; a logical type that does not fit its type
// is ignored, as the specification demands.
func formOf(n *ast.Node) form {
	switch {
	case n.Logical == "":
		return plain
	case n.Logical == "decimal" && (n.Kind == ast.Bytes || n.Kind == ast.Fixed):
		fits := n.Precision > 0 && n.Scale >= 0 && n.Scale <= n.Precision && n.Precision <= maxPrecision
		if fits && (n.Kind == ast.Bytes || n.Precision <= digitsIn(n.Size)) {
			return decimal
		}
	case n.Kind == ast.Fixed && n.Logical == "uuid" && n.Size == 16:
		return uuid
	case n.Kind == ast.Fixed && n.Logical == "duration" && n.Size == 12:
		return duration
	}
	return logicalForm(n.Kind, n.Logical)
}

// digitsIn returns how many decimal digits a number of size bytes always holds.
func digitsIn(size int) int {
	const digitsPerByte = 2.408239965311849 // log10(256)
	if size > maxPrecision {
		return maxPrecision
	}
	return int(float64(size)*digitsPerByte - 0.30103)
}

func (f form) isTime() bool { return f == date || f >= timestampMillis && f <= localNanos }

var (
	typeTime     = reflect.TypeFor[time.Time]()
	typeSpan     = reflect.TypeFor[time.Duration]()
	typeRat      = reflect.TypeFor[big.Rat]()
	typeRatPtr   = reflect.TypeFor[*big.Rat]()
	typeAny      = reflect.TypeFor[any]()
	typeAnyMap   = reflect.TypeFor[map[string]any]()
	typeAnySlice = reflect.TypeFor[[]any]()
	typeString   = reflect.TypeFor[string]()
	typeBytes    = reflect.TypeFor[[]byte]()
	typeDuration = reflect.TypeFor[Duration]()
)

// natural returns the Go type that an any holds for a node, nil for null and
// for unions.
func natural(n *ast.Node) reflect.Type {
	f := formOf(n)
	switch {
	case f.isTime():
		return typeTime
	case f == timeMillis || f == timeMicros:
		return typeSpan
	case f == decimal:
		return typeRatPtr
	case f == duration:
		return typeDuration
	}
	switch n.Kind {
	case ast.Boolean:
		return reflect.TypeFor[bool]()
	case ast.Int:
		return reflect.TypeFor[int32]()
	case ast.Long:
		return reflect.TypeFor[int64]()
	case ast.Float:
		return reflect.TypeFor[float32]()
	case ast.Double:
		return reflect.TypeFor[float64]()
	case ast.Bytes, ast.Fixed:
		return typeBytes
	case ast.String, ast.Enum:
		return typeString
	case ast.Array:
		return typeAnySlice
	case ast.Map, ast.Record:
		return typeAnyMap
	}
	return nil
}

// isSpan3 reports whether t has the shape of a duration: three uint32 fields.
func isSpan3(t reflect.Type) bool {
	if t.Kind() != reflect.Struct || t.NumField() != 3 {
		return false
	}
	for i := range 3 {
		if t.Field(i).Type.Kind() != reflect.Uint32 {
			return false
		}
	}
	return true
}

func isByteArray(t reflect.Type, size int) bool {
	return t.Kind() == reflect.Array && t.Elem().Kind() == reflect.Uint8 && t.Len() == size
}

func isByteSlice(t reflect.Type) bool {
	return t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8
}

// isTimeType reports whether t is time.Time itself; named types of it have
// none of its methods but the same memory, so they count too.
func isTimeType(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && t.ConvertibleTo(typeTime)
}

func describe(n *ast.Node) string {
	word := n.Kind.String()
	if n.Kind.Named() {
		word += " " + n.Name
	}
	if formOf(n) != plain {
		word += " (" + n.Logical + ")"
	}
	return word
}
