package avro

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gokavro/gokavro/codecs/avro/internal/ast"
)

// LogicalTypeMismatch is the kind of an [Incompatibility] that neither Java's
// Avro nor a registry knows: bytes that can be read, but as another value.
const LogicalTypeMismatch = "LOGICAL_TYPE_MISMATCH"

// maxMisreadPairs bounds the work of misread.
const maxMisreadPairs = 10_000

// misread returns the places where a number has one logical type for the
// writer and another for the reader, such as milliseconds and microseconds, or
// decimals of different scales. Resolution does not look at logical types, and
// fingerprints leave them out. The schemas are compatible.
func misread(writer, reader *ParsedSchema) []Incompatibility {
	from, to, err := trees(writer, reader)
	if err != nil {
		return nil
	}
	w := misreading{seen: map[[2]*ast.Node]bool{}}
	w.add(place{writer: from, reader: to})
	var found []Incompatibility
	for len(w.open) > 0 {
		at := w.open[0]
		w.open = w.open[1:]
		if fault := at.fault(); fault != "" {
			found = append(found, Incompatibility{Path: at.path, Kind: LogicalTypeMismatch, Message: fault})
		}
		w.inside(at)
	}
	return found
}

// place is where a reader's type meets the writer's.
type place struct {
	path           string
	writer, reader *ast.Node
}

func (p place) fault() string {
	from, to := p.writer.Logical, p.reader.Logical
	switch {
	case from == "" || to == "":
		return ""
	case from != to:
		return fmt.Sprintf("it was written as %s and would be read as %s, with the same number: keep %s, or use a new field", from, to, from)
	case from == "decimal" && p.writer.Scale != p.reader.Scale:
		return fmt.Sprintf("it was written with the scale %d and would be read with the scale %d, with the same digits: keep the scale, or use a new field", p.writer.Scale, p.reader.Scale)
	}
	return ""
}

// misreading is the walk through both schemas, each pair of types once.
type misreading struct {
	open []place
	seen map[[2]*ast.Node]bool
}

func (w *misreading) add(p place) {
	pair := [2]*ast.Node{p.writer, p.reader}
	if w.seen[pair] || len(w.seen) == maxMisreadPairs {
		return
	}
	w.seen[pair] = true
	w.open = append(w.open, p)
}

func (w *misreading) inside(p place) {
	switch {
	case p.writer.Kind == ast.Union:
		for _, branch := range p.writer.Branches {
			w.add(place{p.path, branch, p.reader})
		}
	case p.reader.Kind == ast.Union:
		if branch := branchOf(p.reader, p.writer); branch != nil {
			w.add(place{p.path, p.writer, branch})
		}
	case p.writer.Kind != p.reader.Kind:
	case p.reader.Kind == ast.Array:
		w.add(place{p.path + "[]", p.writer.Items, p.reader.Items})
	case p.reader.Kind == ast.Map:
		w.add(place{p.path + "{}", p.writer.Items, p.reader.Items})
	case p.reader.Kind == ast.Record:
		for _, field := range p.reader.Fields {
			if written := writtenAs(field, p.writer); written != nil {
				w.add(place{strings.TrimPrefix(p.path+"."+field.Name, "."), written.Type, field.Type})
			}
		}
	}
}

// branchOf returns the branch of a reader's union that reads a type.
func branchOf(union, writer *ast.Node) *ast.Node {
	for _, branch := range union.Branches {
		same := branch.ShortName() == writer.ShortName() || slices.Contains(branch.Aliases, writer.Name)
		if branch.Kind == writer.Kind && same {
			return branch
		}
	}
	return nil
}

// writtenAs returns the field of a writer's record that a reader's field reads.
func writtenAs(field *ast.Field, writer *ast.Node) *ast.Field {
	for _, name := range append([]string{field.Name}, field.Aliases...) {
		if found := writer.Field(name); found != nil {
			return found
		}
	}
	return nil
}
