// Package resolve works out how a datum of one schema is read in the form of
// another: the Avro specification's schema resolution, decided as Java's
// Resolver decides it. The result is a graph of actions, which decoders
// compile or walk.
package resolve

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/gokavro/gokavro/codecs/avro/internal/ast"
)

// Kind says what an action does.
type Kind uint8

const (
	// Direct reads a primitive or fixed type as it was written.
	Direct Kind = iota
	// Promote reads a primitive type as a wider one.
	Promote
	// Record reads the writer's fields in their order.
	Record
	// Enum maps symbols.
	Enum
	// Array reads items.
	Array
	// Map reads values.
	Map
	// WriterUnion goes on with the action of the branch that was written.
	WriterUnion
	// ReaderUnion reads into one branch of the reader's union.
	ReaderUnion
	// Fail is met when the datum holds what cannot be read.
	Fail
)

// Action says how a datum of Writer is read as Reader. Actions of a recursive
// schema form a cyclic graph; they must not be changed.
type Action struct {
	Kind           Kind
	Writer, Reader *ast.Node

	Fields   []Field   // of a Record, in the writer's order
	Defaults []Default // of a Record: what the writer does not write
	Symbols  []int     // of an Enum: the reader's index by the writer's, -1 for none
	Items    *Action   // of an Array or Map
	Branches []*Action // of a WriterUnion, by the writer's index
	Branch   int       // of a ReaderUnion: the reader's index
	Inner    *Action   // of a ReaderUnion: how that branch is read
	Err      error     // of a Fail
}

// Field is a field that the writer wrote.
type Field struct {
	Name   string // the writer's
	Writer *ast.Node
	Index  int     // of the reader's field, -1 to skip it
	Read   *Action // nil to skip it
}

// Default is a field of the reader that takes its default.
type Default struct {
	Index int // of the reader's field
	Field *ast.Field
}

// New returns the action for a pair of schemas. Faults do not fail New: they
// are Fail actions where the datum would need what cannot be read.
func New(writer, reader *ast.Node) *Action {
	r := &resolver{seen: map[pair]*Action{}, left: maxWork}
	return r.resolve(writer, reader)
}

type pair struct{ writer, reader *ast.Node }

// maxWork bounds the pairs of types that are looked at: unions of many records
// that have other names on each side are all compared with one another.
const maxWork = 1 << 18

const tooMuch = "the two schemas have too many pairs of types to compare; use fewer or smaller unions"

type resolver struct {
	seen map[pair]*Action
	left int // of maxWork
}

func (r *resolver) resolve(w, rd *ast.Node) *Action {
	if known := r.seen[pair{w, rd}]; known != nil {
		return known
	}
	a := &Action{Writer: w, Reader: rd}
	if r.left--; r.left < 0 {
		a.fail(tooMuch)
		return a
	}
	r.seen[pair{w, rd}] = a
	switch {
	case w.Kind == ast.Union:
		a.Kind = WriterUnion
		for _, branch := range w.Branches {
			a.Branches = append(a.Branches, r.resolve(branch, rd))
		}
	case rd.Kind == ast.Union:
		r.readerUnion(a)
	case w.Kind == rd.Kind:
		r.same(a)
	case promotable(w.Kind, rd.Kind):
		a.Kind = Promote
	default:
		a.fail("%s cannot be read as %s", w.TypeName(), rd.TypeName())
	}
	return a
}

func (a *Action) fail(format string, args ...any) {
	a.Kind, a.Err = Fail, fmt.Errorf(format, args...)
}

func (r *resolver) same(a *Action) {
	switch a.Writer.Kind {
	case ast.Record:
		r.record(a)
	case ast.Enum:
		enum(a)
	case ast.Array:
		a.Kind, a.Items = Array, r.resolve(a.Writer.Items, a.Reader.Items)
	case ast.Map:
		a.Kind, a.Items = Map, r.resolve(a.Writer.Items, a.Reader.Items)
	case ast.Fixed:
		fixed(a)
	default:
		a.Kind = Direct
	}
}

func fixed(a *Action) {
	switch {
	case !SameName(a.Writer, a.Reader):
		a.fail("fixed %s cannot be read as %s: the names differ", a.Writer.Name, a.Reader.Name)
	case a.Writer.Size != a.Reader.Size:
		a.fail("fixed %s of %d bytes cannot be read with %d bytes", a.Writer.Name, a.Writer.Size, a.Reader.Size)
	default:
		a.Kind = Direct
	}
}

func enum(a *Action) {
	if !SameName(a.Writer, a.Reader) {
		a.fail("enum %s cannot be read as %s: the names differ", a.Writer.Name, a.Reader.Name)
		return
	}
	a.Kind = Enum
	at := make(map[string]int, len(a.Reader.Symbols))
	for i, symbol := range a.Reader.Symbols {
		at[symbol] = i
	}
	standIn, ok := at[a.Reader.Default]
	if !ok {
		standIn = -1
	}
	a.Symbols = make([]int, len(a.Writer.Symbols))
	for i, symbol := range a.Writer.Symbols {
		if a.Symbols[i], ok = at[symbol]; !ok {
			a.Symbols[i] = standIn
		}
	}
}

func (r *resolver) record(a *Action) {
	index := matchFields(a.Writer, a.Reader)
	written := make([]bool, len(a.Reader.Fields))
	for _, i := range index {
		if i >= 0 {
			written[i] = true
		}
	}
	var missing []string
	for i, f := range a.Reader.Fields {
		if written[i] {
			continue
		}
		if f.Default == nil {
			missing = append(missing, strconv.Quote(f.Name))
		}
		a.Defaults = append(a.Defaults, Default{Index: i, Field: f})
	}
	if len(missing) > 0 {
		a.Defaults = nil
		a.fail("record %s: the writer does not write %s, and the reader has no default for it", a.Reader.Name, strings.Join(missing, ", "))
		return
	}
	a.Kind = Record
	for i, f := range a.Writer.Fields {
		field := Field{Name: f.Name, Writer: f.Type, Index: index[i]}
		if field.Index >= 0 {
			field.Read = r.resolve(f.Type, a.Reader.Fields[field.Index].Type)
		}
		a.Fields = append(a.Fields, field)
	}
}

// matchFields returns for each field of the writer the index of the reader's
// field that it is read into: the one of its name, or else the first that had
// its name and whose present name the writer does not write; -1 for none.
func matchFields(writer, reader *ast.Node) []int {
	written := make(map[string]bool, len(writer.Fields))
	for _, f := range writer.Fields {
		written[f.Name] = true
	}
	byName, byAlias := make(map[string]int, len(reader.Fields)), map[string]int{}
	for i, f := range reader.Fields {
		byName[f.Name] = i
		for _, alias := range f.Aliases {
			if _, taken := byAlias[alias]; !taken && !written[f.Name] {
				byAlias[alias] = i
			}
		}
	}
	index := make([]int, len(writer.Fields))
	taken := map[int]bool{}
	for i, f := range writer.Fields {
		found, ok := byName[f.Name]
		if !ok {
			found, ok = byAlias[f.Name]
		}
		if !ok || taken[found] {
			index[i] = -1
			continue
		}
		taken[found] = true
		index[i] = found
	}
	return index
}

// SameName reports whether the reader's named type stands for the writer's:
// the names agree without their namespaces, or the writer's is an alias.
func SameName(writer, reader *ast.Node) bool {
	return writer.ShortName() == reader.ShortName() || slices.Contains(reader.Aliases, writer.Name)
}

// promotable holds the promotions of the specification.
func promotable(from, to ast.Kind) bool {
	switch from {
	case ast.Int:
		return to == ast.Long || to == ast.Float || to == ast.Double
	case ast.Long:
		return to == ast.Float || to == ast.Double
	case ast.Float:
		return to == ast.Double
	case ast.String:
		return to == ast.Bytes
	case ast.Bytes:
		return to == ast.String
	}
	return false
}

func (r *resolver) readerUnion(a *Action) {
	a.Branch = r.branch(a.Writer, a.Reader)
	switch {
	case a.Branch < 0 && r.left < 0:
		a.fail(tooMuch)
		return
	case a.Branch < 0:
		a.fail("%s matches no branch of the reader's union", a.Writer.TypeName())
		return
	}
	a.Kind, a.Inner = ReaderUnion, r.resolve(a.Writer, a.Reader.Branches[a.Branch])
}

// branch picks the reader's branch as Java does: the type itself, named types
// by their full name or an alias; then a record whose fields can be read, one
// of the same short name before others; then the first promotion. An enum or
// fixed of the same short name is read too, as the compatibility checker says.
func (r *resolver) branch(w, union *ast.Node) int {
	if i := slices.IndexFunc(union.Branches, func(b *ast.Node) bool { return sameType(w, b) }); i >= 0 {
		return i
	}
	if i := r.alike(w, union); i >= 0 {
		return i
	}
	return slices.IndexFunc(union.Branches, func(b *ast.Node) bool { return promotable(w.Kind, b.Kind) })
}

func sameType(w, b *ast.Node) bool {
	return b.Kind == w.Kind && (!w.Kind.Named() || b.Name == w.Name || slices.Contains(b.Aliases, w.Name))
}

// alike finds a named type of another name that can be read, -1 for none.
func (r *resolver) alike(w, union *ast.Node) int {
	found := -1
	if !w.Kind.Named() {
		return found
	}
	for i, b := range union.Branches {
		if r.left < 0 {
			return -1
		}
		if b.Kind != w.Kind || found >= 0 && b.ShortName() != w.ShortName() {
			continue
		}
		if r.readable(r.resolve(w, b), map[*Action]bool{}) {
			found = i
		}
	}
	return found
}

// readable reports whether no datum of the writer can meet a Fail, as far as
// records and their fields go.
func (r *resolver) readable(a *Action, seen map[*Action]bool) bool {
	if seen[a] {
		return true
	}
	seen[a] = true
	if r.left--; a.Kind == Fail || r.left < 0 {
		return false
	}
	for _, f := range a.Fields {
		if f.Read != nil && !r.readable(f.Read, seen) {
			return false
		}
	}
	return true
}
