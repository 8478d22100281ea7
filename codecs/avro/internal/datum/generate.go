package datum

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"

	"github.com/gokavro/gokavro/codecs/avro/internal/ast"
)

const (
	// generatedValues is about how many values a datum is made of: beyond
	// them lists stay empty and unions take the branch that ends soonest.
	generatedValues = 200
	// generatedItems is the most items of one array or map.
	generatedItems = 4
	// generatedBytes bounds a datum that is made up.
	generatedBytes = 16 << 20
	// endless is the height of a type of which there is no finite datum.
	endless = math.MaxInt32
)

var errEndless = errors.New("the schema is recursive without end: there is no datum of it")

// Generator makes up valid data of a schema. It is not safe for concurrent
// use.
type Generator struct {
	root   *ast.Node
	rand   *rand.Rand
	height map[*ast.Node]int // of the lowest datum

	dst    []byte
	values int // that a datum may still have before it ends
	serial int // for map keys that differ
}

// NewGenerator returns a generator whose data depend on the schema and the
// seed alone. A schema that has no finite datum is an error.
func NewGenerator(root *ast.Node, seed uint64) (*Generator, error) {
	g := &Generator{root: root, rand: rand.New(rand.NewPCG(seed, 0)), height: map[*ast.Node]int{}}
	g.measure()
	if g.height[root] == endless {
		return nil, errEndless
	}
	return g, nil
}

// measure finds the heights: they only sink, until none of them does.
func (g *Generator) measure() {
	var nodes []*ast.Node
	var collect func(n *ast.Node)
	collect = func(n *ast.Node) {
		if _, known := g.height[n]; known {
			return
		}
		g.height[n] = endless
		nodes = append(nodes, n)
		for _, inner := range inside(n) {
			collect(inner)
		}
	}
	collect(g.root)
	for changed := true; changed; {
		changed = false
		for _, n := range slices.Backward(nodes) {
			if h := g.lowest(n); h < g.height[n] {
				g.height[n], changed = h, true
			}
		}
	}
}

func inside(n *ast.Node) []*ast.Node {
	list := make([]*ast.Node, 0, len(n.Branches)+len(n.Fields)+1)
	list = append(list, n.Branches...)
	for _, f := range n.Fields {
		list = append(list, f.Type)
	}
	if n.Items != nil {
		list = append(list, n.Items)
	}
	return list
}

func (g *Generator) lowest(n *ast.Node) int {
	height := 0
	switch n.Kind {
	case ast.Record:
		for _, f := range n.Fields {
			height = max(height, g.height[f.Type])
		}
	case ast.Union:
		height = endless
		for _, b := range n.Branches {
			height = min(height, g.height[b])
		}
	}
	if height == endless {
		return endless
	}
	return height + 1
}

// Append appends another datum to dst.
func (g *Generator) Append(dst []byte) ([]byte, error) {
	g.dst, g.values = dst, generatedValues
	most := len(dst) + generatedBytes
	if err := g.value(g.root, most); err != nil {
		return dst, finish(err)
	}
	return g.dst, nil
}

func (g *Generator) value(n *ast.Node, most int) error {
	g.values--
	if g.values < -generatedBytes {
		return faultAt(len(g.dst), ErrMany)
	}
	if len(g.dst) > most || n.Kind == ast.Fixed && n.Size > most-len(g.dst) {
		return faultAt(len(g.dst), fmt.Errorf("%w: more than %d bytes", ErrLarge, generatedBytes))
	}
	switch n.Kind {
	case ast.Record:
		for _, f := range n.Fields {
			if err := g.value(f.Type, most); err != nil {
				return within(f.Name, err)
			}
		}
		return nil
	case ast.Array, ast.Map:
		return g.items(n, most)
	case ast.Union:
		i := g.branch(n)
		g.dst = binary.AppendVarint(g.dst, int64(i))
		return g.value(n.Branches[i], most)
	}
	g.scalar(n)
	return nil
}

// branch picks one that has an end, and the one that ends soonest when there
// are values enough.
func (g *Generator) branch(n *ast.Node) int {
	best := 0
	var finite []int
	for i, b := range n.Branches {
		if g.height[b] < g.height[n.Branches[best]] {
			best = i
		}
		if g.height[b] < endless {
			finite = append(finite, i)
		}
	}
	if g.values <= 0 {
		return best
	}
	return finite[g.rand.IntN(len(finite))]
}

func (g *Generator) items(n *ast.Node, most int) error {
	count := 0
	if g.values > 0 && g.height[n.Items] < endless {
		count = g.rand.IntN(generatedItems + 1)
	}
	if count > 0 {
		g.dst = binary.AppendVarint(g.dst, int64(count))
	}
	for range count {
		if n.Kind == ast.Map {
			g.serial++
			g.text(g.word() + strconv.Itoa(g.serial))
		}
		if err := g.value(n.Items, most); err != nil {
			return err
		}
	}
	g.dst = append(g.dst, 0)
	return nil
}

func (g *Generator) scalar(n *ast.Node) {
	switch n.Kind {
	case ast.Boolean:
		g.dst = append(g.dst, byte(g.rand.IntN(2)))
	case ast.Int, ast.Long:
		g.dst = binary.AppendVarint(g.dst, g.number(n))
	case ast.Float:
		f := float32(g.rand.NormFloat64() * 1000)
		g.dst = binary.LittleEndian.AppendUint32(g.dst, math.Float32bits(f))
	case ast.Double:
		g.dst = binary.LittleEndian.AppendUint64(g.dst, math.Float64bits(g.rand.NormFloat64()*1000))
	case ast.Enum:
		g.dst = binary.AppendVarint(g.dst, int64(g.rand.IntN(max(len(n.Symbols), 1))))
	case ast.String:
		g.string(n)
	case ast.Bytes, ast.Fixed:
		g.binary(n)
	}
}
