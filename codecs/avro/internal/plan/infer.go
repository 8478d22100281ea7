package plan

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/gokavro/gokavro/codecs/avro/internal/ast"
)

// Infer returns the JSON text of the schema that the struct type t stands for,
// the same for the same type each time. All fields that stand for nothing are
// named in one error. A name of "" is the type's own; all
// records are in the namespace. Fields and types follow t's avro tags:
//
//   - bool, string, float32, float64 and []byte are their namesakes; int8 to
//     int32, uint8 and uint16 an int, larger integers a long
//   - [N]byte is a fixed, []T an array, map[string]T a map, a struct a record,
//     *T a union of null and T with the default null
//   - time.Time is a timestamp-millis and time.Duration a time-millis unless
//     the tag names another logical type; big.Rat and integers with the option
//     decimal(precision,scale) are decimals, [Duration] is a duration
//   - types with text methods are strings; the option uuid makes a uuid
//   - a custom type is what it is written as, a sealed interface the union of
//     its types
//   - default=, alias= and type-alias= set what they say
//
// In place of a struct, t may be a sealed interface.
func Infer(t reflect.Type, types *Types, namespace, name string) (string, error) {
	if err := types.err(); err != nil {
		return "", err
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct && types.sealedBy(t) == nil {
		return "", fmt.Errorf("inferring a schema from %s: it is no struct", t)
	}
	if name == "" {
		name = t.Name()
	}
	in := inference{
		types: types, namespace: namespace,
		seen: map[seenType]string{}, applied: map[string][]string{}, defined: map[string]string{},
	}
	root, err := in.root(t, name)
	if err != nil {
		return "", fmt.Errorf("inferring a schema from %s: %w", t, err)
	}
	if err := in.faults.err("inferring a schema from " + t.String()); err != nil {
		return "", err
	}
	text, err := in.render(nil, root)
	if err != nil {
		return "", fmt.Errorf("inferring a schema from %s: %w", t, err)
	}
	return string(text), nil
}

// outline is a type of a schema that is being made.
type outline struct {
	ref      string // a primitive type or a type defined before; the rest is empty then
	kind     string
	name     string
	space    string
	aliases  []string
	logical  string
	decimal  [2]int
	size     int
	inner    *outline
	branches []*outline
	fields   []outlineField
	given    string // the JSON text of a type that nothing else here describes
}

func (o *outline) nullFirst() bool { return len(o.branches) > 0 && o.branches[0].ref == "null" }

type outlineField struct {
	name    string
	typ     *outline
	aliases []string
	dflt    json.RawMessage
}

// tagOptions are the options of a tag that shape a schema.
type tagOptions struct {
	logical     string
	decimal     [2]int
	aliases     []string
	typeAliases []string
	dflt        *string
}

type seenType struct {
	typ  reflect.Type
	uuid bool
}

type inference struct {
	types     *Types
	path      string // of the field in hand
	faults    faults
	namespace string
	seen      map[seenType]string // the names of types defined
	applied   map[string][]string // type aliases by full name
	defined   map[string]string   // definitions by full name, as rendered
}

func (in *inference) full(name string) string {
	if in.namespace == "" {
		return name
	}
	return in.namespace + "." + name
}

func (in *inference) root(t reflect.Type, name string) (*outline, error) {
	if in.types.sealedBy(t) != nil {
		return in.sealed(t, 0)
	}
	return in.record(t, name)
}

func (in *inference) record(t reflect.Type, name string) (*outline, error) {
	if known, ok := in.seen[seenType{typ: t}]; ok {
		return &outline{ref: known}, nil
	}
	in.seen[seenType{typ: t}] = in.full(name)
	list, err := in.types.structFields(t)
	if err != nil {
		return nil, err
	}
	record := &outline{kind: "record", name: name, space: in.namespace}
	for _, f := range list {
		if f.clashes(&in.faults, in.path, t) {
			continue
		}
		outer := in.path
		in.path = join(outer, f.name)
		field, err := in.field(f)
		if err != nil {
			in.faults.add(in.path, "%v", err)
		}
		record.fields, in.path = append(record.fields, field), outer
	}
	return record, nil
}

func (in *inference) field(f *structField) (outlineField, error) {
	options, err := parseOptions(f.options)
	if err != nil {
		return outlineField{}, err
	}
	typ, err := in.typeOf(f.typ, options, 0)
	if err != nil {
		return outlineField{}, err
	}
	if err := in.aliasType(typ, options.typeAliases); err != nil {
		return outlineField{}, err
	}
	field := outlineField{name: f.name, typ: typ, aliases: options.aliases}
	switch {
	case options.dflt != nil:
		field.dflt = json.RawMessage(strings.TrimSpace(*options.dflt))
		if !json.Valid(field.dflt) {
			field.dflt = quote(*options.dflt)
		}
	case typ.nullFirst():
		field.dflt = json.RawMessage("null")
	}
	return field, nil
}

func quote(text string) json.RawMessage {
	quoted, _ := json.Marshal(text) // a string always can be
	return quoted
}

func parseOptions(options []string) (o tagOptions, err error) {
	for _, option := range options {
		word, value, _ := strings.Cut(option, "=")
		switch {
		case option == "inline" || option == "omitzero":
		case word == "alias":
			o.aliases, err = appendValues(o.aliases, value)
		case word == "type-alias":
			o.typeAliases, err = appendValues(o.typeAliases, value)
		case word == "default":
			o.dflt = &value
		case strings.HasPrefix(option, "decimal(") && strings.HasSuffix(option, ")"):
			o.logical = "decimal"
			o.decimal, err = parseDecimal(option)
		case option == "uuid" || ast.IntForm(option) != ast.Plain || ast.LongForm(option) != ast.Plain:
			o.logical = option
		default:
			err = fmt.Errorf("the tag has an unknown option %q", option)
		}
		if err != nil {
			return o, err
		}
	}
	return o, nil
}

func parseDecimal(option string) (d [2]int, err error) {
	var rest string
	inner := strings.TrimSuffix(strings.TrimPrefix(option, "decimal("), ")")
	if n, _ := fmt.Sscanf(inner, "%d,%d%s", &d[0], &d[1], &rest); n != 2 {
		return d, fmt.Errorf("the option %q is not decimal(precision,scale)", option)
	}
	return d, nil
}

// appendValues takes one value, or several in brackets.
func appendValues(list []string, value string) ([]string, error) {
	values := []string{value}
	if strings.HasPrefix(value, "[") && strings.HasSuffix(value, "]") {
		values = strings.Split(value[1:len(value)-1], ",")
	}
	if slices.Contains(values, "") {
		return nil, errors.New("an alias in the tag is empty")
	}
	return append(list, values...), nil
}

// aliasType gives aliases to the named type that a field refers to.
func (in *inference) aliasType(typ *outline, aliases []string) error {
	if len(aliases) == 0 {
		return nil
	}
	named := typ
	for named.kind == "array" || named.kind == "map" || named.nullFirst() && len(named.branches) == 2 {
		if named.kind == "union" {
			named = named.branches[1]
			continue
		}
		named = named.inner
	}
	full := named.ref
	if named.kind == "record" || named.kind == "fixed" {
		full = named.name
		if named.kind == "record" {
			full = in.full(full)
		}
		named.aliases = append(named.aliases, aliases...)
		in.applied[full] = aliases
		return nil
	}
	if _, known := in.applied[full]; known && slices.Equal(in.applied[full], aliases) {
		return nil
	}
	if slices.Contains(primitives(), full) || full == "" {
		return errors.New("type-alias is for records and fixed types")
	}
	return fmt.Errorf("type-alias must be where the type %s comes up first", full)
}

func primitives() []string {
	return []string{"null", "boolean", "int", "long", "float", "double", "bytes", "string"}
}
