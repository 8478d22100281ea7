package gen

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"

	"github.com/gokavro/gokavro/codecs/avro/internal/ast"
)

// Text returns the JSON of a type that needs no other schema: every type that
// it uses is defined where it is first used, under its full name. Attributes
// of fields that the specification does not name are not in it.
func Text(n *ast.Node) string {
	return Texts([]*ast.Node{n})[0]
}

// Texts returns the JSON of several types, in which a type is defined once: in
// the first of the texts that uses it.
func Texts(nodes []*ast.Node) []string {
	t := &texter{defined: map[string]bool{}}
	list := make([]string, len(nodes))
	for i, n := range nodes {
		t.out.Reset()
		t.spaced = false
		t.node(n)
		list[i] = t.out.String()
	}
	return list
}

type texter struct {
	out     bytes.Buffer
	defined map[string]bool
	spaced  bool // the record around has a namespace
}

// value writes a JSON value. Those of a schema always can be written.
func (t *texter) value(v any) {
	encoder := json.NewEncoder(&t.out)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(v)
	t.out.Truncate(t.out.Len() - len("\n"))
}

func (t *texter) member(name string, v any) {
	t.out.WriteString(`,"` + name + `":`)
	t.value(v)
}

func (t *texter) node(n *ast.Node) {
	switch {
	case n.Kind == ast.Union:
		t.out.WriteByte('[')
		for i, b := range n.Branches {
			t.comma(i)
			t.node(b)
		}
		t.out.WriteByte(']')
		return
	case n.Kind.Named() && t.defined[n.Name]:
		t.value(n.Name)
		return
	case !n.Kind.Named() && n.Items == nil && n.Logical == "" && len(n.Extra) == 0:
		t.value(n.Kind.String())
		return
	}
	t.out.WriteString(`{"type":`)
	t.value(n.Kind.String())
	t.attributes(n)
	t.parts(n)
	t.out.WriteByte('}')
}

func (t *texter) comma(i int) {
	if i > 0 {
		t.out.WriteByte(',')
	}
}

func (t *texter) attributes(n *ast.Node) {
	if n.Kind.Named() {
		t.defined[n.Name] = true
		t.member("name", n.Name)
		if t.spaced && !isSpaced(n) {
			t.member("namespace", "") // or it would take that of the record around
		}
	}
	if len(n.Aliases) > 0 {
		t.member("aliases", n.Aliases)
	}
	if n.Doc != "" {
		t.member("doc", n.Doc)
	}
	if n.Logical != "" {
		t.member("logicalType", n.Logical)
	}
	if n.Precision != 0 {
		t.member("precision", n.Precision)
	}
	if n.Scale != 0 {
		t.member("scale", n.Scale)
	}
	for _, name := range slices.Sorted(maps.Keys(n.Extra)) {
		t.out.WriteByte(',')
		t.value(name)
		t.out.WriteByte(':')
		t.value(n.Extra[name])
	}
}

func (t *texter) parts(n *ast.Node) {
	switch n.Kind {
	case ast.Fixed:
		t.member("size", n.Size)
	case ast.Enum:
		t.member("symbols", n.Symbols)
		if n.Default != "" {
			t.member("default", n.Default)
		}
	case ast.Array:
		t.out.WriteString(`,"items":`)
		t.node(n.Items)
	case ast.Map:
		t.out.WriteString(`,"values":`)
		t.node(n.Items)
	case ast.Record:
		around := t.spaced
		t.spaced = isSpaced(n)
		t.out.WriteString(`,"fields":[`)
		for i, f := range n.Fields {
			t.comma(i)
			t.field(f)
		}
		t.out.WriteByte(']')
		t.spaced = around
	}
}

func isSpaced(n *ast.Node) bool { return n.Name != n.ShortName() }

func (t *texter) field(f *ast.Field) {
	t.out.WriteString(`{"name":`)
	t.value(f.Name)
	if len(f.Aliases) > 0 {
		t.member("aliases", f.Aliases)
	}
	if f.Doc != "" {
		t.member("doc", f.Doc)
	}
	t.out.WriteString(`,"type":`)
	t.node(f.Type)
	if f.Default != nil {
		t.member("default", f.Default)
	}
	t.out.WriteByte('}')
}
