package avro

import (
	"errors"
	"fmt"

	"github.com/twmb/avro"
)

// checkFit tells whether values of T can be read and written with schema. A
// zero T cannot tell, as it need not be a datum: "" is no symbol of an enum.
// So a datum that visits every part of the schema is decoded and encoded
// again.
func checkFit[T any](schema *ParsedSchema) error {
	datum, found := appendWitness(nil, schema.parsed.Root().ExpandReferences())
	if !found {
		return nil
	}
	var value T
	err := decodeAll(schema.parsed, datum, &value)
	if err == nil {
		_, err = schema.parsed.Encode(&value)
	}
	if isMisfit(err) {
		return fmt.Errorf("avro: the type %T does not fit the schema %s: %w", value, schema.Name(), err)
	}
	return nil
}

// isMisfit sorts out what T's own methods say about the made-up datum, such as
// an UnmarshalText that wants text.
func isMisfit(err error) bool {
	var fault *avro.SemanticError
	return errors.As(err, &fault) && (fault.Err == nil || fault.AvroType == "record")
}

const zeroUUID = "00000000-0000-0000-0000-000000000000"

// appendWitness appends a datum of node with one item in each array and map
// and with the first branch of each union that is not null. It gives up, and
// says so, where a recursive schema goes round.
func appendWitness(dst []byte, node *avro.SchemaNode) (datum []byte, found bool) {
	switch node.Type {
	case "null":
		return dst, true
	case "boolean", "int", "long", "enum":
		return append(dst, 0), true
	case "float":
		return append(dst, make([]byte, 4)...), true
	case "double":
		return append(dst, make([]byte, 8)...), true
	case "fixed":
		return append(dst, make([]byte, node.Size)...), true
	case "bytes":
		return append(dst, 2, 0), true
	case "string":
		return appendWitnessText(dst, node), true
	case "array":
		return appendWitnessBlock(dst, nil, node.Items)
	case "map":
		return appendWitnessBlock(dst, []byte{0}, node.Values)
	case "union":
		return appendWitnessBranch(dst, node.Branches)
	case "record", "error":
		for i := range node.Fields {
			if dst, found = appendWitness(dst, &node.Fields[i].Type); !found {
				return dst, false
			}
		}
		return dst, true
	default:
		return dst, false
	}
}

func appendWitnessText(dst []byte, node *avro.SchemaNode) []byte {
	if node.LogicalType != "uuid" {
		return append(dst, 0)
	}
	return append(append(dst, byte(2*len(zeroUUID))), zeroUUID...)
}

// appendWitnessBlock appends an array or map of one item, or of none where the
// item goes round.
func appendWitnessBlock(dst, key []byte, item *avro.SchemaNode) ([]byte, bool) {
	block, found := appendWitness(append([]byte{2}, key...), item)
	if found {
		dst = append(dst, block...)
	}
	return append(dst, 0), true
}

func appendWitnessBranch(dst []byte, branches []avro.SchemaNode) (datum []byte, found bool) {
	null := -1
	for i := range branches {
		if branches[i].Type == "null" {
			null = i
			continue
		}
		// 2*i is the branch's number, zigzag encoded, in one byte up to 63.
		if datum, found := appendWitness([]byte{byte(2 * i)}, &branches[i]); found && i < 64 {
			return append(dst, datum...), true
		}
	}
	if null < 0 || null > 63 {
		return dst, false
	}
	return append(dst, byte(2*null)), true
}
