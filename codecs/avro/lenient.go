package avro

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/avro"

	"github.com/gokavro/gokavro/codecs/avro/internal/ast"
)

// maxSchemaBytes bounds the text of a schema: parsing one of thousands of
// fields takes a hundred times its length.
const maxSchemaBytes = 512 << 10

// parseTexts parses a schema after those that it refers to. Schemas in
// registries hold attributes that the specification does not know where they
// are and tells to ignore; those that the parser refuses are left out for it.
func parseTexts(text string, refs []string) (*avro.Schema, error) {
	for _, t := range append([]string{text}, refs...) {
		if len(t) > maxSchemaBytes {
			return nil, fmt.Errorf("avro: parsing a schema: it has %d bytes, and %d are the most: leave out its documentation, or move types into schemas that it refers to", len(t), maxSchemaBytes)
		}
	}
	if err := checkTexts(text, refs); err != nil {
		return nil, err
	}
	parsed, err := parseStrictly(text, refs)
	if err == nil {
		return parsed, nil
	}
	plain, changed := withoutNames(text)
	plainRefs := make([]string, len(refs))
	for i, ref := range refs {
		var also bool
		plainRefs[i], also = withoutNames(ref)
		changed = changed || also
	}
	if changed {
		if parsed, again := parseStrictly(plain, plainRefs); again == nil {
			return parsed, nil
		}
	}
	return nil, err
}

// checkTexts keeps from the parser what it would take hours or gigabytes for.
func checkTexts(text string, refs []string) error {
	err := ast.Check(text, refs...)
	if fault, ok := errors.AsType[*ast.RefError](err); ok {
		return fmt.Errorf("avro: parsing a referenced schema: %w", briefly(fault.Err))
	}
	if err != nil {
		return fmt.Errorf("avro: parsing a schema: %w", briefly(err))
	}
	return nil
}

func parseStrictly(text string, refs []string) (*avro.Schema, error) {
	parse := avro.Parse
	// A cache has a copy of each named type, and so of all in it again.
	if len(refs) > 0 {
		var known avro.SchemaCache
		parse = known.Parse
	}
	for _, ref := range refs {
		if _, err := parse(ref); err != nil {
			return nil, fmt.Errorf("avro: parsing a referenced schema: %w", briefly(err))
		}
	}
	parsed, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("avro: parsing a schema: %w", briefly(err))
	}
	return parsed, nil
}

// briefly leaves out the middle of an error that names each level of a schema,
// as one that is nested too deeply does.
func briefly(err error) error {
	const side = 200
	text := err.Error()
	if len(text) <= 3*side {
		return err
	}
	return errors.New(strings.ToValidUTF8(text[:side], "") + " ... " + strings.ToValidUTF8(text[len(text)-side:], ""))
}

// withoutNames leaves the name out of types that have none: arrays, maps and
// primitive types. It also leaves out aliases of fields that are not unique. It
// reports whether there were any.
func withoutNames(text string) (plain string, changed bool) {
	if !json.Valid([]byte(text)) {
		return text, false
	}
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var node any
	if decoder.Decode(&node) != nil || !dropNames(node) {
		return text, false
	}
	return string(appendOrdered(nil, node)), true
}

// dropNames looks at types alone: a default may have members of these names.
func dropNames(node any) (dropped bool) {
	switch v := node.(type) {
	case []any:
		for _, branch := range v {
			dropped = dropNames(branch) || dropped
		}
	case map[string]any:
		if !hasName(v["type"]) && v["name"] != nil {
			delete(v, "name")
			dropped = true
		}
		for _, inner := range []string{"type", "items", "values"} {
			dropped = dropNames(v[inner]) || dropped
		}
		dropped = dropInFields(v["fields"]) || dropped
	}
	return dropped
}

// dropInFields also leaves out the aliases of a field that are the name of
// another, or its alias too: fields that swap their names have them. The
// schema's tree, by which data are resolved, keeps them.
func dropInFields(list any) (dropped bool) {
	fields, _ := list.([]any)
	taken := map[string]bool{}
	for _, field := range fields {
		if f, ok := field.(map[string]any); ok {
			taken[textOf(f["name"])] = true
			dropped = dropNames(f["type"]) || dropped
		}
	}
	for _, field := range fields {
		f, _ := field.(map[string]any)
		aliases, _ := f["aliases"].([]any)
		kept := slices.DeleteFunc(slices.Clone(aliases), func(alias any) bool {
			known := taken[textOf(alias)]
			taken[textOf(alias)] = true
			return known
		})
		if len(kept) < len(aliases) {
			f["aliases"], dropped = kept, true
		}
	}
	return dropped
}

// textOf is a text of JSON, empty for anything else, which may not be a key.
func textOf(v any) string {
	text, _ := v.(string)
	return text
}

func hasName(kind any) bool {
	return kind == "record" || kind == "error" || kind == "enum" || kind == "fixed"
}
