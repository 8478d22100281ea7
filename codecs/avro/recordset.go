package avro

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"time"

	"github.com/gokavro/gokavro/codecs/avro/internal/ast"
	"github.com/gokavro/gokavro/codecs/avro/internal/plan"
)

// Set sets the value at path, and puts it into the branch of a union that it
// fits. It takes what [Record.Get] returns, Go's other integers where they fit,
// and slices and maps with string keys of all of these. Records on the way that
// are not there yet are made; an item of an array has to be there. On an error
// nothing is changed but such records.
func (r Record) Set(path string, value any) error {
	within, last := "", path
	if dot := strings.LastIndexByte(path, '.'); dot >= 0 {
		within, last = path[:dot], path[dot+1:]
	}
	at, err := r.reach(within)
	if err != nil {
		return err
	}
	if err := r.put(at, last, value); err != nil {
		return fmt.Errorf("avro: setting field %s of record %s: %w", path, r.node.Name, err)
	}
	return nil
}

// reach is find that makes the records that are missing.
func (r Record) reach(path string) (spot, error) {
	if path == "" && r.node != nil {
		return spot{r.node, r.fields}, nil
	}
	at, err := r.find(path)
	missing := err == nil && at.value == nil || errors.Is(err, ErrNull)
	if !missing {
		return at, err
	}
	if err := r.Set(path, map[string]any{}); err != nil {
		return spot{}, err
	}
	return r.find(path)
}

// put sets a part of what is at a place.
func (r Record) put(at spot, part string, value any) error {
	var target *ast.Node
	switch at.node.Kind {
	case ast.Map:
		target = at.node.Items
	case ast.Record:
		field := at.node.Field(part)
		if field == nil {
			return fmt.Errorf("there is no such field: %s has %s", at.node.TypeName(), fieldNames(at.node))
		}
		target = field.Type
	case ast.Array:
		if _, err := r.step(at, part); err != nil {
			return err
		}
		target = at.node.Items
	default:
		return fmt.Errorf("what is before is of type %s and has no parts", at.node.TypeName())
	}
	fitted, err := fitting{tagged: r.tagged}.value(target, value)
	if err != nil {
		return err
	}
	switch held := at.value.(type) {
	case map[string]any:
		held[part] = fitted
	case []any:
		var i int
		if _, err := fmt.Sscan(part, &i); err != nil {
			return err
		}
		held[i] = fitted
	}
	return nil
}

// fitting gives Go values the form of a record.
type fitting struct{ tagged bool }

// value returns a value as one of a node.
func (f fitting) value(n *ast.Node, value any) (any, error) {
	if n.Kind == ast.Union {
		return f.union(n, value)
	}
	if isNatural(n, value, f.tagged) && !isContainer(n) {
		return value, nil
	}
	switch held := reflect.ValueOf(value); {
	case n.Kind == ast.Null && value == nil:
		return nil, nil
	case n.Kind == ast.Record:
		return f.record(n, value)
	case n.Kind == ast.Array && held.Kind() == reflect.Slice && held.Type() != reflect.TypeFor[[]byte]():
		return f.items(n.Items, held)
	case n.Kind == ast.Map && held.Kind() == reflect.Map && held.Type().Key().Kind() == reflect.String:
		return f.entries(n.Items, held)
	case held.CanInt() || held.CanUint():
		if number, ok := integerFor(n, held, f.tagged); ok {
			return number, nil
		}
	case n.Kind == ast.Double && held.Kind() == reflect.Float32:
		return held.Float(), nil
	case plan.Natural(n) == reflect.TypeFor[time.Time]():
		if at, ok := value.(time.Time); ok {
			return sinceEpoch(n, at), nil
		}
	}
	return nil, fmt.Errorf("a Go %s is no %s", typeOf(value), typeText(n))
}

// union tries the branches whose Go type the value has, and then the others.
func (f fitting) union(n *ast.Node, value any) (any, error) {
	if value == nil {
		if i := (spot{node: n}).branch("null"); i < 0 {
			return nil, errors.New("null is no branch of the union")
		}
		return nil, nil
	}
	if branch, ok := value.(plan.Branch); ok {
		if i := (spot{node: n}).branch(branch.Name); i >= 0 {
			return f.tag(n, n.Branches[i], branch.Value)
		}
	}
	for _, natural := range []bool{true, false} {
		for _, b := range n.Branches {
			if isNatural(b, value, f.tagged) != natural {
				continue
			}
			if tagged, err := f.tag(n, b, value); err == nil {
				return tagged, nil
			}
		}
	}
	names := make([]string, len(n.Branches))
	for i, b := range n.Branches {
		names[i] = typeText(b)
	}
	return nil, fmt.Errorf("a Go %s is none of %s", typeOf(value), strings.Join(names, ", "))
}

// tag returns a value as that of a branch.
func (f fitting) tag(union, branch *ast.Node, value any) (any, error) {
	inner, err := f.value(branch, value)
	if err != nil {
		return nil, err
	}
	if f.tagged {
		return map[string]any{nativeName(branch): inner}, nil
	}
	return branched(union, branch, inner), nil
}

// branched names the branch of a value where more than null and one other are
// there to choose from.
func branched(union, branch *ast.Node, value any) any {
	if _, ok := union.Nullable(); ok {
		return value
	}
	return plan.Branch{Name: branch.TypeName(), Value: value}
}

// record takes a Record of that name, or the fields of one by their names.
func (f fitting) record(n *ast.Node, value any) (any, error) {
	if pointer, ok := value.(*Record); ok && pointer != nil {
		value = *pointer
	}
	fields, ok := value.(map[string]any)
	if r, isRecord := value.(Record); isRecord {
		if r.Name() != n.Name {
			return nil, fmt.Errorf("a record %s is no %s", r.Name(), n.Name)
		}
		if r.tagged == f.tagged && r.node == n {
			return r.fields, nil
		}
		fields, ok = map[string]any{}, true
		for name, inner := range r.fields {
			if field := r.node.Field(name); field != nil {
				fields[name] = conversion{from: r}.value(field.Type, inner)
			}
		}
	}
	if !ok {
		return nil, fmt.Errorf("a Go %s is no record %s", typeOf(value), n.Name)
	}
	out := make(map[string]any, len(fields))
	for name, inner := range fields {
		field := n.Field(name)
		if field == nil {
			return nil, fmt.Errorf("record %s has no field %s, only %s", n.Name, name, fieldNames(n))
		}
		fitted, err := f.value(field.Type, inner)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		out[name] = fitted
	}
	return out, nil
}

func (f fitting) items(n *ast.Node, held reflect.Value) (any, error) {
	out := make([]any, held.Len())
	for i := range out {
		fitted, err := f.value(n, held.Index(i).Interface())
		if err != nil {
			return nil, fmt.Errorf("item %d: %w", i, err)
		}
		out[i] = fitted
	}
	return out, nil
}

func (f fitting) entries(n *ast.Node, held reflect.Value) (any, error) {
	out := make(map[string]any, held.Len())
	for entries := held.MapRange(); entries.Next(); {
		key := entries.Key().String()
		fitted, err := f.value(n, entries.Value().Interface())
		if err != nil {
			return nil, fmt.Errorf("key %q: %w", key, err)
		}
		out[key] = fitted
	}
	return out, nil
}

func isContainer(n *ast.Node) bool {
	return n.Kind == ast.Record || n.Kind == ast.Array || n.Kind == ast.Map
}

// integerFor returns an integer in the type of an int or a long, if it fits.
func integerFor(n *ast.Node, held reflect.Value, tagged bool) (any, bool) {
	number, ok := int64(0), true
	if held.CanInt() {
		number = held.Int()
	} else {
		number, ok = int64(held.Uint()), held.Uint() <= math.MaxInt64
	}
	switch wanted := naturalOf(n, tagged); {
	case !ok || wanted == nil || held.Type().PkgPath() != "":
		return nil, false // a time.Duration, or another type with a meaning of its own
	case wanted.Kind() == reflect.Int32 && number == int64(int32(number)):
		return int32(number), true
	case wanted == reflect.TypeFor[int64]():
		return number, true
	}
	return nil, false
}

// isNatural reports whether a value has the Go type of a node.
func isNatural(n *ast.Node, value any, tagged bool) bool {
	return value != nil && naturalOf(n, tagged) == reflect.TypeOf(value)
}

// naturalOf returns the Go type of a node's values: goavro has its own logical
// types, and plain ones for all others.
func naturalOf(n *ast.Node, tagged bool) reflect.Type {
	if tagged && n.Logical != "" && !isNativeLogical(n) {
		without := *n
		without.Logical = ""
		n = &without
	}
	return plan.Natural(n)
}

// isNativeLogical tells the logical types that goavro knows.
func isNativeLogical(n *ast.Node) bool {
	switch n.Logical {
	case "timestamp-millis", "timestamp-micros", "time-micros":
		return n.Kind == ast.Long
	case "time-millis", "date":
		return n.Kind == ast.Int
	case "decimal":
		return n.Kind == ast.Bytes || n.Kind == ast.Fixed
	}
	return false
}

// nativeName is what goavro calls a branch of a union.
func nativeName(n *ast.Node) string {
	if isNativeLogical(n) && !n.Kind.Named() {
		return n.Kind.String() + "." + n.Logical
	}
	return n.TypeName()
}
