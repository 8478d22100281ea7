package datum

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/gokavro/gokavro/codecs/avro/internal/ast"
)

var errParts = errors.New("the value has parts and is no text")

// FieldText returns the value of a record's field, which data begins with, as
// text: a string, bytes, a fixed and an enum's symbol as they are, a number in
// decimal without an exponent, true or false, nil for null, and of a union its
// value's. It is the caller's own memory. A value that has parts is an error,
// and so is a field that is not there. Nothing behind the field is looked at.
func (s *Schema) FieldText(data []byte, field string) ([]byte, error) {
	if s.root.Field(field) == nil {
		return nil, fmt.Errorf("there is no field %s", field)
	}
	w := newWalker(data, s.limits, s.least)
	for _, f := range s.root.Fields {
		if f.Name == field {
			text, err := w.scalarText(f.Type)
			return text, finish(within(field, err))
		}
		if err := w.skip(f.Type); err != nil {
			return nil, finish(within(f.Name, err))
		}
	}
	return nil, nil
}

func (w *walker) scalarText(n *ast.Node) (text []byte, err error) {
	if n.Kind == ast.Union {
		branch, err := w.index(len(n.Branches), "branch")
		if err != nil {
			return nil, err
		}
		n = n.Branches[branch]
	}
	at := w.pos
	switch n.Kind {
	case ast.Null:
		return nil, nil
	case ast.Record, ast.Array, ast.Map, ast.Union:
		return nil, faultAt(at, errParts)
	}
	if err := w.skipScalar(n); err != nil {
		return nil, err
	}
	// What was checked can be read again without looking.
	return appendScalar([]byte{}, n, cursor{src: w.src[:w.pos], pos: at}), nil
}

func appendScalar(dst []byte, n *ast.Node, c cursor) []byte {
	switch n.Kind {
	case ast.Boolean:
		return strconv.AppendBool(dst, c.src[c.pos] == 1)
	case ast.Int, ast.Long:
		number, _ := c.long()
		return strconv.AppendInt(dst, number, 10)
	case ast.Float:
		return strconv.AppendFloat(dst, float64(math.Float32frombits(binary.LittleEndian.Uint32(c.src[c.pos:]))), 'f', -1, 32)
	case ast.Double:
		return strconv.AppendFloat(dst, math.Float64frombits(binary.LittleEndian.Uint64(c.src[c.pos:])), 'f', -1, 64)
	case ast.Enum:
		symbol, _ := c.long()
		return append(dst, n.Symbols[symbol]...)
	case ast.Bytes, ast.String:
		text, _ := c.bytes()
		return append(dst, text...)
	}
	return append(dst, c.src[c.pos:]...)
}
