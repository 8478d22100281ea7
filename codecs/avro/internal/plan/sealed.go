package plan

import (
	"fmt"
	"reflect"
	"slices"
	"unsafe"

	"github.com/gokavro/gokavro/codecs/avro/internal/ast"
	"github.com/gokavro/gokavro/codecs/avro/internal/resolve"
)

// held is how an interface keeps a value of one type.
type held struct {
	typ    reflect.Type
	word   unsafe.Pointer // the interface's first
	direct bool           // the second word is the value, not its address
}

// heldBy finds out how interfaces of type iface keep a t.
func heldBy(iface, t reflect.Type) held {
	zero := reflect.New(iface)
	zero.Elem().Set(reflect.Zero(t))
	words := (*eface)(zero.UnsafePointer())
	return held{typ: t, word: words.typ, direct: words.data == nil}
}

// variant is one type of a sealed interface that is written.
type variant struct {
	held
	index []byte // of its branch
	sub   *script
}

// matches holds the Go types of the branches of unions met.
type matches map[encodeKey][]reflect.Type

// branches returns the Go type of each branch of a union, nil for null and for
// a branch without one. It adds to faults what has no counterpart.
func (m matches) branches(trial *encodeCompiler, n *ast.Node, iface reflect.Type, misses func(format string, args ...any)) []reflect.Type {
	key := encodeKey{n, iface}
	if known, ok := m[key]; ok {
		return known
	}
	p := pairing{union: n, types: make([]reflect.Type, len(n.Branches)), left: slices.Clone(trial.types.sealedBy(iface))}
	p.left = slices.DeleteFunc(p.left, func(t reflect.Type) bool { return t == nil && n.NullBranch() >= 0 })
	p.pair(func(b *ast.Node, t reflect.Type) bool { return b.Kind.Named() && b.ShortName() == goName(t) })
	p.pair(func(b *ast.Node, t reflect.Type) bool { return b.Kind.Named() && slices.Contains(b.Aliases, goName(t)) })
	p.pair(func(b *ast.Node, t reflect.Type) bool { return isOwn(b, trial.types.storedAs(t)) })
	p.pair(trial.fits)
	m[key] = p.types
	for i, b := range n.Branches {
		if p.types[i] == nil && b.Kind != ast.Null {
			misses("no type of the sealed %s is for the union's branch %s", iface, describe(b))
		}
	}
	for _, t := range p.left {
		if t == nil {
			misses("the sealed %s may be nil, and the union has no null", iface)
			continue
		}
		misses("the union has no branch for the type %s of the sealed %s", t, iface)
	}
	return p.types
}

// goName is the name of a type, or of what it points to.
func goName(t reflect.Type) string {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.Name()
}

// isOwn reports whether n is what inference makes of t.
func isOwn(n *ast.Node, t reflect.Type) bool {
	if natural(n) == t {
		return true
	}
	kind, ok := primitiveOf(t)
	return ok && kind == n.Kind && n.Form() == ast.Plain
}

// pairing is the search for the types of a union's branches.
type pairing struct {
	union *ast.Node
	types []reflect.Type
	left  []reflect.Type
}

// pair pairs the types and branches that go with each other and nothing else,
// as long as there are some.
func (p *pairing) pair(goes func(b *ast.Node, t reflect.Type) bool) {
	for before := -1; before != len(p.left); {
		before = len(p.left)
		claims := map[int][]reflect.Type{}
		for _, t := range p.left {
			if i := p.only(t, goes); i >= 0 {
				claims[i] = append(claims[i], t)
			}
		}
		for i, types := range claims {
			if len(types) == 1 {
				p.types[i] = types[0]
				p.left = slices.DeleteFunc(p.left, func(t reflect.Type) bool { return t == types[0] })
			}
		}
	}
}

// only returns the one free branch that goes with t, -1 for none or several.
func (p *pairing) only(t reflect.Type, goes func(b *ast.Node, t reflect.Type) bool) int {
	found := -1
	for i, b := range p.union.Branches {
		if t == nil || b.Kind == ast.Null || p.types[i] != nil || !goes(b, t) {
			continue
		}
		if found >= 0 {
			return -1
		}
		found = i
	}
	return found
}

// sealed compiles a branch of the reader's union for an interface.
func (b *place) sealed(a *resolve.Action, t reflect.Type) {
	if a.Kind != resolve.ReaderUnion {
		b.mismatch(a, t)
		return
	}
	trial := newEncodeCompiler(&dynamic{types: b.c.types})
	types := b.c.matches.branches(trial, a.Reader, t, func(format string, args ...any) { b.c.faults.add(b.full, format, args...) })
	concrete := types[a.Branch]
	if concrete == nil {
		return
	}
	o := b.emit(opSealed, detail{held: heldBy(t, concrete)})
	o.size = concrete.Size()
	o.sub = b.c.program(a.Inner, concrete, b.full)
}

// sealed reads a value of a type that an interface holds.
func (r *reader) sealed(o *op, at unsafe.Pointer, pos int) (int, *Error) {
	into := (*eface)(at)
	if o.x.held.direct {
		into.typ = o.x.held.word
		return r.sub(o, o.sub, unsafe.Pointer(&into.data), pos)
	}
	if err := r.charge(pos, int(o.size)); err != nil {
		return pos, err
	}
	*into = eface{o.x.held.word, reflect.New(o.x.held.typ).UnsafePointer()}
	return r.sub(o, o.sub, into.data, pos)
}

// sealed compiles a union for an interface, whose value tells the branch.
func (s *source) sealed(n *ast.Node, t reflect.Type) {
	if n.Kind != ast.Union {
		s.mismatch(n, t)
		return
	}
	x := encodeDetail{pointer: reflect.Zero(reflect.PointerTo(t)).Interface()}
	if null := n.NullBranch(); null >= 0 {
		x.null = appendLong(nil, int64(null))
	}
	types := s.c.matches.branches(s.c, n, t, func(format string, args ...any) { s.c.faults.add(s.full, format, args...) })
	for i, concrete := range types {
		if concrete == nil {
			continue
		}
		x.variants = append(x.variants, variant{
			held: heldBy(t, concrete), index: appendLong(nil, int64(i)), sub: s.c.script(n.Branches[i], concrete, s.full),
		})
	}
	s.emit(encodeSealed, x)
}

// sealed writes what an interface holds, from where it is.
func (w *writer) sealed(o *encodeOp, dst []byte, at unsafe.Pointer) ([]byte, *Error) {
	value := (*eface)(at)
	if value.typ == nil {
		if o.x.null == nil {
			return dst, fault(ErrNil)
		}
		return append(dst, o.x.null...), nil
	}
	v, err := o.variantOf(value)
	if err != nil {
		return dst, err
	}
	target := value.data
	if v.direct {
		target = unsafe.Pointer(&value.data)
	}
	return w.sub(o, v.sub, append(dst, v.index...), target)
}

func (o *encodeOp) variantOf(value *eface) (*variant, *Error) {
	for i := range o.x.variants {
		if o.x.variants[i].word == value.typ {
			return &o.x.variants[i], nil
		}
	}
	// A type's words may differ where plugins are at work, so they do not tell
	// what it is not.
	iface := addressable(o.x.pointer, unsafe.Pointer(value))
	for i := range o.x.variants {
		if o.x.variants[i].typ == iface.Elem().Type() {
			return &o.x.variants[i], nil
		}
	}
	return nil, fault(fmt.Errorf("the type %s is none of the sealed %s", iface.Elem().Type(), iface.Type()))
}
