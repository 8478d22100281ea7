package avro

import (
	"encoding/json"
	"slices"
	"strings"
)

// memberOrder is the order in which people write a schema's members; members
// not named here follow by name.
var memberOrder = []string{
	"type", "name", "namespace", "aliases", "doc", "logicalType", "precision", "scale",
	"size", "symbols", "items", "values", "fields", "default",
}

// appendOrdered writes a schema's JSON value with its members in memberOrder,
// so that an inferred schema reads well in a registry. In a field the name
// comes before the type.
func appendOrdered(dst []byte, node any) []byte {
	switch v := node.(type) {
	case []any:
		dst = append(dst, '[')
		for i, item := range v {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendOrdered(dst, item)
		}
		return append(dst, ']')
	case map[string]any:
		return appendObject(dst, v)
	default:
		return append(dst, marshal(v)...)
	}
}

func appendObject(dst []byte, members map[string]any) []byte {
	names := make([]string, 0, len(members))
	for name := range members {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		if d := rank(a) - rank(b); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	if _, isType := members["fields"]; !isType && slices.Contains(names, "name") && !isNamedType(members) {
		names = append([]string{"name"}, slices.DeleteFunc(names, func(n string) bool { return n == "name" })...)
	}
	dst = append(dst, '{')
	for i, name := range names {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(append(dst, marshal(name)...), ':')
		dst = appendOrdered(dst, members[name])
	}
	return append(dst, '}')
}

func isNamedType(members map[string]any) bool {
	kind, _ := members["type"].(string)
	return kind == "enum" && members["symbols"] != nil || kind == "fixed" && members["size"] != nil
}

func rank(member string) int {
	if i := slices.Index(memberOrder, member); i >= 0 {
		return i
	}
	return len(memberOrder)
}

// marshal writes a JSON scalar; those of a parsed schema always can be.
func marshal(v any) []byte {
	text, _ := json.Marshal(v)
	return text
}
