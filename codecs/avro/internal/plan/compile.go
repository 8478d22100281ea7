package plan

import (
	"reflect"
	"slices"

	"github.com/gokavro/gokavro/codecs/avro/internal/ast"
	"github.com/gokavro/gokavro/codecs/avro/internal/resolve"
)

// decodeCompiler makes programs; one for each pair of an action and a type, so
// that recursive schemas and types come to an end.
type decodeCompiler struct {
	programs   map[decodeKey]*program
	identities map[*ast.Node]*resolve.Action
	forms      map[*ast.Node]map[reflect.Type]int // of a union: how many branches have a Go type
	wires      *wires
	matches    matches
	types      *Types
	faults     faults
	strings    int
}

type decodeKey struct {
	action *resolve.Action
	typ    reflect.Type
}

func newDecodeCompiler(types *Types) *decodeCompiler {
	return &decodeCompiler{
		programs: map[decodeKey]*program{}, identities: map[*ast.Node]*resolve.Action{}, wires: newWires(),
		forms: map[*ast.Node]map[reflect.Type]int{}, matches: matches{}, types: types,
	}
}

// identity returns the action that reads a schema as it was written.
func (c *decodeCompiler) identity(n *ast.Node) *resolve.Action {
	if c.identities[n] == nil {
		c.identities[n] = resolve.New(n, n)
	}
	return c.identities[n]
}

// ambiguous reports whether another branch of the union has the Go type of
// branch i.
func (c *decodeCompiler) ambiguous(union *ast.Node, i int) bool {
	forms := c.forms[union]
	if forms == nil {
		forms = map[reflect.Type]int{}
		for _, b := range union.Branches {
			forms[natural(b)]++
		}
		c.forms[union] = forms
	}
	mine := natural(union.Branches[i])
	return mine != nil && forms[mine] > 1
}

// place is where in a program operations are added.
type place struct {
	c *decodeCompiler
	p *program
	spot
}

func (c *decodeCompiler) program(a *resolve.Action, t reflect.Type, full string) *program {
	key := decodeKey{a, t}
	if known := c.programs[key]; known != nil {
		return known
	}
	p := &program{}
	c.programs[key] = p
	(&place{c, p, spot{full: full}}).compile(a, t)
	return p
}

// emit adds an operation for the place.
func (b *place) emit(code opcode, x detail) *op {
	x.path = b.path
	if code == opString {
		b.c.strings++
	}
	b.p.ops = append(b.p.ops, op{code: code, off: b.off, cost: uint16(b.lift - b.p.levels), x: &x})
	return &b.p.ops[len(b.p.ops)-1]
}

func (b *place) mismatch(a *resolve.Action, t reflect.Type) {
	b.c.faults.add(b.full, "the Go type %s cannot hold Avro's %s", t, describe(a.Reader))
	b.emit(opFail, detail{err: ErrRange})
}

func isNull(a *resolve.Action) bool {
	if a.Kind == resolve.ReaderUnion {
		a = a.Inner
	}
	return a.Kind == resolve.Direct && a.Reader.Kind == ast.Null
}

// chosen goes past the choice of a reader's branch, unless type t is to tell
// which it was.
func (c *decodeCompiler) chosen(a *resolve.Action, t reflect.Type) *resolve.Action {
	if a.Kind == resolve.ReaderUnion && !c.types.chooses(t) {
		return a.Inner
	}
	return a
}

func (b *place) compile(a *resolve.Action, t reflect.Type) {
	custom := b.c.types.customOf(t)
	switch {
	case a.Kind == resolve.Fail:
		b.emit(opFail, detail{err: a.Err})
	case custom != nil && custom.takesNull():
		b.custom(a, custom)
	case a.Kind == resolve.WriterUnion:
		b.union(a, t)
	case isNull(a):
		b.emit(opNothing, detail{})
	case custom != nil:
		b.custom(a, custom)
	case b.c.types.sealedBy(t) != nil:
		b.sealed(a, t)
	case t == typeAny:
		b.box(a)
	case t.Kind() == reflect.Pointer:
		b.pointer(b.c.chosen(a, t), t)
	case a.Kind == resolve.ReaderUnion:
		b.compile(a.Inner, t)
	default:
		b.value(a, t)
	}
}

// union compiles a writer's union. Null leaves the zero value.
func (b *place) union(a *resolve.Action, t reflect.Type) {
	null := slices.IndexFunc(a.Branches, isNull)
	pointer := t.Kind() == reflect.Pointer && b.c.types.customOf(t) == nil
	if pointer && len(a.Branches) == 2 && null >= 0 && a.Branches[1-null].Kind != resolve.Fail {
		other := b.c.chosen(a.Branches[1-null], t)
		o := b.emit(opNullable, detail{typ: t.Elem()})
		o.null, o.size = uint8(null), t.Elem().Size()
		o.sub = b.c.program(other, t.Elem(), b.full)
		return
	}
	x := b.emit(opUnion, detail{}).x
	for _, branch := range a.Branches {
		x.subs = append(x.subs, b.c.program(branch, t, b.full))
	}
}

func (b *place) pointer(a *resolve.Action, t reflect.Type) {
	if baseType(t) == nil {
		b.mismatch(a, t)
		return
	}
	o := b.emit(opPointer, detail{typ: t.Elem()})
	o.size = t.Elem().Size()
	o.sub = b.c.program(a, t.Elem(), b.full)
}

// box compiles a value for an any.
func (b *place) box(a *resolve.Action) {
	if a.Kind == resolve.ReaderUnion {
		if !b.c.ambiguous(a.Reader, a.Branch) {
			b.box(a.Inner)
			return
		}
		o := b.emit(opBranch, detail{names: []string{a.Inner.Reader.TypeName()}})
		if a.Inner.Kind == resolve.Fail {
			o.code, o.x.err = opFail, a.Inner.Err
			return
		}
		o.sub = b.c.program(a.Inner, typeAny, b.full)
		return
	}
	if a.Kind == resolve.Fail {
		b.emit(opFail, detail{err: a.Err})
		return
	}
	t := natural(a.Reader)
	o := b.emit(opBox, detail{typ: t})
	o.size = t.Size() + 16
	o.sub = b.c.program(a, t, b.full)
}

// value compiles a value that is no union, pointer or any.
func (b *place) value(a *resolve.Action, t reflect.Type) {
	switch a.Reader.Kind {
	case ast.Record:
		b.record(a, t)
	case ast.Array:
		b.slice(a, t)
	case ast.Map:
		b.mapping(a, t)
	default:
		b.scalar(a, t)
	}
}

func (b *place) slice(a *resolve.Action, t reflect.Type) {
	if t.Kind() != reflect.Slice {
		b.mismatch(a, t)
		return
	}
	o := b.emit(opSlice, detail{
		typ: t, pointer: reflect.Zero(reflect.PointerTo(t)).Interface(), value: reflect.MakeSlice(t, 0, 0),
		least: b.c.wires.least(a.Writer.Items),
	})
	o.size = t.Elem().Size()
	o.cost++
	o.sub = b.c.program(a.Items, t.Elem(), b.full+"[]")
	b.c.strings++ // items may hold many
}

func (b *place) mapping(a *resolve.Action, t reflect.Type) {
	if t.Kind() != reflect.Map || t.Key().Kind() != reflect.String {
		b.mismatch(a, t)
		return
	}
	o := b.emit(opMap, detail{
		typ: t, pointer: reflect.Zero(reflect.PointerTo(t)).Interface(), scratch: newScratch(t),
		least: b.c.wires.least(a.Writer.Items) + 1, mapOf: mapKindOf(t.Elem()),
	})
	x := o.x
	o.size = t.Elem().Size() + t.Key().Size()
	o.cost++
	sub := b.c.program(a.Items, t.Elem(), b.full+"[]")
	o.sub = sub
	if x.mapOf == mapOfString && (len(sub.ops) != 1 || sub.ops[0].code != opString) {
		x.mapOf = mapOther
	}
	b.c.strings += 2
}

// record compiles a record into a struct, whose fields become part of the
// program itself, or into a map.
func (b *place) record(a *resolve.Action, t reflect.Type) {
	if t == typeAnyMap {
		b.recordMap(a)
		return
	}
	if t.Kind() != reflect.Struct {
		b.mismatch(a, t)
		return
	}
	fields, err := b.c.types.fieldsByName(t)
	if err != nil {
		b.c.faults.add(b.full, "%s: %v", t, err)
		return
	}
	if b.path == "" && len(b.p.ops) == 0 && b.lift == 0 {
		b.p.levels = 1
	}
	for _, f := range a.Fields {
		var target *structField
		if f.Index >= 0 {
			target = fields[a.Reader.Fields[f.Index].Name]
		}
		if target == nil {
			b.at(f.Name, 0).emit(opSkip, detail{wire: b.c.wires.of(f.Writer)})
			continue
		}
		if !target.clashes(&b.c.faults, b.full, t) {
			b.field(target).compile(f.Read, target.typ)
		}
	}
	for _, d := range a.Defaults {
		if target := fields[d.Field.Name]; target != nil {
			b.field(target).defaultOf(d.Field, target.typ)
		}
	}
}

// at returns the place of a field of the record at b.
func (b *place) at(name string, offset uintptr) *place {
	return &place{b.c, b.p, b.in(name, offset)}
}

// field returns the place of a struct's field. Embedded pointers on the way
// are followed by programs of their own.
func (b *place) field(f *structField) *place {
	if len(f.hops) == 0 {
		return b.at(f.name, f.offset)
	}
	at := b.at("", f.hops[0].offset)
	for i, offset := range f.behind() {
		elem, inner := f.hops[i].elem, &program{levels: at.p.levels}
		o := at.emit(opThrough, detail{typ: elem})
		o.size, o.sub, o.cost = elem.Size(), inner, 0
		at = &place{b.c, inner, spot{off: offset, full: at.full, lift: at.lift}}
	}
	at.path, at.full = f.name, join(b.full, f.name)
	return at
}

// recordMap compiles a record into a map[string]any.
func (b *place) recordMap(a *resolve.Action) {
	if b.path == "" && len(b.p.ops) == 0 && b.lift == 0 {
		b.p.levels = 1
	}
	b.c.strings += 2
	x := b.emit(opRecordMap, detail{}).x
	part := func(name string) *place {
		p := &program{}
		x.subs, x.names = append(x.subs, p), append(x.names, name)
		return &place{b.c, p, spot{path: name, full: join(b.full, name)}}
	}
	for _, f := range a.Fields {
		if f.Index < 0 {
			p := part("")
			p.path = f.Name
			p.emit(opSkip, detail{wire: b.c.wires.of(f.Writer)})
			continue
		}
		part(a.Reader.Fields[f.Index].Name).compile(f.Read, typeAny)
	}
	for _, d := range a.Defaults {
		part(d.Field.Name).defaultOf(d.Field, typeAny)
	}
}
