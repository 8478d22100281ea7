package avro

import (
	"fmt"
	"math/big"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/gokavro/gokavro/codecs/avro/internal/ast"
	"github.com/gokavro/gokavro/codecs/avro/internal/plan"
)

// Get returns the value at path in its natural Go type: nil, a bool, int32,
// int64, float32, float64, string or []byte, a time.Time, time.Duration or
// *big.Rat for logical types, a Record, a []any or a map[string]any. Values in
// slices and maps are of these types too, and unions are gone. Null is no error.
func (r Record) Get(path string) (any, error) {
	at, err := r.find(path)
	if err != nil {
		return nil, err
	}
	return r.plain(at), nil
}

// Has reports whether path leads to a value that is not null.
func (r Record) Has(path string) bool {
	at, err := r.find(path)
	return err == nil && at.value != nil
}

// Bool returns a boolean.
func (r Record) Bool(path string) (bool, error) { return get[bool](r, path) }

// Int returns an int.
func (r Record) Int(path string) (int32, error) { return get[int32](r, path) }

// Long returns a long, or an int as one.
func (r Record) Long(path string) (int64, error) { return get[int64](r, path) }

// Float returns a float, or an int or a long as the nearest one.
func (r Record) Float(path string) (float32, error) { return get[float32](r, path) }

// Double returns a double, or a float, an int or a long as the nearest one.
func (r Record) Double(path string) (float64, error) { return get[float64](r, path) }

// String returns a string, a UUID or the symbol of an enum.
func (r Record) String(path string) (string, error) { return get[string](r, path) }

// Bytes returns bytes or a fixed; they are the record's own.
func (r Record) Bytes(path string) ([]byte, error) { return get[[]byte](r, path) }

// Time returns a date or a timestamp, in UTC.
func (r Record) Time(path string) (time.Time, error) { return get[time.Time](r, path) }

// Duration returns a time of day, as the time since midnight.
func (r Record) Duration(path string) (time.Duration, error) { return get[time.Duration](r, path) }

// Decimal returns a decimal; it is the record's own.
func (r Record) Decimal(path string) (*big.Rat, error) { return get[*big.Rat](r, path) }

// Record returns a record. What is set in it is set in the record around.
func (r Record) Record(path string) (Record, error) { return get[Record](r, path) }

// List returns an array, its items as Get returns them.
func (r Record) List(path string) ([]any, error) { return get[[]any](r, path) }

// Map returns a map, its values as Get returns them.
func (r Record) Map(path string) (map[string]any, error) { return get[map[string]any](r, path) }

func get[T any](r Record, path string) (value T, err error) {
	at, err := r.find(path)
	if err != nil {
		return value, err
	}
	if at.value == nil {
		return value, fmt.Errorf("avro: field %s of record %s: %w", path, r.node.Name, ErrNull)
	}
	held := r.plain(at)
	if value, ok := held.(T); ok {
		return value, nil
	}
	promoted := reflect.ValueOf(held)
	if target := reflect.TypeFor[T](); promotes(promoted.Kind(), target.Kind()) {
		return promoted.Convert(target).Interface().(T), nil
	}
	return value, fmt.Errorf("avro: field %s of record %s is of type %s, a Go %s: use %s", path, r.node.Name, typeText(at.node), typeOf(held), getterOf(held))
}

// promotes tells the promotions of numbers.
func promotes(from, to reflect.Kind) bool {
	switch to {
	case reflect.Int64:
		return from == reflect.Int32
	case reflect.Float32:
		return from == reflect.Int32 || from == reflect.Int64
	case reflect.Float64:
		return from == reflect.Int32 || from == reflect.Int64 || from == reflect.Float32
	}
	return false
}

func typeText(n *ast.Node) string {
	if n.Logical != "" {
		return n.TypeName() + " (" + n.Logical + ")"
	}
	return n.TypeName()
}

func typeOf(value any) string { return strings.TrimPrefix(fmt.Sprintf("%T", value), "avro.") }

// getterOf names the getter for a value.
func getterOf(value any) string {
	switch value.(type) {
	case bool:
		return "Bool"
	case int32:
		return "Int"
	case int64:
		return "Long"
	case float32:
		return "Float"
	case float64:
		return "Double"
	case string:
		return "String"
	case []byte:
		return "Bytes"
	case time.Time:
		return "Time"
	case time.Duration:
		return "Duration"
	case *big.Rat:
		return "Decimal"
	case Record:
		return "Record"
	case []any:
		return "List"
	case map[string]any:
		return "Map"
	}
	return "Get"
}

// plain returns a value without unions, records as Records.
func (r Record) plain(at spot) any { return conversion{from: r}.inner(at) }

// conversion gives values another form.
type conversion struct {
	from Record
	// bare makes maps of records, and a Branch of a value that does not tell its
	// branch: the form that plans take.
	bare bool
}

// value converts what may be of a union.
func (c conversion) value(n *ast.Node, value any) any {
	at := c.from.through(spot{n, value})
	inner := c.inner(at)
	if c.bare && n.Kind == ast.Union && inner != nil {
		return branched(n, at.node, inner)
	}
	return inner
}

func (c conversion) inner(at spot) any {
	switch held := at.value.(type) {
	case map[string]any:
		if at.node.Kind == ast.Record {
			return c.record(at.node, held)
		}
		out := make(map[string]any, len(held))
		for key, value := range held {
			out[key] = c.value(at.node.Items, value)
		}
		return out
	case []any:
		out := slices.Clone(held)
		for i, item := range held {
			out[i] = c.value(at.node.Items, item)
		}
		return out
	}
	return asTime(at)
}

func (c conversion) record(n *ast.Node, fields map[string]any) any {
	if !c.bare {
		return Record{node: n, fields: fields, tagged: c.from.tagged}
	}
	out := make(map[string]any, len(fields))
	for _, f := range n.Fields {
		if value, ok := fields[f.Name]; ok {
			out[f.Name] = c.value(f.Type, value)
		}
	}
	return out
}

// sinceEpoch makes the number of a time that goavro takes as one.
func sinceEpoch(n *ast.Node, at time.Time) int64 {
	switch {
	case strings.HasSuffix(n.Logical, "-millis"):
		return at.UnixMilli()
	case strings.HasSuffix(n.Logical, "-micros"):
		return at.UnixMicro()
	}
	return at.UnixNano()
}

// asTime makes a time of a number that goavro leaves one.
func asTime(at spot) any {
	number, ok := at.value.(int64)
	if !ok || plan.Natural(at.node) != reflect.TypeFor[time.Time]() {
		return at.value
	}
	switch {
	case strings.HasSuffix(at.node.Logical, "-millis"):
		return time.UnixMilli(number).UTC()
	case strings.HasSuffix(at.node.Logical, "-micros"):
		return time.UnixMicro(number).UTC()
	}
	return time.Unix(0, number).UTC()
}
