package plan

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/gokavro/gokavro/codecs/avro/internal/ast"
)

// encodeCompiler makes scripts; one for each pair of a node and a type.
type encodeCompiler struct {
	known   map[encodeKey]*script
	trials  map[encodeKey]bool // of a union's branches
	dynamic *dynamic
	fill    bool // a field that the Go type lacks gets its default
	faults  faults
}

func newEncodeCompiler(d *dynamic) *encodeCompiler {
	return &encodeCompiler{known: map[encodeKey]*script{}, trials: map[encodeKey]bool{}, dynamic: d}
}

// source is where operations that write a value are added.
type source struct {
	c    *encodeCompiler
	p    *script
	off  uintptr
	path string // from the script's value
	full string // from the top, for faults
	lift int    // records around, inside the script
}

func (c *encodeCompiler) script(n *ast.Node, t reflect.Type, full string) *script {
	key := encodeKey{n, t}
	if known := c.known[key]; known != nil {
		return known
	}
	p := &script{}
	c.known[key] = p
	(&source{c: c, p: p, full: full}).compile(n, t)
	p.direct = !slices.ContainsFunc(p.ops, func(o encodeOp) bool { return o.code > lastDirect })
	return p
}

func (s *source) emit(code encodeCode, x encodeDetail) *encodeOp {
	x.path = s.path
	s.p.room += maxVarint
	s.p.ops = append(s.p.ops, encodeOp{code: code, off: s.off, cost: uint16(s.lift - s.p.levels), x: &x})
	return &s.p.ops[len(s.p.ops)-1]
}

func (s *source) mismatch(n *ast.Node, t reflect.Type) {
	s.c.faults.add(s.full, "the Go type %s cannot be written as Avro's %s", t, describe(n))
}

func (s *source) compile(n *ast.Node, t reflect.Type) {
	switch {
	case t == typeAny && n.Kind == ast.Union:
		s.emit(encodeAnyUnion, encodeDetail{node: n, dynamic: s.c.dynamic})
	case t == typeAny:
		s.emit(encodeAny, encodeDetail{node: n, dynamic: s.c.dynamic})
	case n.Kind == ast.Union:
		s.union(n, t)
	case n.Kind == ast.Null:
		s.emit(encodeConst, encodeDetail{})
	case t.Kind() == reflect.Pointer:
		s.pointer(n, t)
	default:
		s.value(n, t)
	}
}

func (s *source) pointer(n *ast.Node, t reflect.Type) {
	base := t
	for range maxPointers {
		if base.Kind() != reflect.Pointer {
			break
		}
		base = base.Elem()
	}
	if base.Kind() == reflect.Pointer {
		s.mismatch(n, t)
		return
	}
	s.emit(encodePointer, encodeDetail{}).sub = s.c.script(n, t.Elem(), s.full)
}

// union compiles a union for a type that tells which branch is meant: null for
// nil, and the one branch that the type fits for the rest.
func (s *source) union(n *ast.Node, t reflect.Type) {
	null := slices.IndexFunc(n.Branches, func(b *ast.Node) bool { return b.Kind == ast.Null })
	base := t
	if null >= 0 && t.Kind() == reflect.Pointer {
		base = t.Elem()
	}
	i, err := s.c.staticBranch(n, base)
	if err != nil {
		s.c.faults.add(s.full, "%v", err)
		return
	}
	x := encodeDetail{null: appendLong(nil, int64(null)), index: appendLong(nil, int64(i))}
	nilable := t.Kind() == reflect.Slice || t.Kind() == reflect.Map
	switch {
	case null >= 0 && t.Kind() == reflect.Pointer:
		s.emit(encodeNullable, x).sub = s.c.script(n.Branches[i], base, s.full)
	case null >= 0 && nilable:
		s.emit(encodeNilable, x).sub = s.c.script(n.Branches[i], base, s.full)
	default:
		s.emit(encodeConst, encodeDetail{data: x.index})
		s.compile(n.Branches[i], t)
	}
}

// staticBranch returns the branch that type t is written as: the one whose own
// Go form it is, or the only one that it fits.
func (c *encodeCompiler) staticBranch(n *ast.Node, t reflect.Type) (int, error) {
	if nonNull(n) == 1 {
		return slices.IndexFunc(n.Branches, func(b *ast.Node) bool { return b.Kind != ast.Null }), nil
	}
	var own, fitting []int
	for i, b := range n.Branches {
		if b.Kind == ast.Null {
			continue
		}
		if natural(b) == t {
			own = append(own, i)
		}
		if c.fits(b, t) {
			fitting = append(fitting, i)
		}
	}
	switch {
	case len(own) == 1:
		return own[0], nil
	case len(fitting) == 1:
		return fitting[0], nil
	case len(fitting) == 0:
		return 0, fmt.Errorf("the Go type %s cannot be written as any branch of Avro's union", t)
	}
	return 0, fmt.Errorf("the Go type %s fits several branches of Avro's union: use an any with a Branch", t)
}

// fits reports whether values of type t can be written as n. A recursive type
// is taken to fit where the question comes up again.
func (c *encodeCompiler) fits(n *ast.Node, t reflect.Type) bool {
	key := encodeKey{n, t}
	if known, tried := c.trials[key]; tried {
		return known
	}
	c.trials[key] = true
	trial := newEncodeCompiler(c.dynamic)
	trial.trials, trial.fill = c.trials, c.fill
	trial.script(n, t, "")
	c.trials[key] = len(trial.faults) == 0
	return c.trials[key]
}

func nonNull(union *ast.Node) int {
	count := 0
	for _, b := range union.Branches {
		if b.Kind != ast.Null {
			count++
		}
	}
	return count
}

// chooseBranch returns the branch that a value in an any is written as, and
// the value without its Branch.
func chooseBranch(d *dynamic, n *ast.Node, value any) (int, any, error) {
	if tagged, ok := value.(Branch); ok {
		i := slices.IndexFunc(n.Branches, func(b *ast.Node) bool {
			return b.TypeName() == tagged.Name || b.Kind.Named() && b.ShortName() == tagged.Name
		})
		if i < 0 {
			return 0, nil, fmt.Errorf("the union has no branch %.60q", tagged.Name)
		}
		return i, tagged.Value, nil
	}
	if value == nil {
		i := slices.IndexFunc(n.Branches, func(b *ast.Node) bool { return b.Kind == ast.Null })
		if i < 0 {
			return 0, nil, ErrNil
		}
		return i, nil, nil
	}
	i, err := d.branch(n, reflect.TypeOf(value))
	return i, value, err
}

func (s *source) value(n *ast.Node, t reflect.Type) {
	switch n.Kind {
	case ast.Record:
		s.record(n, t)
	case ast.Array:
		s.slice(n, t)
	case ast.Map:
		s.mapping(n, t)
	default:
		if !s.scalar(n, t) {
			s.mismatch(n, t)
		}
	}
}

func (s *source) slice(n *ast.Node, t reflect.Type) {
	if t.Kind() != reflect.Slice {
		s.mismatch(n, t)
		return
	}
	o := s.emit(encodeSlice, encodeDetail{})
	o.size = t.Elem().Size()
	o.cost++
	o.sub = s.c.script(n.Items, t.Elem(), s.full+"[]")
}

func (s *source) mapping(n *ast.Node, t reflect.Type) {
	if t.Kind() != reflect.Map || t.Key().Kind() != reflect.String {
		s.mismatch(n, t)
		return
	}
	x := encodeDetail{
		pointer: reflect.Zero(reflect.PointerTo(t)).Interface(), scratch: newScratch(t), mapOf: mapKindOf(t.Elem()),
	}
	o := s.emit(encodeMap, x)
	o.cost++
	o.sub = s.c.script(n.Items, t.Elem(), s.full+"[]")
	if len(o.sub.ops) != 1 || o.sub.ops[0].code != encodeString {
		o.x.mapOf = mapOther
	}
}

func (s *source) record(n *ast.Node, t reflect.Type) {
	if s.path == "" && len(s.p.ops) == 0 && s.lift == 0 {
		s.p.levels = 1
	}
	if t == typeAnyMap {
		s.recordMap(n)
		return
	}
	if t.Kind() != reflect.Struct {
		s.mismatch(n, t)
		return
	}
	fields, err := fieldsByName(t)
	if err != nil {
		s.c.faults.add(s.full, "%s: %v", t, err)
		return
	}
	for _, f := range n.Fields {
		target := fields[f.Name]
		switch {
		case target == nil && s.c.fill && f.Default != nil:
			s.constant(f)
		case target == nil:
			s.c.faults.add(join(s.full, f.Name), "the Go type %s has no field for it", t)
		case target.clash != "":
			s.c.faults.add(join(s.full, f.Name), "the fields %s and %s of %s have the same name", target.goName, target.clash, t)
		case target.omitZero:
			s.field(target).omitZero(f, target.typ)
		default:
			s.field(target).compile(f.Type, target.typ)
		}
	}
}

// constant writes a field's default, whatever the value.
func (s *source) constant(f *ast.Field) {
	data, err := defaultBytes(f)
	if err != nil {
		s.c.faults.add(join(s.full, f.Name), "%v", err)
		return
	}
	s.emit(encodeConst, encodeDetail{data: data})
}

func (s *source) at(name string, offset uintptr) *source {
	inner := *s
	inner.off, inner.lift = s.off+offset, s.lift+1
	inner.path, inner.full = join(s.path, name), join(s.full, name)
	return &inner
}

// field returns the place of a struct's field, behind embedded pointers in
// scripts of their own.
func (s *source) field(f *structField) *source {
	if len(f.hops) == 0 {
		return s.at(f.name, f.offset)
	}
	at := s.at("", f.hops[0].offset)
	for i := range f.hops {
		inner := &script{levels: at.p.levels}
		at.emit(encodeThrough, encodeDetail{}).sub = inner
		next := *at
		next.p, next.off, next.path = inner, f.offset, ""
		if i+1 < len(f.hops) {
			next.off = f.hops[i+1].offset
		}
		at = &next
	}
	at.path, at.full = f.name, join(s.full, f.name)
	return at
}

// omitZero compiles a field whose zero value is written as its default, or as
// null.
func (s *source) omitZero(f *ast.Field, t reflect.Type) {
	var data []byte
	null := -1
	if f.Type.Kind == ast.Union {
		null = slices.IndexFunc(f.Type.Branches, func(b *ast.Node) bool { return b.Kind == ast.Null })
	}
	switch {
	case f.Default != nil:
		var err error
		if data, err = defaultBytes(f); err != nil {
			s.c.faults.add(s.full, "%v", err)
		}
	case null >= 0:
		data = appendLong(nil, int64(null))
	default:
		s.compile(f.Type, t)
		return
	}
	inner := &script{levels: s.p.levels}
	s.emit(encodeOmitZero, encodeDetail{data: data, pointer: reflect.Zero(reflect.PointerTo(t)).Interface()}).sub = inner
	at := *s
	at.p, at.off, at.path = inner, 0, ""
	at.compile(f.Type, t)
}

func (s *source) recordMap(n *ast.Node) {
	x := encodeDetail{node: n}
	for _, f := range n.Fields {
		var data []byte
		if f.Default != nil {
			var err error
			if data, err = defaultBytes(f); err != nil {
				s.c.faults.add(join(s.full, f.Name), "%v", err)
			}
		}
		p := &script{}
		(&source{c: s.c, p: p, full: join(s.full, f.Name)}).compile(f.Type, typeAny)
		x.names, x.subs, x.defaults = append(x.names, f.Name), append(x.subs, p), append(x.defaults, data)
	}
	s.emit(encodeRecordMap, x)
}
