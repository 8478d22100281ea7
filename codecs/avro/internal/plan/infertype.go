package plan

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"strconv"

	"github.com/gokavro/gokavro/codecs/avro/internal/ast"
)

// maxInferDepth bounds pointers, slices and maps inside each other.
const maxInferDepth = 500

// typeOf returns what a field's type stands for.
func (in *inference) typeOf(t reflect.Type, o tagOptions, depth int) (*outline, error) {
	if depth > maxInferDepth {
		return nil, fmt.Errorf("the type %s has no end", t)
	}
	custom := in.types.customOf(t)
	switch {
	case custom != nil && custom.schema != "":
		return givenOutline(custom.schema)
	case custom != nil:
		return in.typeOf(custom.as, o, depth+1)
	case in.types.sealedBy(t) != nil:
		return in.sealed(t, depth)
	case t.Kind() == reflect.Pointer:
		inner, err := in.typeOf(t.Elem(), o, depth+1)
		if err != nil {
			return nil, err
		}
		return inner.orNull(), nil
	case t == typeTime:
		return timeOutline(t, o.logical, "timestamp-millis")
	case t == typeSpan:
		return timeOutline(t, o.logical, "time-millis")
	case t == typeDuration:
		if o.logical != "" {
			return nil, fmt.Errorf("a %s is a duration, not a %s", t, o.logical)
		}
		return &outline{kind: "fixed", name: "duration", size: 12, logical: "duration"}, nil
	case t == typeRat || o.logical == "decimal":
		return decimalOutline(t, o)
	case o.logical == "uuid":
		return in.uuidOutline(t)
	case o.logical != "":
		return numberOutline(t, o.logical)
	}
	text, err := isTextType(t)
	if err != nil || text {
		return &outline{ref: "string"}, err
	}
	return in.kindOf(t, depth)
}

func baseOf(logical string) string {
	switch {
	case ast.IntForm(logical) != ast.Plain:
		return "int"
	case ast.LongForm(logical) != ast.Plain:
		return "long"
	}
	return ""
}

func timeOutline(t reflect.Type, logical, usual string) (*outline, error) {
	if logical == "" {
		logical = usual
	}
	base := baseOf(logical)
	if base == "" {
		return nil, fmt.Errorf("a %s cannot be a %s", t, logical)
	}
	return &outline{kind: base, logical: logical}, nil
}

func decimalOutline(t reflect.Type, o tagOptions) (*outline, error) {
	_, scaled := integerOf(t)
	switch {
	case t == typeRat && (o.logical != "decimal" || o.decimal == [2]int{}):
		return nil, errors.New("a big.Rat needs the option decimal(precision,scale)")
	case t != typeRat && !scaled:
		return nil, fmt.Errorf("a decimal is a big.Rat or an integer, not a %s", t)
	}
	return &outline{kind: "bytes", logical: "decimal", decimal: o.decimal}, nil
}

func numberOutline(t reflect.Type, logical string) (*outline, error) {
	number, ok := integerOf(t)
	base, natural := baseOf(logical), "long"
	if number.bits < 32 || number.bits == 32 && number.signed {
		natural = "int"
	}
	if !ok || natural != base {
		return nil, fmt.Errorf("a %s cannot be a %s, which is an %s", t, logical, base)
	}
	return &outline{kind: base, logical: logical}, nil
}

func (in *inference) uuidOutline(t reflect.Type) (*outline, error) {
	if isByteArray(t, 16) {
		return in.fixed(t, "uuid", "uuid"), nil
	}
	text, err := isTextType(t)
	if err != nil || !text && t.Kind() != reflect.String {
		return nil, fmt.Errorf("a uuid is a string, a [16]byte or a type with text methods, not a %s", t)
	}
	return &outline{kind: "string", logical: "uuid"}, nil
}

func (in *inference) fixed(t reflect.Type, name, logical string) *outline {
	key := seenType{typ: t, uuid: logical != ""}
	if _, known := in.seen[key]; known {
		return &outline{ref: name}
	}
	in.seen[key] = name
	return &outline{kind: "fixed", name: name, size: t.Len(), logical: logical}
}

// isTextType reports whether values of t are texts by methods of their own. A
// type that can only be written or only be read is refused.
func isTextType(t reflect.Type) (bool, error) {
	writes := writesText(t) || reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextAppender]())
	reads := readsText(t)
	itself := t.Kind() == reflect.String || isByteSlice(t)
	if writes != reads && !itself {
		return false, fmt.Errorf("the type %s has one of MarshalText and UnmarshalText, a string needs both", t)
	}
	return writes || reads, nil
}

// primitiveOf returns the primitive type that t stands for without a tag.
func primitiveOf(t reflect.Type) (kind ast.Kind, ok bool) {
	switch t.Kind() {
	case reflect.Bool:
		return ast.Boolean, true
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Uint8, reflect.Uint16:
		return ast.Int, true
	case reflect.Int, reflect.Int64, reflect.Uint, reflect.Uint32, reflect.Uint64:
		return ast.Long, true
	case reflect.Float32:
		return ast.Float, true
	case reflect.Float64:
		return ast.Double, true
	case reflect.String:
		return ast.String, true
	case reflect.Slice:
		return ast.Bytes, isByteSlice(t)
	}
	return 0, false
}

func (in *inference) kindOf(t reflect.Type, depth int) (*outline, error) {
	if kind, ok := primitiveOf(t); ok {
		return &outline{ref: kind.String()}, nil
	}
	switch t.Kind() {
	case reflect.Slice:
		return in.container("array", t.Elem(), depth)
	case reflect.Array:
		if !isByteArray(t, t.Len()) {
			break
		}
		name := t.Name()
		if name == "" {
			name = "fixed_" + strconv.Itoa(t.Len())
		}
		return in.fixed(t, name, ""), nil
	case reflect.Map:
		if t.Key().Kind() != reflect.String {
			return nil, fmt.Errorf("the keys of a map are strings, not %s", t.Key())
		}
		return in.container("map", t.Elem(), depth)
	case reflect.Struct:
		if t.Name() == "" {
			return nil, errors.New("a struct needs a name to be a record")
		}
		return in.record(t, t.Name())
	}
	remedy := "declare how it is written with Custom"
	if t.Kind() == reflect.Interface {
		remedy = "declare its types with Sealed, or give the schema"
	}
	return nil, fmt.Errorf("the Go type %s stands for no Avro type: %s", t, remedy)
}

func (in *inference) container(kind string, elem reflect.Type, depth int) (*outline, error) {
	inner, err := in.typeOf(elem, tagOptions{}, depth+1)
	if err != nil {
		return nil, err
	}
	return &outline{kind: kind, inner: inner}, nil
}
