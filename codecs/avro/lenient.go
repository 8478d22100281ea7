package avro

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/twmb/avro"
)

// maxSchemaBytes bounds the text of a schema: one of a megabyte costs some
// fifty to parse.
const maxSchemaBytes = 1 << 20

// parseTexts parses a schema after those that it refers to. Schemas in
// registries hold attributes that the specification does not know where they
// are and tells to ignore; those that the parser refuses are left out for it.
func parseTexts(text string, refs []string) (*avro.Schema, error) {
	for _, t := range append([]string{text}, refs...) {
		if len(t) > maxSchemaBytes {
			return nil, fmt.Errorf("avro: parsing a schema: it has %d bytes, and %d are the most", len(t), maxSchemaBytes)
		}
	}
	parsed, err := parseStrictly(text, refs)
	if err == nil {
		return parsed, nil
	}
	plainer := []string{withoutNames(text)}
	for _, ref := range refs {
		plainer = append(plainer, withoutNames(ref))
	}
	if parsed, again := parseStrictly(plainer[0], plainer[1:]); again == nil {
		return parsed, nil
	}
	return nil, err
}

func parseStrictly(text string, refs []string) (*avro.Schema, error) {
	var known avro.SchemaCache
	for _, ref := range refs {
		if _, err := known.Parse(ref); err != nil {
			return nil, fmt.Errorf("avro: parsing a referenced schema: %w", err)
		}
	}
	parsed, err := known.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("avro: parsing a schema: %w", err)
	}
	return parsed, nil
}

// withoutNames leaves the name out of types that have none: arrays, maps and
// primitive types.
func withoutNames(text string) string {
	if !json.Valid([]byte(text)) {
		return text
	}
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var node any
	if decoder.Decode(&node) != nil {
		return text
	}
	dropNames(node)
	return string(appendOrdered(nil, node))
}

// dropNames looks at types alone: a default may have members of these names.
func dropNames(node any) {
	switch v := node.(type) {
	case []any:
		for _, branch := range v {
			dropNames(branch)
		}
	case map[string]any:
		switch v["type"] {
		case "record", "error", "enum", "fixed":
		default:
			delete(v, "name")
		}
		for _, inner := range []string{"type", "items", "values"} {
			dropNames(v[inner])
		}
		fields, _ := v["fields"].([]any)
		for _, field := range fields {
			if f, ok := field.(map[string]any); ok {
				dropNames(f["type"])
			}
		}
	}
}
