package ast

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// maxDepth bounds how deep types are nested in a schema's text.
const maxDepth = 500

// Parse parses the JSON text of a schema. Each of refs is a schema whose named
// types it may use. Parse builds the tree, resolves names and refuses fields that
// cannot be told apart; whether names and defaults are legal is left to the
// full parser, which goes first.
func Parse(text string, refs ...string) (*Node, error) {
	p := &parser{types: map[string]*Node{}}
	for _, ref := range refs {
		if _, err := p.parse(ref); err != nil {
			return nil, err
		}
	}
	return p.parse(text)
}

type parser struct {
	types map[string]*Node // by full name
	depth int
}

func (p *parser) parse(text string) (*Node, error) {
	raw := json.RawMessage(text)
	if !json.Valid(raw) {
		// A schema may be given as the bare name of a primitive type.
		if kind, ok := primitive(strings.TrimSpace(text)); ok {
			return &Node{Kind: kind}, nil
		}
		return nil, errors.New("the schema is not JSON")
	}
	return p.node(raw, "")
}

func (p *parser) node(raw json.RawMessage, namespace string) (*Node, error) {
	p.depth++
	defer func() { p.depth-- }()
	if p.depth > maxDepth {
		return nil, fmt.Errorf("types are nested more than %d deep", maxDepth)
	}
	raw = trim(raw)
	switch {
	case len(raw) == 0:
		return nil, errors.New("a type is missing")
	case raw[0] == '"':
		return p.reference(raw, namespace)
	case raw[0] == '[':
		return p.union(raw, namespace)
	case raw[0] == '{':
		return p.object(raw, namespace)
	}
	return nil, fmt.Errorf("%.40s is not a type", raw)
}

func trim(raw json.RawMessage) json.RawMessage {
	return json.RawMessage(strings.TrimSpace(string(raw)))
}

func primitive(word string) (Kind, bool) {
	i := slices.Index(words[:Record], word)
	return Kind(max(i, 0)), i >= 0
}

func (p *parser) reference(raw json.RawMessage, namespace string) (*Node, error) {
	var name string
	if err := json.Unmarshal(raw, &name); err != nil {
		return nil, err
	}
	if kind, ok := primitive(name); ok {
		return &Node{Kind: kind}, nil
	}
	if known := p.types[qualify(name, namespace)]; known != nil {
		return known, nil
	}
	if known := p.types[name]; known != nil {
		return known, nil
	}
	return nil, fmt.Errorf("type %q is not defined", name)
}

func (p *parser) union(raw json.RawMessage, namespace string) (*Node, error) {
	var branches []json.RawMessage
	if err := json.Unmarshal(raw, &branches); err != nil {
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

// members are those of a JSON object. A struct would not do: encoding/json
// does not tell "name" from "Name".
type members map[string]json.RawMessage

func (p *parser) object(raw json.RawMessage, namespace string) (*Node, error) {
	var m members
	if err := json.Unmarshal(raw, &m); err != nil {
		return nil, fmt.Errorf("reading a type: %w", err)
	}
	kind := text(m["type"])
	if kind == "" {
		// {"type": {…}} and {"type": […]} stand for the inner type.
		return p.node(m["type"], namespace)
	}
	node, err := p.complex(kind, m, namespace)
	if err != nil {
		return nil, err
	}
	if node == nil {
		if node, err = p.reference(m["type"], namespace); err != nil || node.Kind.Named() {
			return node, err
		}
	}
	node.Logical, node.Precision, node.Scale = text(m["logicalType"]), number(m["precision"]), number(m["scale"])
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
		node.Symbols, node.Default = texts(m["symbols"]), text(m["default"])
		return node, err
	case "fixed":
		node, err := p.named(Fixed, m, namespace)
		node.Size = number(m["size"])
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
	name := text(m["name"])
	if own, ok := m["namespace"]; ok && !strings.Contains(name, ".") {
		namespace = text(own)
	}
	node := &Node{Kind: kind, Name: qualify(name, namespace), Doc: text(m["doc"])}
	for _, alias := range texts(m["aliases"]) {
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
	var fields []members
	if err := json.Unmarshal(m["fields"], &fields); err != nil {
		return nil, fmt.Errorf("record %s: reading the fields: %w", node.Name, err)
	}
	seen := make(map[string]bool, len(fields))
	for _, f := range fields {
		name := text(f["name"])
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
			Name: name, Aliases: texts(f["aliases"]), Doc: text(f["doc"]), Type: inner, Default: f["default"],
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

// text returns a JSON string, empty for anything else.
func text(raw json.RawMessage) string {
	var s string
	_ = json.Unmarshal(raw, &s)
	return s
}

// number returns a JSON integer, 0 for anything else.
func number(raw json.RawMessage) int {
	var n int
	_ = json.Unmarshal(raw, &n)
	return n
}

// texts returns a list of JSON strings, nil for anything else.
func texts(raw json.RawMessage) []string {
	var list []string
	_ = json.Unmarshal(raw, &list)
	return list
}

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
			rest[name] = value
		}
	}
	return rest
}
