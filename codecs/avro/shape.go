package avro

import (
	"encoding/json"
	"fmt"
	"math"
)

// kind is one of Avro's types.
type kind uint8

const (
	kindNull kind = iota + 1
	kindBoolean
	kindInt
	kindLong
	kindFloat
	kindDouble
	kindBytes
	kindString
	kindRecord
	kindEnum
	kindArray
	kindMap
	kindFixed
	kindUnion
)

// shape is what a schema says about the bytes of its data: its canonical form
// with the names resolved. A recursive schema has a shape that contains itself.
type shape struct {
	kind     kind
	fields   []shapeField // of a record
	branches []*shape     // of a union
	inner    *shape       // an array's items, a map's values
	symbols  []string     // of an enum
	size     int          // of a fixed
	least    int          // bytes of the shortest datum, math.MaxInt32 at most
	measured bool
}

type shapeField struct {
	name, label string // as it is, and as a JSON member begins with it
	of          *shape
}

// shapeOf reads the canonical form of a sound schema.
func shapeOf(canonical string) (*shape, error) {
	var node any
	if err := json.Unmarshal([]byte(canonical), &node); err != nil {
		return nil, fmt.Errorf("avro: reading a canonical form: %w", err)
	}
	root, err := namedShapes{}.build(node)
	if err != nil {
		return nil, err
	}
	root.measure()
	return root, nil
}

// namedShapes are the named types that were met, by full name, which is how
// the canonical form spells all references.
type namedShapes map[string]*shape

func (n namedShapes) build(node any) (*shape, error) {
	switch v := node.(type) {
	case string:
		if known, ok := n[v]; ok {
			return known, nil
		}
		if of, ok := primitive(v); ok {
			return &shape{kind: of}, nil
		}
	case []any:
		union := &shape{kind: kindUnion}
		for _, item := range v {
			branch, err := n.build(item)
			if err != nil {
				return nil, err
			}
			union.branches = append(union.branches, branch)
		}
		return union, nil
	case map[string]any:
		return n.buildObject(v)
	}
	return nil, fmt.Errorf("avro: reading a canonical form: %v is not a type", node)
}

func (n namedShapes) buildObject(v map[string]any) (s *shape, err error) {
	switch v["type"] {
	case "record", "error":
		return n.buildRecord(v)
	case "enum":
		s = n.define(v, kindEnum)
		symbols, _ := v["symbols"].([]any)
		for _, symbol := range symbols {
			text, _ := symbol.(string)
			s.symbols = append(s.symbols, text)
		}
		return s, nil
	case "fixed":
		s = n.define(v, kindFixed)
		size, _ := v["size"].(float64)
		s.size = int(size)
		return s, nil
	case "array":
		s = &shape{kind: kindArray}
		s.inner, err = n.build(v["items"])
		return s, err
	case "map":
		s = &shape{kind: kindMap}
		s.inner, err = n.build(v["values"])
		return s, err
	}
	return n.build(v["type"])
}

func (n namedShapes) define(v map[string]any, of kind) *shape {
	name, _ := v["name"].(string)
	s := &shape{kind: of}
	n[name] = s
	return s
}

func (n namedShapes) buildRecord(v map[string]any) (*shape, error) {
	s := n.define(v, kindRecord)
	fields, _ := v["fields"].([]any)
	for _, item := range fields {
		field, _ := item.(map[string]any)
		name, _ := field["name"].(string)
		of, err := n.build(field["type"])
		if err != nil {
			return nil, err
		}
		s.fields = append(s.fields, shapeField{name: name, label: string(marshal(name)) + ":", of: of})
	}
	return s, nil
}

func primitive(word string) (kind, bool) {
	switch word {
	case "null":
		return kindNull, true
	case "boolean":
		return kindBoolean, true
	case "int":
		return kindInt, true
	case "long":
		return kindLong, true
	case "float":
		return kindFloat, true
	case "double":
		return kindDouble, true
	case "bytes":
		return kindBytes, true
	case "string":
		return kindString, true
	}
	return 0, false
}

// measure finds the bytes of the shortest datum, here and below. A type that
// is being measured counts as nothing inside itself, which is right: between
// the two there is a union, an array or a map, or no datum at all.
func (s *shape) measure() int {
	if s.measured {
		return s.least
	}
	s.measured = true
	switch s.kind {
	case kindNull:
	case kindFloat:
		s.least = 4
	case kindDouble:
		s.least = 8
	case kindFixed:
		s.least = min(s.size, math.MaxInt32)
	case kindRecord:
		for _, field := range s.fields {
			s.least = min(s.least+field.of.measure(), math.MaxInt32)
		}
	case kindUnion:
		s.least = 1 + s.measureBranches()
	case kindArray, kindMap:
		s.least = 1
		s.inner.measure()
	default:
		s.least = 1
	}
	return s.least
}

func (s *shape) measureBranches() int {
	least := math.MaxInt32 - 1
	for _, branch := range s.branches {
		least = min(least, branch.measure())
	}
	if len(s.branches) == 0 {
		return 0
	}
	return least
}
