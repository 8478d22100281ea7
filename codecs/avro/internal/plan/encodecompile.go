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
	matches matches
	dynamic *dynamic
	types   *Types
	faults  faults
}

func newEncodeCompiler(d *dynamic) *encodeCompiler {
	return &encodeCompiler{
		known: map[encodeKey]*script{}, trials: map[encodeKey]bool{}, matches: matches{}, dynamic: d, types: d.types,
	}
}

// source is where operations that write a value are added.
type source struct {
	c *encodeCompiler
	p *script
	spot
}

func (c *encodeCompiler) script(n *ast.Node, t reflect.Type, full string) *script {
	key := encodeKey{n, t}
	if known := c.known[key]; known != nil {
		return known
	}
	p := newScript(0)
	c.known[key] = p
	(&source{c, p, spot{full: full}}).compile(n, t)
	p.direct = !slices.ContainsFunc(p.ops, func(o encodeOp) bool { return o.code > lastDirect })
	return p
}

func (s *source) emit(code encodeCode, x encodeDetail) *encodeOp {
	x.path = s.path
	s.p.room += maxVarint
	at := s.p.steps()
	s.p.ops = slices.Insert(s.p.ops, at, encodeOp{code: code, off: s.off, cost: uint16(s.lift - s.p.levels), x: &x})
	return &s.p.ops[at]
}

func (s *source) mismatch(n *ast.Node, t reflect.Type) {
	s.c.faults.add(s.full, "the Go type %s cannot be written as Avro's %s", t, describe(n))
}

func (s *source) compile(n *ast.Node, t reflect.Type) {
	custom := s.c.types.customOf(t)
	switch {
	case custom != nil:
		s.custom(n, custom)
	case s.c.types.sealedBy(t) != nil:
		s.sealed(n, t)
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
	if baseType(t) == nil {
		s.mismatch(n, t)
		return
	}
	s.emit(encodePointer, encodeDetail{}).sub = s.c.script(n, t.Elem(), s.full)
}

// union compiles a union for a type that tells which branch is meant: null for
// nil, and the one branch that the type fits for the rest.
func (s *source) union(n *ast.Node, t reflect.Type) {
	null := n.NullBranch()
	base := t
	if t.Kind() == reflect.Pointer {
		if s.c.types.chooses(t) {
			s.pointerToChoice(n, t)
			return
		}
		if null >= 0 {
			base = t.Elem()
		}
	}
	i, err := s.c.staticBranch(n, base)
	if err != nil {
		s.c.faults.add(s.full, "%v", err)
		return
	}
	x := encodeDetail{null: appendLong(nil, int64(null)), index: appendLong(nil, int64(i))}
	switch {
	case null >= 0 && t.Kind() == reflect.Pointer:
		s.emit(encodeNullable, x).sub = s.c.script(n.Branches[i], base, s.full)
	case null >= 0 && nilable(t):
		s.emit(encodeNilable, x).sub = s.c.script(n.Branches[i], base, s.full)
	default:
		s.emit(encodeConst, encodeDetail{data: x.index})
		s.compile(n.Branches[i], t)
	}
}

// pointerToChoice compiles a union for a pointer to what tells the branch
// itself. Nil is null, if the union has that.
func (s *source) pointerToChoice(n *ast.Node, t reflect.Type) {
	null := n.NullBranch()
	if null < 0 || baseType(t) == nil {
		s.pointer(n, t)
		return
	}
	s.emit(encodeNullable, encodeDetail{null: appendLong(nil, int64(null))}).sub = s.c.script(n, t.Elem(), s.full)
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
		if natural(b) == c.types.storedAs(t) {
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
	trial.trials = c.trials
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
		i := n.NullBranch()
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
		s.scalar(n, t)
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
	if o.sub.steps() != 1 || o.sub.ops[0].code != encodeString {
		o.x.mapOf = mapOther
	}
}

func (s *source) record(n *ast.Node, t reflect.Type) {
	if s.path == "" && s.p.steps() == 0 && s.lift == 0 {
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
	fields, err := s.c.types.fieldsByName(t)
	if err != nil {
		s.c.faults.add(s.full, "%s: %v", t, err)
		return
	}
	for _, f := range n.Fields {
		target := fields[f.Name]
		switch {
		case target == nil && s.c.dynamic.fill && f.Default != nil:
			s.constant(f)
		case target == nil:
			s.c.faults.add(join(s.full, f.Name), "the Go type %s has no field for it", t)
		case target.clashes(&s.c.faults, s.full, t):
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
	return &source{s.c, s.p, s.in(name, offset)}
}

// field returns the place of a struct's field, behind embedded pointers in
// scripts of their own.
func (s *source) field(f *structField) *source {
	if len(f.hops) == 0 {
		return s.at(f.name, f.offset)
	}
	at := s.at("", f.hops[0].offset)
	for _, offset := range f.behind() {
		inner := newScript(at.p.levels)
		at.emit(encodeThrough, encodeDetail{}).sub = inner
		at = &source{s.c, inner, spot{off: offset, full: at.full, lift: at.lift}}
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
		null = f.Type.NullBranch()
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
	inner := newScript(s.p.levels)
	s.emit(encodeOmitZero, encodeDetail{data: data, pointer: reflect.Zero(reflect.PointerTo(t)).Interface()}).sub = inner
	(&source{s.c, inner, spot{full: s.full, lift: s.lift}}).compile(f.Type, t)
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
		p := newScript(0)
		(&source{s.c, p, spot{full: join(s.full, f.Name)}}).compile(f.Type, typeAny)
		x.names, x.subs, x.defaults = append(x.names, f.Name), append(x.subs, p), append(x.defaults, data)
	}
	s.emit(encodeRecordMap, x)
}
