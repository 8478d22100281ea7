package compat

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gokavro/gokavro/codecs/avro/internal/ast"
)

// side is the schema that advice is for: the one that is not in use yet.
type side bool

const (
	mendReader side = false
	mendWriter side = true
)

const (
	// maxNames bounds how many names a message lists.
	maxNames = 10
	// maxNameBytes bounds a name within a message or path.
	maxNameBytes = 200
)

// message tells a fault and what to do about it.
func (p *part) message(owner *verdict, mend side) string {
	return p.difference(owner) + "; " + p.advice(owner, mend)
}

// difference tells what reader and writer have against each other.
func (p *part) difference(owner *verdict) string {
	r, w := p.reader, p.writer
	switch p.kind {
	case NameMismatch:
		return fmt.Sprintf("the reader's %s has another name than the writer's %s", describe(r), describe(w))
	case FixedSizeMismatch:
		return fmt.Sprintf("the reader's %s has a size of %d, the writer's of %d", describe(r), r.Size, w.Size)
	case MissingEnumSymbols:
		return fmt.Sprintf("the reader's %s lacks the writer's %s, and has no default symbol", describe(r), list(p.lacks, ", "))
	case MissingDefault:
		return fmt.Sprintf("the reader's field %s is not in the writer's %s, and has no default", clip(p.field.Name), describe(w))
	case AmbiguousField:
		return fmt.Sprintf("the name and aliases of the reader's field %s match several fields of the writer's %s",
			clip(p.field.Name), describe(w))
	}
	if owner.readsUnion() {
		return fmt.Sprintf("the reader has %s, but a branch of the writer's union is %s", describe(r), describe(w))
	}
	return fmt.Sprintf("the reader has %s, the writer %s", describe(r), describe(w))
}

// advice tells how the schema that can still be changed gets rid of a fault.
func (p *part) advice(owner *verdict, mend side) string {
	r, w := p.reader, p.writer
	switch p.kind {
	case NameMismatch:
		if mend == mendWriter {
			return "keep the name " + clip(r.ShortName())
		}
		return "keep the name, or give the reader's type the alias " + clip(w.Name)
	case FixedSizeMismatch:
		return fmt.Sprintf("keep the size, or use a new %s under a new name", r.Kind)
	case MissingEnumSymbols:
		if mend == mendWriter {
			return "leave new symbols out until all readers know them or have a default symbol"
		}
		return "add them, or give the enum a default symbol"
	case MissingDefault:
		return p.defaultAdvice(mend)
	case AmbiguousField:
		return "remove the alias of a field that is still written"
	}
	switch {
	case mend == mendWriter:
		return "write " + alternatives(r, writableFor(r.Kind))
	case owner.readsUnion():
		return "read it as a union that has " + describe(w)
	}
	return "read it as " + alternatives(w, readableAs(w.Kind))
}

// readsUnion reports whether a fault of the verdict's own is one with a branch
// of the writer's union.
func (v *verdict) readsUnion() bool { return v.writer != nil && v.writer.Kind == ast.Union }

func (p *part) defaultAdvice(mend side) string {
	if mend == mendWriter {
		return "keep writing the field"
	}
	kind := p.field.Type.Kind
	switch {
	case kind == ast.Union && len(p.field.Type.Branches) > 0 && p.field.Type.Branches[0].Kind == ast.Null:
		return `add "default": null, or its former name as an alias (a union with null has no default by that alone)`
	case kind == ast.Enum && p.field.Type.Default != "":
		return "give the field a default of its own (the enum's is for unknown symbols), or its former name as an alias"
	}
	return "give it a default, or its former name as an alias"
}

func alternatives(own *ast.Node, others []ast.Kind) string {
	words := []string{describe(own)}
	for _, kind := range others {
		words = append(words, kind.String())
	}
	return list(words, " or ")
}

// writableFor returns the kinds that may be written for a reader's kind, besides
// its own.
func writableFor(read ast.Kind) []ast.Kind {
	var kinds []ast.Kind
	for kind := ast.Null; kind <= ast.Fixed; kind++ {
		if slices.Contains(readableAs(kind), read) {
			kinds = append(kinds, kind)
		}
	}
	return kinds
}

// branchMessage tells why no branch of the reader's union fits.
func branchMessage(v *verdict, mend side) string {
	if v.closest() != nil {
		return v.lackOfBranch() + "; mend that"
	}
	if mend == mendWriter {
		return v.lackOfBranch() + "; write only what the union has"
	}
	return v.lackOfBranch() + "; add it to the union"
}

// lackOfBranch tells what the reader's union lacks, with the reason where it
// has a branch that was meant for the writer's type.
func (v *verdict) lackOfBranch() string {
	if near := v.closest(); near != nil {
		return fmt.Sprintf("the branch %s of the reader's union cannot read the writer's: %s", describe(near.reader), near.cause())
	}
	return fmt.Sprintf("the reader's %s has no branch for the writer's %s", describe(v.reader), describe(v.writer))
}

// describe names a type in a few words.
func describe(n *ast.Node) string {
	switch {
	case n.Kind == ast.Union:
		names := make([]string, 0, maxNames+1)
		for _, branch := range n.Branches[:min(len(n.Branches), maxNames+1)] {
			names = append(names, branch.TypeName())
		}
		return fmt.Sprintf("union [%s]", list(names, ", "))
	case n.Kind.Named():
		return n.Kind.String() + " " + clip(n.Name)
	}
	return n.Kind.String()
}

// list joins names, and says so where there are too many of them.
func list(names []string, separator string) string {
	shown := make([]string, 0, maxNames+1)
	for _, name := range names[:min(len(names), maxNames)] {
		shown = append(shown, clip(name))
	}
	if len(names) > maxNames {
		shown = append(shown, "…")
	}
	return strings.Join(shown, separator)
}

// clip shortens a name that no person would have chosen.
func clip(name string) string {
	if len(name) <= maxNameBytes {
		return name
	}
	return strings.ToValidUTF8(name[:maxNameBytes], "") + "…"
}
