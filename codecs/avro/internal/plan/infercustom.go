package plan

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
)

// orNull returns the union of a type and null, which a union has but once.
func (o *outline) orNull() *outline {
	null := &outline{ref: "null"}
	switch {
	case o.kind != "union":
		return &outline{kind: "union", branches: []*outline{null, o}}
	case slices.ContainsFunc(o.branches, func(b *outline) bool { return b.ref == "null" }):
		return o
	}
	return &outline{kind: "union", branches: append([]*outline{null}, o.branches...)}
}

// sealed returns the union that an interface stands for.
func (in *inference) sealed(t reflect.Type, depth int) (*outline, error) {
	union := &outline{kind: "union"}
	for _, concrete := range in.types.sealedBy(t) {
		if concrete == nil {
			union.branches = append(union.branches, &outline{ref: "null"})
			continue
		}
		if concrete.Kind() == reflect.Pointer && in.types.customOf(concrete) == nil {
			concrete = concrete.Elem()
		}
		branch, err := in.typeOf(concrete, tagOptions{}, depth+1)
		if err == nil && branch.kind == "union" {
			err = errors.New("a union cannot be in a union")
		}
		if err != nil {
			return nil, fmt.Errorf("the type %s of the sealed %s: %w", concrete, t, err)
		}
		union.branches = append(union.branches, branch)
	}
	return union, nil
}

// givenOutline is the type that a schema in JSON describes.
func givenOutline(schema string) (*outline, error) {
	var word string
	if json.Unmarshal([]byte(schema), &word) == nil {
		return &outline{ref: word}, nil
	}
	var branches []json.RawMessage
	if json.Unmarshal([]byte(schema), &branches) == nil {
		union := &outline{kind: "union"}
		for _, b := range branches {
			branch, err := givenOutline(string(b))
			if err != nil {
				return nil, err
			}
			union.branches = append(union.branches, branch)
		}
		return union, nil
	}
	var head struct{ Type, Name, Namespace string }
	if err := json.Unmarshal([]byte(schema), &head); err != nil {
		return nil, fmt.Errorf("the schema given for a custom type: %w", err)
	}
	if head.Namespace != "" {
		head.Name = head.Namespace + "." + head.Name
	}
	return &outline{kind: head.Type, name: head.Name, given: schema}, nil
}
