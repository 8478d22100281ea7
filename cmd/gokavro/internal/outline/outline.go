// Package outline reads the shape of an Avro schema: the types of its fields
// and the branches of its unions. It takes schemas that are known to be sound.
package outline

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Type is one type of a schema. A recursive schema has a type that contains
// itself.
type Type struct {
	// Kind is Avro's word for the type: "record", "union", "string" and so on.
	Kind string
	// Name is the full name of a record, enum or fixed, and empty otherwise.
	Name string
	// Logical is the logical type, empty when there is none.
	Logical string
	// Fields are a record's fields in their order.
	Fields []Field
	// Branches are a union's types in their order.
	Branches []*Type
	// Inner is the type of an array's items or a map's values.
	Inner *Type
}

// Field is one field of a record.
type Field struct {
	Name string
	Type *Type
}

// Parse reads the JSON text of a schema.
func Parse(text string) (*Type, error) {
	var node any
	if err := json.Unmarshal([]byte(text), &node); err != nil {
		return nil, fmt.Errorf("reading a schema: %w", err)
	}
	known := names{}
	return known.parse(node, "")
}

// Field returns the type of a record's field.
func (t *Type) Field(name string) (*Type, bool) {
	for _, f := range t.Fields {
		if f.Name == name {
			return f.Type, true
		}
	}
	return nil, false
}

// String returns the type in a few words, such as "array" or "int (date)" or
// "union of null, string".
func (t *Type) String() string {
	switch {
	case t.Kind == "union":
		words := make([]string, len(t.Branches))
		for i, branch := range t.Branches {
			words[i] = branch.String()
		}
		return "union of " + strings.Join(words, ", ")
	case t.Name != "":
		return t.Kind + " " + t.Name
	case t.Logical != "":
		return fmt.Sprintf("%s (%s)", t.Kind, t.Logical)
	}
	return t.Kind
}

// names are the named types that were met, by full name.
type names map[string]*Type

func (n names) parse(node any, namespace string) (*Type, error) {
	switch v := node.(type) {
	case string:
		return n.refer(v, namespace), nil
	case []any:
		union := &Type{Kind: "union"}
		for _, item := range v {
			branch, err := n.parse(item, namespace)
			if err != nil {
				return nil, err
			}
			union.Branches = append(union.Branches, branch)
		}
		return union, nil
	case map[string]any:
		return n.parseObject(v, namespace)
	}
	return nil, fmt.Errorf("reading a schema: %v is not a type", node)
}

// refer returns a type that was defined before, or a primitive one.
func (n names) refer(word, namespace string) *Type {
	if found, ok := n[fullName(word, namespace)]; ok {
		return found
	}
	if found, ok := n[word]; ok {
		return found
	}
	return &Type{Kind: word}
}

func fullName(name, namespace string) string {
	if namespace == "" || strings.Contains(name, ".") {
		return name
	}
	return namespace + "." + name
}

func (n names) parseObject(v map[string]any, namespace string) (*Type, error) {
	kind, ok := v["type"].(string)
	if !ok {
		return n.parse(v["type"], namespace)
	}
	logical, _ := v["logicalType"].(string)
	switch kind {
	case "record", "error":
		return n.parseRecord(v, namespace)
	case "enum", "fixed":
		t := &Type{Kind: kind, Logical: logical}
		n.define(t, v, namespace)
		return t, nil
	case "array", "map":
		inner, err := n.parse(v[map[string]string{"array": "items", "map": "values"}[kind]], namespace)
		return &Type{Kind: kind, Inner: inner}, err
	}
	found := n.refer(kind, namespace)
	if found.Name == "" {
		found.Logical = logical
	}
	return found, nil
}

// define gives t its full name and returns the namespace of what is inside it.
func (n names) define(t *Type, v map[string]any, namespace string) string {
	name, _ := v["name"].(string)
	if own, ok := v["namespace"].(string); ok {
		namespace = own
	}
	t.Name = fullName(name, namespace)
	n[t.Name] = t
	if cut := strings.LastIndexByte(t.Name, '.'); cut >= 0 {
		return t.Name[:cut]
	}
	return ""
}

func (n names) parseRecord(v map[string]any, namespace string) (*Type, error) {
	t := &Type{Kind: "record"}
	inside := n.define(t, v, namespace)
	fields, _ := v["fields"].([]any)
	for _, item := range fields {
		field, _ := item.(map[string]any)
		name, _ := field["name"].(string)
		of, err := n.parse(field["type"], inside)
		if err != nil {
			return nil, err
		}
		t.Fields = append(t.Fields, Field{Name: name, Type: of})
	}
	return t, nil
}
