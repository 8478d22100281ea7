package ast

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// maxDepth bounds how deep types are nested in a schema's text.
const maxDepth = 1000

// Parse parses the JSON text of a schema. Each of refs is a schema whose named
// types it may use. Parse builds the tree, resolves names and refuses fields that
// cannot be told apart; whether names and defaults are legal is left to the
// full parser, which goes first.
func Parse(text string, refs ...string) (*Node, error) {
	root, _, err := parse(text, refs)
	return root, err
}

// Check refuses what the full parser would not come to the end of. It goes
// before that one.
func Check(text string, refs ...string) error {
	_, p, err := parse(text, refs)
	if err != nil {
		return err
	}
	return p.checkDefaults()
}

func parse(text string, refs []string) (*Node, *parser, error) {
	p := &parser{types: map[string]*Node{}, awaited: map[string]*Node{}}
	for _, ref := range refs {
		if _, err := p.parse(ref); err != nil {
			return nil, nil, &RefError{err}
		}
	}
	root, err := p.parse(text)
	if err != nil {
		return nil, nil, err
	}
	return root, p, nil
}

// RefError is a fault of a schema that another one refers to.
type RefError struct{ Err error }

func (e *RefError) Error() string { return "a schema that it refers to: " + e.Err.Error() }
func (e *RefError) Unwrap() error { return e.Err }

type parser struct {
	types   map[string]*Node // by full name
	awaited map[string]*Node // used before they are defined, as Java allows; by full name
	records []*Node
	depth   int
}

func (p *parser) parse(text string) (*Node, error) {
	raw := []byte(text)
	if !json.Valid(raw) {
		// A schema may be given as the bare name of a primitive type.
		if kind, ok := primitive(strings.TrimSpace(text)); ok {
			return &Node{Kind: kind}, nil
		}
		return nil, notJSON(raw)
	}
	root, err := p.node(newDocument(raw).value(0), "")
	if err == nil && len(p.awaited) > 0 {
		return nil, fmt.Errorf("type %q is not defined", slices.Min(slices.Collect(maps.Keys(p.awaited))))
	}
	return root, err
}

var errDeep = fmt.Errorf("types are nested more than %d deep", maxDepth)

func notJSON(raw []byte) error {
	err := json.Unmarshal(raw, new(json.RawMessage))
	if fault, ok := errors.AsType[*json.SyntaxError](err); ok {
		if strings.Contains(fault.Error(), "exceeded max depth") {
			return errDeep
		}
		return fmt.Errorf("the schema is not JSON: %w (at byte %d)", err, fault.Offset)
	}
	return fmt.Errorf("the schema is not JSON: %w", err)
}

func (p *parser) node(v value, namespace string) (*Node, error) {
	p.depth++
	defer func() { p.depth-- }()
	if p.depth > maxDepth {
		return nil, errDeep
	}
	switch v.first() {
	case 0:
		return nil, errors.New("a type is missing")
	case '"':
		return p.reference(v, namespace)
	case '[':
		return p.union(v, namespace)
	case '{':
		return p.object(v, namespace)
	}
	return nil, fmt.Errorf("%.40s is not a type", v.bytes())
}

func primitive(word string) (Kind, bool) {
	i := slices.Index(words[:Record], word)
	return Kind(max(i, 0)), i >= 0
}

func (p *parser) reference(v value, namespace string) (*Node, error) {
	name, err := v.string()
	if err != nil {
		return nil, err
	}
	if kind, ok := primitive(name); ok {
		return &Node{Kind: kind}, nil
	}
	full := qualify(name, namespace)
	for _, known := range []*Node{p.types[full], p.types[name], p.awaited[full]} {
		if known != nil {
			return known, nil
		}
	}
	p.awaited[full] = &Node{Name: full}
	return p.awaited[full], nil
}

func (p *parser) union(v value, namespace string) (*Node, error) {
	branches, err := v.items()
	if err != nil {
		return nil, err
	}
	union := &Node{Kind: Union, Branches: make([]*Node, len(branches))}
	for i, branch := range branches {
		node, err := p.node(branch, namespace)
		if err != nil {
			return nil, err
		}
		union.Branches[i] = node
	}
	return union, nil
}

func (p *parser) object(v value, namespace string) (*Node, error) {
	m, err := v.members()
	if err != nil {
		return nil, fmt.Errorf("reading a type: %w", err)
	}
	kind := m["type"].word()
	if kind == "" {
		// {"type": {…}} and {"type": […]} stand for the inner type.
		return p.node(m["type"], namespace)
	}
	node, err := p.complex(kind, m, namespace)
	if err != nil {
		return nil, err
	}
	if node == nil {
		if node, err = p.reference(m["type"], namespace); err != nil || node.Name != "" {
			return node, err
		}
	}
	node.Logical, node.Precision, node.Scale = m["logicalType"].word(), m["precision"].number(), m["scale"].number()
	node.Extra = m.extra()
	return node, nil
}

// complex returns a node for a type that is not primitive, nil for any other
// word.
func (p *parser) complex(kind string, m members, namespace string) (*Node, error) {
	switch kind {
	case "record", "error":
		return p.record(m, namespace)
	case "enum":
		node, err := p.named(Enum, m, namespace)
		node.Symbols, node.Default = m["symbols"].words(), m["default"].word()
		return node, err
	case "fixed":
		node, err := p.named(Fixed, m, namespace)
		node.Size = m["size"].number()
		return node, err
	case "array":
		items, err := p.node(m["items"], namespace)
		return &Node{Kind: Array, Items: items}, err
	case "map":
		values, err := p.node(m["values"], namespace)
		return &Node{Kind: Map, Items: values}, err
	}
	return nil, nil
}

// named makes a node and enters its name, so that the type may use itself.
func (p *parser) named(kind Kind, m members, namespace string) (*Node, error) {
	name := m["name"].word()
	if own, ok := m["namespace"]; ok && !strings.Contains(name, ".") {
		namespace = own.word()
	}
	full := qualify(name, namespace)
	node := p.awaited[full]
	if node == nil {
		node = &Node{Name: full}
	}
	delete(p.awaited, full)
	node.Kind, node.Doc = kind, m["doc"].word()
	for _, alias := range m["aliases"].words() {
		node.Aliases = append(node.Aliases, qualify(alias, spaceOf(node.Name)))
	}
	if p.types[node.Name] != nil {
		return node, fmt.Errorf("type %q is defined twice", node.Name)
	}
	p.types[node.Name] = node
	return node, nil
}

func (p *parser) record(m members, namespace string) (*Node, error) {
	node, err := p.named(Record, m, namespace)
	if err != nil {
		return nil, err
	}
	p.records = append(p.records, node)
	fields, err := m["fields"].items()
	if err != nil {
		return nil, fmt.Errorf("record %s: reading the fields: %w", node.Name, err)
	}
	seen := make(map[string]bool, len(fields))
	for _, field := range fields {
		f, err := field.members()
		if err != nil {
			return nil, fmt.Errorf("record %s: reading the fields: %w", node.Name, err)
		}
		name := f["name"].word()
		if name == "" {
			return nil, fmt.Errorf("record %s: field %d has no name", node.Name, len(node.Fields))
		}
		if seen[name] {
			return nil, fmt.Errorf("record %s: two fields are named %q", node.Name, name)
		}
		seen[name] = true
		inner, err := p.node(f["type"], spaceOf(node.Name))
		if err != nil {
			return nil, fmt.Errorf("record %s: field %s: %w", node.Name, name, err)
		}
		node.Fields = append(node.Fields, &Field{
			Name: name, Aliases: f["aliases"].words(), Doc: f["doc"].word(), Type: inner, Default: f["default"].raw(),
		})
	}
	return node, nil
}

func qualify(name, namespace string) string {
	if strings.Contains(name, ".") {
		return strings.TrimPrefix(name, ".")
	}
	if namespace == "" {
		return name
	}
	return namespace + "." + name
}

func spaceOf(full string) string {
	if i := strings.LastIndexByte(full, '.'); i >= 0 {
		return full[:i]
	}
	return ""
}

func short(full string) string { return full[strings.LastIndexByte(full, '.')+1:] }

// extra returns the attributes that the specification does not name.
func (m members) extra() map[string]json.RawMessage {
	named := []string{
		"type", "name", "namespace", "aliases", "doc", "fields", "symbols", "default", "items", "values", "size",
		"logicalType", "precision", "scale",
	}
	var rest map[string]json.RawMessage
	for name, value := range m {
		if !slices.Contains(named, name) {
			if rest == nil {
				rest = map[string]json.RawMessage{}
			}
			rest[name] = value.raw()
		}
	}
	return rest
}
