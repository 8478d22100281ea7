package compat_test

import (
	"slices"
	"testing"

	"github.com/gokavro/gokavro/codecs/avro/internal/ast"
	"github.com/gokavro/gokavro/codecs/avro/internal/compat"
)

// plain is the rules of compatibility once more: recursive, slow, without
// messages. What is being compared further up is taken to fit.
type plain struct {
	open  map[[2]*ast.Node]bool
	steps int // how many are left, none when it gave up
}

// fits compares two types with the plain rules; it gives up on large ones.
func fits(writer, reader *ast.Node) (fits, ok bool) {
	p := &plain{open: map[[2]*ast.Node]bool{}, steps: 20_000}
	fits = p.fits(writer, reader)
	return fits, p.steps > 0
}

func (p *plain) fits(w, r *ast.Node) bool {
	if p.steps--; p.steps <= 0 {
		return false
	}
	reads := func(branch *ast.Node) bool { return p.fits(w, branch) }
	isRead := func(branch *ast.Node) bool { return !p.fits(branch, r) }
	switch {
	case w.Kind == ast.Union:
		return !slices.ContainsFunc(w.Branches, isRead)
	case r.Kind == ast.Union:
		return slices.ContainsFunc(r.Branches, reads)
	case w.Kind != r.Kind:
		widened := []string{
			"int long", "int float", "int double", "long float", "long double", "float double", "string bytes", "bytes string",
		}
		return slices.Contains(widened, w.Kind.String()+" "+r.Kind.String())
	case w.Kind == ast.Array || w.Kind == ast.Map:
		return p.fits(w.Items, r.Items)
	case !w.Kind.Named():
		return true
	case w.ShortName() != r.ShortName() && !slices.Contains(r.Aliases, w.Name):
		return false
	}
	return p.named(w, r)
}

func (p *plain) named(w, r *ast.Node) bool {
	switch w.Kind {
	case ast.Fixed:
		return w.Size == r.Size
	case ast.Enum:
		unknown := func(symbol string) bool { return !slices.Contains(r.Symbols, symbol) }
		return !slices.ContainsFunc(w.Symbols, unknown) || slices.Contains(r.Symbols, r.Default)
	}
	here := [2]*ast.Node{w, r}
	if p.open[here] {
		return true
	}
	p.open[here] = true
	defer delete(p.open, here)
	for _, field := range r.Fields {
		if !p.field(w, field) {
			return false
		}
	}
	return true
}

func (p *plain) field(w *ast.Node, field *ast.Field) bool {
	var found *ast.Field
	for _, name := range append([]string{field.Name}, field.Aliases...) {
		other := w.Field(name)
		if found != nil && other != nil && other != found {
			return false
		}
		if other != nil {
			found = other
		}
	}
	if found == nil {
		return field.Default != nil
	}
	return p.fits(found.Type, field.Type)
}

func TestCheckAgreesWithAPlainRecursionOnAllPairsOfKnownSchemas(t *testing.T) {
	t.Parallel()
	var schemas []*ast.Node
	for _, tt := range conformance[pairCase](t, "compat.jsonl") {
		schemas = append(schemas, parse(t, tt.Reader))
	}
	for _, text := range recursive() {
		schemas = append(schemas, parse(t, []byte(text)))
	}
	compared, fitting := 0, 0
	for i, writer := range schemas {
		for j, reader := range schemas {
			want, ok := fits(writer, reader)
			if !ok {
				continue
			}
			compared++
			if want {
				fitting++
			}
			if got := compat.Check(writer, reader); (len(got) == 0) != want {
				t.Errorf("schema %d read as %d: got %v, want compatible %v", i, j, got, want)
			}
		}
	}
	if compared < len(schemas)*len(schemas)*9/10 || fitting < len(schemas) {
		t.Errorf("got %d pairs compared and %d fitting of %d schemas, want more", compared, fitting, len(schemas))
	}
}

// recursive returns schemas that recurse by various ways.
func recursive() []string {
	return []string{
		`{"type":"record","name":"L","fields":[{"name":"head","type":"int"},{"name":"tail","type":["null","L"],"default":null}]}`,
		`{"type":"record","name":"L","fields":[{"name":"head","type":"long"},{"name":"tail","type":["null","L"],"default":null}]}`,
		`{"type":"record","name":"L","fields":[{"name":"tail","type":["L","null"]},{"name":"head","type":["int","string"]}]}`,
		`{"type":"record","name":"L","fields":[{"name":"head","type":"string"},{"name":"tail","type":{"type":"array","items":"L"}}]}`,
		`{"type":"record","name":"L","fields":[{"name":"head","type":"double"},{"name":"tail","type":["null",
			{"type":"record","name":"x.L","fields":[{"name":"head","type":"float"},{"name":"tail","type":["null","L"]}]}]}]}`,
		`{"type":"record","name":"M","aliases":["L"],"fields":[{"name":"tail","type":["null","M"]},{"name":"more","type":["null",{"type":"map","values":"M"}],"default":null}]}`,
	}
}
