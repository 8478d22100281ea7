package plan

import (
	"unsafe"

	"github.com/gokavro/gokavro/codecs/avro/internal/ast"
	"github.com/gokavro/gokavro/codecs/avro/internal/resolve"
)

// custom compiles a type that a function makes of another one.
func (b *place) custom(a *resolve.Action, c *Custom) {
	b.emit(opCustom, detail{custom: c}).sub = b.c.program(a, c.as, b.full)
}

// custom reads the other type and calls the function.
func (r *reader) custom(o *op, at unsafe.Pointer, pos int) (int, *Error) {
	c := o.x.custom
	as := c.borrow()
	next, err := r.sub(o, o.sub, as, pos)
	if err == nil {
		if fault := c.read(as, at); fault != nil {
			err = r.fault(pos, fault)
		}
	}
	c.put(as)
	return next, err
}

// custom compiles a type that a function makes another one of. A nil is null
// where the schema has that, and no matter for the function.
func (s *source) custom(n *ast.Node, c *Custom) {
	if null := n.NullBranch(); null >= 0 && nilable(c.typ) {
		inner := newScript(0)
		s.emit(encodeNilable, encodeDetail{null: appendLong(nil, int64(null))}).sub = inner
		s = &source{s.c, inner, spot{full: s.full}}
	}
	s.emit(encodeCustom, encodeDetail{custom: c}).sub = s.c.script(n, c.as, s.full)
}

// custom calls the function and writes the other type.
func (w *writer) custom(o *encodeOp, dst []byte, at unsafe.Pointer) ([]byte, *Error) {
	c := o.x.custom
	as := c.borrow()
	var err *Error
	if cause := c.write(at, as); cause != nil {
		err = fault(cause)
	} else {
		dst, err = w.sub(o, o.sub, dst, as)
	}
	c.put(as)
	return dst, err
}
