package datum

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/gokavro/gokavro/codecs/avro/internal/ast"
)

// textual reads a value that is a string in JSON.
func (e *encoder) textual(n *ast.Node) error {
	if e.next() != '"' {
		return e.mismatch("text for " + n.TypeName())
	}
	at := e.pos
	if err := e.str(); err != nil {
		return err
	}
	switch n.Kind {
	case ast.String:
		e.dst = append(binary.AppendVarint(e.dst, int64(len(e.word))), e.word...)
		return nil
	case ast.Enum:
		i := e.index(n, string(e.word))
		if i < 0 {
			return faultAt(at, fmt.Errorf("enum %s has no symbol %.60q", n.Name, e.word))
		}
		e.dst = binary.AppendVarint(e.dst, int64(i))
		return nil
	}
	latin, err := narrowed(e.word)
	if err != nil {
		return faultAt(at, err)
	}
	if n.Kind == ast.Bytes {
		e.dst = binary.AppendVarint(e.dst, int64(len(latin)))
	} else if len(latin) != n.Size {
		return faultAt(at, fmt.Errorf("%d bytes where fixed %s has %d", len(latin), n.Name, n.Size))
	}
	e.dst = append(e.dst, latin...)
	return nil
}

var errWide = errors.New("bytes hold a character above U+00FF")

// narrowed turns each character into the byte of its number, in place.
func narrowed(text []byte) ([]byte, error) {
	out := text[:0]
	for _, r := range string(text) {
		if r > 0xff {
			return nil, errWide
		}
		out = append(out, byte(r))
	}
	return out, nil
}

// record reads the members in the order in which they come, and puts the
// fields into that of the schema.
func (e *encoder) record(n *ast.Node) error {
	if err := e.open('{', "an object of the fields of "+n.Name); err != nil {
		return err
	}
	base, first := len(e.dst), len(e.spans)
	for range n.Fields {
		e.spans = append(e.spans, span{from: -1})
	}
	for count := 0; ; count++ {
		more, err := e.more('}', count == 0)
		if err != nil {
			return err
		}
		if !more {
			break
		}
		if err := e.member(n, count, first); err != nil {
			return err
		}
	}
	if err := e.absent(n, first); err != nil {
		return err
	}
	e.dst, e.order = inOrder(e.dst, e.order, base, e.spans[first:])
	e.spans = e.spans[:first]
	return nil
}

// member reads one field. guess is where it is when members are in order.
func (e *encoder) member(n *ast.Node, guess, first int) error {
	e.next()
	at := e.pos
	name, err := e.key()
	if err != nil {
		return err
	}
	i := guess
	if i >= len(n.Fields) || n.Fields[i].Name != name {
		i = e.index(n, name)
	}
	switch {
	case i < 0:
		return faultAt(at, fmt.Errorf("%s has no field %.60q", n.Name, name))
	case e.spans[first+i].from >= 0:
		return within(name, faultAt(at, errors.New("the field comes twice")))
	}
	from := len(e.dst)
	if err := e.value(n.Fields[i].Type); err != nil {
		return within(name, err)
	}
	e.spans[first+i] = span{from, len(e.dst)}
	return nil
}

// absent deals with the fields that no member was given for.
func (e *encoder) absent(n *ast.Node, first int) error {
	for i, f := range n.Fields {
		if e.spans[first+i].from >= 0 {
			continue
		}
		if !e.defaults || f.Default == nil {
			return within(f.Name, faultAt(e.pos, errors.New("the field is missing")))
		}
		from := len(e.dst)
		text, pos := e.text, e.pos
		e.text, e.pos = f.Default, 0
		err := e.whole(f.Type)
		e.text, e.pos = text, pos
		if err != nil {
			return within(f.Name, err)
		}
		e.spans[first+i] = span{from, len(e.dst)}
	}
	return nil
}
