package datum

import (
	"encoding/binary"
	"math"

	"github.com/gokavro/gokavro/codecs/avro/internal/ast"
)

// EqualDoubles gives equal doubles in data, which is exactly one datum, equal
// bytes, in place: a negative zero becomes zero, and each NaN the one that Java
// writes.
func (s *Schema) EqualDoubles(data []byte) error {
	w := newWalker(data, s.limits, s.least)
	w.scalar = equalDouble
	if err := w.skip(s.root); err != nil {
		return finish(err)
	}
	if w.pos < len(data) {
		return trailing(w.pos, len(data))
	}
	return nil
}

func equalDouble(kind ast.Kind, b []byte) {
	if kind != ast.Double {
		return
	}
	switch f := math.Float64frombits(binary.LittleEndian.Uint64(b)); {
	case f == 0:
		binary.LittleEndian.PutUint64(b, 0)
	case math.IsNaN(f):
		binary.LittleEndian.PutUint64(b, quietNaN)
	}
}
