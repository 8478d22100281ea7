package avro

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/gokavro/gokavro/codecs/registry"
)

// reference is what [Reference] gives.
type reference struct{ subject, text string }

// Reference gives a schema whose named types the codec's own schema uses, or
// that of another Reference; the registry holds it under subject. It is looked
// up, or registered, before those that use it. Schemas that use each other in a
// circle are refused, as is one that nothing uses.
func Reference(subject, schema string) Option {
	return func(s *settings) { s.given = append(slices.Clip(s.given), reference{subject, schema}) }
}

// linked is a schema that others use, with those that it uses itself.
type linked struct {
	reference
	name string // full name of its type
	uses []*linked
}

// parseLinked parses a schema with those of references that it uses.
func parseLinked(text string, given []reference) (*ParsedSchema, error) {
	if len(given) == 0 {
		return ParseSchema(text)
	}
	l := linker{given: given, definer: map[string]int{}, done: make([]*linked, len(given))}
	for i, ref := range given {
		found, err := namesIn(ref.text)
		if err != nil {
			return nil, fmt.Errorf("avro: the reference %s: %w", ref.subject, err)
		}
		l.names = append(l.names, found)
		for _, name := range found.defined {
			l.definer[name] = i
		}
	}
	own, err := namesIn(text)
	if err != nil {
		return nil, fmt.Errorf("avro: parsing a schema: %w", err)
	}
	uses, err := l.follow(own)
	if err != nil {
		return nil, err
	}
	if i := slices.Index(l.done, nil); i >= 0 {
		return nil, fmt.Errorf("avro: nothing uses the reference %s: leave it out", given[i].subject)
	}
	schema, err := ParseSchema(text, l.texts...)
	if err != nil {
		return nil, err
	}
	schema.uses = uses
	return schema, nil
}

// linker puts references in order.
type linker struct {
	given   []reference
	names   []schemaNames  // of given
	definer map[string]int // index in given by the name of a type
	done    []*linked      // by the index in given, nil until it is in texts
	path    []int          // from the schema to the reference at hand
	texts   []string       // those that others use come before them
}

// follow links what a schema uses.
func (l *linker) follow(names schemaNames) ([]*linked, error) {
	var uses []*linked
	for _, name := range names.used {
		i, ok := l.definer[name]
		if !ok || slices.Contains(names.defined, name) {
			continue
		}
		if slices.Contains(l.path, i) {
			return nil, fmt.Errorf("avro: references go round in a circle: %s", l.circle(i))
		}
		if l.done[i] == nil {
			if err := l.link(i); err != nil {
				return nil, err
			}
		}
		if !slices.Contains(uses, l.done[i]) {
			uses = append(uses, l.done[i])
		}
	}
	return uses, nil
}

func (l *linker) link(i int) error {
	l.path = append(l.path, i)
	uses, err := l.follow(l.names[i])
	if err != nil {
		return err
	}
	l.path = l.path[:len(l.path)-1]
	l.done[i] = &linked{reference: l.given[i], name: cmp.Or(l.names[i].root, l.given[i].subject), uses: uses}
	l.texts = append(l.texts, l.given[i].text)
	return nil
}

func (l *linker) circle(back int) string {
	var words []string
	for _, i := range append(l.path[slices.Index(l.path, back):], back) {
		words = append(words, l.given[i].subject)
	}
	return strings.Join(words, " -> ")
}

// schemaNames are the full names in a schema's text.
type schemaNames struct {
	root          string // of the text's own type, empty without a name
	defined, used []string
}

func namesIn(text string) (schemaNames, error) {
	var node any
	if err := json.Unmarshal([]byte(text), &node); err != nil {
		return schemaNames{}, fmt.Errorf("the schema is not JSON: %w", err)
	}
	var n schemaNames
	n.add(node, "")
	if object, ok := node.(map[string]any); ok && len(n.defined) > 0 && isNamed(object["type"]) {
		n.root = n.defined[0]
	}
	return n, nil
}

func isNamed(word any) bool {
	return word == "record" || word == "error" || word == "enum" || word == "fixed"
}

func (n *schemaNames) add(node any, namespace string) {
	switch node := node.(type) {
	case string:
		n.used = append(n.used, qualified(node, namespace))
	case []any:
		for _, branch := range node {
			n.add(branch, namespace)
		}
	case map[string]any:
		n.object(node, namespace)
	}
}

func (n *schemaNames) object(node map[string]any, namespace string) {
	switch word := node["type"]; {
	case word == "array":
		n.add(node["items"], namespace)
	case word == "map":
		n.add(node["values"], namespace)
	case !isNamed(word):
		n.add(word, namespace)
	default:
		if own, ok := node["namespace"].(string); ok {
			namespace = own
		}
		name, _ := node["name"].(string)
		name = qualified(name, namespace)
		n.defined = append(n.defined, name)
		fields, _ := node["fields"].([]any)
		for _, field := range fields {
			if field, ok := field.(map[string]any); ok {
				// The types inside live in the namespace of the full name.
				n.add(field["type"], name[:max(strings.LastIndexByte(name, '.'), 0)])
			}
		}
	}
}

func qualified(name, namespace string) string {
	if namespace == "" || strings.Contains(name, ".") {
		return name
	}
	return namespace + "." + name
}

// place finds in the registry what a schema uses, the innermost first.
func (s registrySchemas) place(ctx context.Context, uses []*linked) ([]registry.Reference, error) {
	refs := make([]registry.Reference, 0, len(uses))
	for _, ref := range uses {
		inner, err := s.place(ctx, ref.uses)
		if err != nil {
			return nil, err
		}
		found, err := s.find(ctx, ref.subject, ref.name, ref.text, inner)
		if err != nil {
			return nil, err
		}
		refs = append(refs, registry.Reference{Name: ref.name, Subject: ref.subject, Version: found.Version})
	}
	return refs, nil
}
