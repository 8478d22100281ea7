package produce

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gokavro/gokavro/cmd/gokavro/internal/outline"
)

// keyer returns the key of a record, nil for none.
type keyer func(record any) ([]byte, error)

const keyTypes = "string, bytes, enum, int, long, float, double or boolean, or one of them or null"

// newKeyer returns what makes keys out of a field of a record. No field makes
// no keys.
func newKeyer(schema *outline.Type, field string) (keyer, error) {
	if field == "" {
		return func(any) ([]byte, error) { return nil, nil }, nil
	}
	if schema.Kind != "record" {
		return nil, fmt.Errorf("the values are of type %s and have no fields: leave --key out", schema)
	}
	of, ok := schema.Field(field)
	if !ok {
		names := make([]string, len(schema.Fields))
		for i, f := range schema.Fields {
			names[i] = f.Name
		}
		return nil, fmt.Errorf("%s has no such field: use one of %s", schema, strings.Join(names, ", "))
	}
	scalar, ok := keyType(of)
	if !ok {
		return nil, fmt.Errorf("the field is of type %s: a key must be %s", of, keyTypes)
	}
	return func(record any) ([]byte, error) {
		fields, ok := record.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("the value is a %T, not a record", record)
		}
		return keyText(fields[field], scalar.Logical)
	}, nil
}

// keyType takes the null off a type, and says whether the rest can be a key.
func keyType(of *outline.Type) (*outline.Type, bool) {
	if of.Kind == "union" {
		rest := slices.DeleteFunc(slices.Clone(of.Branches), func(b *outline.Type) bool { return b.Kind == "null" })
		if len(rest) != 1 {
			return nil, false
		}
		of = rest[0]
	}
	switch of.Kind {
	case "string", "bytes", "enum", "int", "long", "float", "double", "boolean":
		return of, of.Logical != "decimal"
	}
	return nil, false
}

// keyText writes a value as a key: text and bytes as they are, everything else
// as the number that Avro holds, in decimal.
func keyText(value any, logical string) ([]byte, error) {
	switch v := value.(type) {
	case nil:
		return nil, nil
	case string:
		return []byte(v), nil
	case []byte:
		return slices.Clone(v), nil
	case bool:
		return strconv.AppendBool(nil, v), nil
	case int32:
		return strconv.AppendInt(nil, int64(v), 10), nil
	case int64:
		return strconv.AppendInt(nil, v, 10), nil
	case float32:
		return strconv.AppendFloat(nil, float64(v), 'f', -1, 32), nil
	case float64:
		return strconv.AppendFloat(nil, v, 'f', -1, 64), nil
	case time.Time:
		return appendTime(v, logical)
	case time.Duration:
		return appendDuration(v, logical)
	}
	return nil, fmt.Errorf("a %T cannot be a key", value)
}

var errLogical = errors.New("its logical type cannot be a key")

func appendTime(t time.Time, logical string) ([]byte, error) {
	const day = 24 * 60 * 60
	switch strings.TrimPrefix(logical, "local-") {
	case "date":
		days := t.Unix() / day
		if t.Unix()%day < 0 {
			days--
		}
		return strconv.AppendInt(nil, days, 10), nil
	case "timestamp-millis":
		return strconv.AppendInt(nil, t.UnixMilli(), 10), nil
	case "timestamp-micros":
		return strconv.AppendInt(nil, t.UnixMicro(), 10), nil
	case "timestamp-nanos":
		return strconv.AppendInt(nil, t.UnixNano(), 10), nil
	}
	return nil, fmt.Errorf("%s: %w", logical, errLogical)
}

func appendDuration(d time.Duration, logical string) ([]byte, error) {
	switch logical {
	case "time-millis":
		return strconv.AppendInt(nil, d.Milliseconds(), 10), nil
	case "time-micros":
		return strconv.AppendInt(nil, d.Microseconds(), 10), nil
	}
	return nil, fmt.Errorf("%s: %w", logical, errLogical)
}
