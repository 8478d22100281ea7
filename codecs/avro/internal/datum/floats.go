package datum

import (
	"encoding/binary"
	"math"

	"github.com/gokavro/gokavro/codecs/avro/internal/ast"
)

// EqualFloats gives equal numbers in data, which is exactly one datum, equal
// bytes, in place: a negative zero becomes zero, and each NaN the one that Java
// writes.
func (s *Schema) EqualFloats(data []byte) error {
	w := newWalker(data, s.limits, s.least)
	err := w.equalFloats(s.root)
	if err != nil {
		return finish(err)
	}
	if w.pos < len(data) {
		return trailing(w.pos, len(data))
	}
	return nil
}

func (w *walker) equalFloats(n *ast.Node) error {
	if err := w.step(); err != nil {
		return err
	}
	switch n.Kind {
	case ast.Record:
		return w.equalFields(n)
	case ast.Array, ast.Map:
		_, err := w.blocks(n, func() error {
			if n.Kind == ast.Map {
				if _, err := w.text(); err != nil {
					return err
				}
			}
			return w.equalFloats(n.Items)
		})
		return err
	case ast.Union:
		branch, err := w.index(len(n.Branches), "branch")
		if err != nil {
			return err
		}
		return w.equalFloats(n.Branches[branch])
	}
	at := w.pos
	if err := w.skipScalar(n); err != nil {
		return err
	}
	equalFloat(n.Kind, w.src[at:w.pos])
	return nil
}

func (w *walker) equalFields(n *ast.Node) error {
	if err := w.enter(); err != nil {
		return err
	}
	defer w.leave()
	for _, f := range n.Fields {
		if err := w.equalFloats(f.Type); err != nil {
			return within(f.Name, err)
		}
	}
	return nil
}

func equalFloat(kind ast.Kind, b []byte) {
	switch kind {
	case ast.Float:
		f := math.Float32frombits(binary.LittleEndian.Uint32(b))
		if f != f || f == 0 {
			binary.LittleEndian.PutUint32(b, math.Float32bits(float32(equal(float64(f)))))
		}
	case ast.Double:
		f := math.Float64frombits(binary.LittleEndian.Uint64(b))
		if f != f || f == 0 {
			binary.LittleEndian.PutUint64(b, math.Float64bits(equal(f)))
		}
	}
}

func equal(f float64) float64 {
	if f == 0 {
		return 0
	}
	return math.Float64frombits(quietNaN)
}
