package produce

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gokavro/gokavro/cmd/gokavro/internal/outline"
	"github.com/gokavro/gokavro/codecs/avro"
)

// keyer returns the key of a record, nil for none.
type keyer func(datum []byte) ([]byte, error)

const keyTypes = "string, bytes, enum, int, long, float, double or boolean, or one of them or null"

// newKeyer returns what makes keys out of a field of a record: text and bytes
// as they are, everything else as the number that Avro holds, in decimal. No
// field makes no keys.
func newKeyer(schema *avro.ParsedSchema, shape *outline.Type, field string) (keyer, error) {
	if field == "" {
		return func([]byte) ([]byte, error) { return nil, nil }, nil
	}
	if shape.Kind != "record" {
		return nil, fmt.Errorf("the values are of type %s and have no fields: leave --key out", shape)
	}
	of, ok := shape.Field(field)
	if !ok {
		names := make([]string, len(shape.Fields))
		for i, f := range shape.Fields {
			names[i] = f.Name
		}
		return nil, fmt.Errorf("%s has no such field: use one of %s", shape, strings.Join(names, ", "))
	}
	if !isKey(of) {
		return nil, fmt.Errorf("the field is of type %s: a key must be %s", of, keyTypes)
	}
	return func(datum []byte) ([]byte, error) { return schema.FieldText(datum, field) }, nil
}

// isKey says whether a type, or the rest of it without null, can be a key.
func isKey(of *outline.Type) bool {
	if of.Kind == "union" {
		rest := slices.DeleteFunc(slices.Clone(of.Branches), func(b *outline.Type) bool { return b.Kind == "null" })
		if len(rest) != 1 {
			return false
		}
		of = rest[0]
	}
	switch of.Kind {
	case "string", "bytes", "enum", "int", "long", "float", "double", "boolean":
		return of.Logical != "decimal"
	}
	return false
}
