package compat

import (
	"slices"

	"github.com/gokavro/gokavro/codecs/avro/internal/ast"
)

// settle compares two types as far as their kinds go. It is settled unless they
// are of one complex kind, or one is a union.
func settle(reader, writer *ast.Node) (fits, settled bool) {
	switch {
	case reader.Kind == ast.Union || writer.Kind == ast.Union:
		return false, false
	case reader.Kind != writer.Kind:
		return slices.Contains(readableAs(writer.Kind), reader.Kind), true
	}
	return simple(reader.Kind), simple(reader.Kind)
}

// readableAs returns the kinds that a written one may be read as, besides its
// own.
func readableAs(written ast.Kind) []ast.Kind {
	switch written {
	case ast.Int:
		return []ast.Kind{ast.Long, ast.Float, ast.Double}
	case ast.Long:
		return []ast.Kind{ast.Float, ast.Double}
	case ast.Float:
		return []ast.Kind{ast.Double}
	case ast.Bytes:
		return []ast.Kind{ast.String}
	case ast.String:
		return []ast.Kind{ast.Bytes}
	}
	return nil
}

// simple reports whether a type of this kind is told by its kind alone.
func simple(kind ast.Kind) bool {
	switch kind {
	case ast.Record, ast.Enum, ast.Fixed, ast.Array, ast.Map, ast.Union:
		return false
	}
	return true
}

// sameName reports whether the names of two named types match.
func (c *comparison) sameName(reader, writer *ast.Node) bool {
	c.work -= len(reader.Aliases)
	return reader.ShortName() == writer.ShortName() || slices.Contains(reader.Aliases, writer.Name)
}

func (c *comparison) fieldsOf(record *ast.Node) map[string]*ast.Field {
	known, ok := c.fields[record]
	if !ok {
		known = make(map[string]*ast.Field, len(record.Fields))
		for _, field := range record.Fields {
			known[field.Name] = field
		}
		c.fields[record] = known
	}
	return known
}

// lacks returns the symbols that a reader's enum has neither itself nor a
// default for.
func (c *comparison) lacks(reader, writer *ast.Node) []string {
	c.work -= len(writer.Symbols)
	known := c.symbolsOf(reader)
	if known[reader.Default] {
		return nil
	}
	var lacks []string
	for _, symbol := range writer.Symbols {
		if !known[symbol] {
			lacks = append(lacks, symbol)
		}
	}
	return lacks
}

func (c *comparison) symbolsOf(enum *ast.Node) map[string]bool {
	known, ok := c.symbols[enum]
	if !ok {
		known = make(map[string]bool, len(enum.Symbols))
		for _, symbol := range enum.Symbols {
			known[symbol] = true
		}
		c.symbols[enum] = known
	}
	return known
}

// branchName is how a path calls a branch of a union.
func branchName(branch *ast.Node) string {
	if branch.Kind.Named() {
		return branch.ShortName()
	}
	return branch.Kind.String()
}
