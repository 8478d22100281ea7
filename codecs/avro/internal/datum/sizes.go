package datum

import (
	"math"

	"github.com/gokavro/gokavro/codecs/avro/internal/ast"
)

// sizes holds the bytes of the shortest datum of each node, at most
// math.MaxInt32.
type sizes map[*ast.Node]int

// of measures a node and all below it. A node that is being measured counts as
// nothing inside itself. That is never too much, and where the recursion has
// an end there is a union, an array or a map on the way, which count.
func (s sizes) of(n *ast.Node) int {
	if known, ok := s[n]; ok {
		return known
	}
	s[n] = 0
	least := 1
	switch n.Kind {
	case ast.Null:
		least = 0
	case ast.Float:
		least = 4
	case ast.Double:
		least = 8
	case ast.Fixed:
		least = min(max(n.Size, 0), math.MaxInt32)
	case ast.Record:
		least = 0
		for _, f := range n.Fields {
			least = min(least+s.of(f.Type), math.MaxInt32)
		}
	case ast.Union:
		least = 1 + s.shortest(n.Branches)
	case ast.Array, ast.Map:
		s.of(n.Items)
	}
	s[n] = least
	return least
}

func (s sizes) shortest(branches []*ast.Node) int {
	least := math.MaxInt32 - 1
	for _, b := range branches {
		least = min(least, s.of(b))
	}
	return least
}
