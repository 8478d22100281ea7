package embedded

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
)

// normalForm rewrites a schema so that two texts of one schema become equal:
// attributes in order, names in full, a primitive type without attributes as
// its word. Unlike the parsing canonical form it keeps all attributes.
func normalForm(text string) (string, error) {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var tree any
	if err := decoder.Decode(&tree); err != nil {
		return "", fmt.Errorf("embedded registry: reading a schema: %w", err)
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(normalType(tree, "")); err != nil {
		return "", fmt.Errorf("embedded registry: writing a schema: %w", err)
	}
	return strings.TrimSuffix(out.String(), "\n"), nil
}

func normalType(node any, namespace string) any {
	switch node := node.(type) {
	case string:
		return fullName(node, namespace)
	case []any:
		branches := make([]any, len(node))
		for i, branch := range node {
			branches[i] = normalType(branch, namespace)
		}
		return branches
	case map[string]any:
		return normalObject(node, namespace)
	}
	return node
}

func normalObject(object map[string]any, namespace string) any {
	word, _ := object["type"].(string)
	switch word {
	case "record", "error", "enum", "fixed":
		return normalNamed(object, namespace)
	case "array":
		return replaced(object, "items", normalType(object["items"], namespace))
	case "map":
		return replaced(object, "values", normalType(object["values"], namespace))
	}
	inner := normalType(object["type"], namespace)
	if len(object) == 1 {
		return inner
	}
	return replaced(object, "type", inner)
}

func normalNamed(object map[string]any, namespace string) any {
	out := replaced(object, "name", nil)
	if own, ok := object["namespace"].(string); ok {
		namespace = own
	}
	delete(out, "namespace")
	name, _ := object["name"].(string)
	name = fullName(name, namespace)
	out["name"] = name
	// The types inside live in the namespace of the full name.
	namespace = name[:max(strings.LastIndexByte(name, '.'), 0)]
	if aliases, ok := object["aliases"].([]any); ok {
		out["aliases"] = normalType(aliases, namespace)
	}
	fields, ok := object["fields"].([]any)
	if !ok {
		return out
	}
	normal := make([]any, len(fields))
	for i, field := range fields {
		normal[i] = field
		if field, ok := field.(map[string]any); ok {
			normal[i] = replaced(field, "type", normalType(field["type"], namespace))
		}
	}
	out["fields"] = normal
	return out
}

// replaced is a copy of object with one member set.
func replaced(object map[string]any, member string, value any) map[string]any {
	out := make(map[string]any, len(object))
	maps.Copy(out, object)
	out[member] = value
	return out
}

func fullName(name, namespace string) string {
	switch name {
	case "null", "boolean", "int", "long", "float", "double", "bytes", "string":
		return name
	}
	if namespace == "" || name == "" || strings.Contains(name, ".") {
		return name
	}
	return namespace + "." + name
}
