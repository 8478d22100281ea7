package gen

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/gokavro/gokavro/codecs/avro/internal/ast"
)

// named is a type that gets Go code.
type named struct {
	node *ast.Node
	text string // as it was given, empty when it has to be written anew
}

type collector struct {
	list  []named
	known map[string]definition
	seen  map[*ast.Node]bool
}

type definition struct{ source, text string }

// collect returns the named types of all sources in the order of their first
// appearance.
func collect(sources []Source) ([]named, error) {
	c := &collector{known: map[string]definition{}, seen: map[*ast.Node]bool{}}
	for _, s := range sources {
		if err := c.walk(s.Root, s); err != nil {
			return nil, err
		}
	}
	if len(c.list) == 0 {
		return nil, errors.New("the schemas have no record and no enum to write code for")
	}
	return c.list, nil
}

func (c *collector) walk(n *ast.Node, from Source) error {
	if n.Kind.Named() {
		if c.seen[n] {
			return nil
		}
		c.seen[n] = true
		if err := c.add(n, from); err != nil {
			return err
		}
	}
	if n.Items != nil {
		return c.walk(n.Items, from)
	}
	for _, b := range n.Branches {
		if err := c.walk(b, from); err != nil {
			return err
		}
	}
	for _, f := range n.Fields {
		if err := c.walk(f.Type, from); err != nil {
			return err
		}
	}
	return nil
}

// add enters a type. A source that refers to others holds nodes of its own for
// their types, so that a name may come more than once.
func (c *collector) add(n *ast.Node, from Source) error {
	text := Text(n)
	if first, ok := c.known[n.Name]; ok {
		if first.text != text {
			return fmt.Errorf("%s and %s define the type %s differently", first.source, from.Name, n.Name)
		}
		return nil
	}
	c.known[n.Name] = definition{from.Name, text}
	if !isName(n.ShortName()) {
		return fmt.Errorf("%s: the type %q has a name that the Avro specification does not allow", from.Name, n.Name)
	}
	for _, symbol := range n.Symbols {
		if !isName(symbol) {
			return fmt.Errorf("%s: the enum %s has the symbol %q, which the Avro specification does not allow", from.Name, n.Name, symbol)
		}
	}
	if n.Kind == ast.Fixed {
		return nil
	}
	entry := named{node: n}
	var compact bytes.Buffer
	if n == from.Root && from.Text != "" && json.Compact(&compact, []byte(from.Text)) == nil {
		entry.text = compact.String()
	}
	c.list = append(c.list, entry)
	return nil
}

// isName reports whether a text is a name of the Avro specification.
func isName(text string) bool {
	for i, c := range text {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return text != ""
}
