package compat

import "github.com/gokavro/gokavro/codecs/avro/internal/ast"

// limitWork bounds one comparison: far above what schemas of a megabyte take
// whose types are met in one place each, and done in a fraction of a second.
const limitWork = 4_000_000

// pairCost is the work that keeping a pair, or a part of one, stands for.
const pairCost = 16

// pair is a reader's type and the writer's type that it has to read. Types are
// told apart by identity: named ones are shared nodes.
type pair struct{ reader, writer *ast.Node }

// verdict is what is known of a pair. All verdicts start as "fits"; a fault of
// a pair's own or the fall of a pair inside it makes one fall.
type verdict struct {
	pair
	parts []part
	// users are the verdicts that have this one among their parts.
	users []*verdict
	// oneOf is true where one part that fits is enough: a reader's union.
	oneOf bool
	// stands is how many falls below this verdict it takes before it falls
	// itself; below zero it never does.
	stands int
	fallen bool
	// why is the part whose fall made this verdict fall, nil for a fault of its
	// own and for unions.
	why *verdict
	// told is true once its faults are in the report.
	told bool
}

// part is one thing that a pair consists of: a fault (kind) or a pair inside.
type part struct {
	step   string // from the pair to the part, empty for the pair itself
	kind   string
	reader *ast.Node
	writer *ast.Node
	field  *ast.Field // the reader's, where the fault is one of a field
	lacks  []string   // the symbols that the reader's enum lacks
	inner  *verdict
}

// comparison finds the verdicts of all pairs that a pair leads to.
type comparison struct {
	verdicts map[pair]*verdict
	order    []*verdict // as found, to be taken apart in that order
	fields   map[*ast.Node]map[string]*ast.Field
	symbols  map[*ast.Node]map[string]bool
	work     int // what is left of it
}

func newComparison(work int) *comparison {
	return &comparison{
		verdicts: map[pair]*verdict{},
		fields:   map[*ast.Node]map[string]*ast.Field{},
		symbols:  map[*ast.Node]map[string]bool{},
		work:     work,
	}
}

// compare returns the verdict of the pair. It is of no use when the comparison
// is overdrawn afterwards.
func (c *comparison) compare(writer, reader *ast.Node) *verdict {
	root := &verdict{stands: 1}
	c.need(root, "", pair{reader, writer})
	for i := 0; i < len(c.order) && !c.overdrawn(); i++ {
		c.takeApart(c.order[i])
	}
	c.spread(root)
	return root
}

func (c *comparison) overdrawn() bool { return c.work < 0 }

// spread lets verdicts fall: first those with faults of their own, then those
// that rest on them. What is left standing fits, also where pairs rest on each
// other in a circle.
func (c *comparison) spread(root *verdict) {
	var fallen []*verdict
	fall := func(v, why *verdict) {
		v.fallen, v.why = true, why
		fallen = append(fallen, v)
	}
	for _, v := range append(c.order, root) {
		if v.stands == 0 {
			fall(v, nil)
		}
	}
	for i := 0; i < len(fallen); i++ {
		for _, user := range fallen[i].users {
			if user.stands--; user.stands == 0 {
				fall(user, fallen[i])
			}
		}
	}
}

// takeApart finds the parts of a pair that is not settled by its kinds.
func (c *comparison) takeApart(v *verdict) {
	r, w := v.reader, v.writer
	v.stands = 1
	switch {
	case w.Kind == ast.Union:
		for _, branch := range w.Branches {
			c.need(v, branchName(branch), pair{r, branch})
		}
	case r.Kind == ast.Union:
		c.chooseBranch(v)
	case r.Kind == ast.Array:
		c.need(v, "[]", pair{r.Items, w.Items})
	case r.Kind == ast.Map:
		c.need(v, "{}", pair{r.Items, w.Items})
	default:
		c.takeApartNamed(v)
	}
}

func (c *comparison) takeApartNamed(v *verdict) {
	r, w := v.reader, v.writer
	if !c.sameName(r, w) {
		c.fault(v, part{kind: NameMismatch, reader: r, writer: w})
	}
	switch r.Kind {
	case ast.Record:
		for _, field := range r.Fields {
			c.takeField(v, field)
		}
	case ast.Enum:
		if lacks := c.lacks(r, w); len(lacks) > 0 {
			c.fault(v, part{kind: MissingEnumSymbols, reader: r, writer: w, lacks: lacks})
		}
	case ast.Fixed:
		if r.Size != w.Size {
			c.fault(v, part{kind: FixedSizeMismatch, reader: r, writer: w})
		}
	}
}

// takeField finds what the writer's record has for a field of the reader's.
func (c *comparison) takeField(v *verdict, field *ast.Field) {
	c.work -= 1 + len(field.Aliases)
	known := c.fieldsOf(v.writer)
	found := known[field.Name]
	for _, alias := range field.Aliases {
		other := known[alias]
		if found != nil && other != nil && other != found {
			c.fault(v, part{kind: AmbiguousField, step: field.Name, reader: v.reader, writer: v.writer, field: field})
			return
		}
		if found == nil {
			found = other
		}
	}
	switch {
	case found != nil:
		c.need(v, field.Name, pair{field.Type, found.Type})
	case field.Default == nil:
		c.fault(v, part{kind: MissingDefault, step: field.Name, reader: v.reader, writer: v.writer, field: field})
	}
}

// chooseBranch finds the branches of a reader's union that may read the
// writer's type, which is not a union.
func (c *comparison) chooseBranch(v *verdict) {
	v.oneOf, v.stands = true, 0
	for _, branch := range v.reader.Branches {
		if c.work--; c.overdrawn() {
			return
		}
		fits, settled := settle(branch, v.writer)
		switch {
		case settled && fits:
			v.stands = -1
			return
		case !settled && branch.Kind.Named() && !c.sameName(branch, v.writer):
			// Nothing inside can make up for the name.
		case !settled:
			v.stands++
			c.enter(v, part{reader: branch, writer: v.writer})
		}
	}
}

// need makes a pair a part that v cannot stand without.
func (c *comparison) need(v *verdict, step string, p pair) {
	c.work--
	found := part{step: step, reader: p.reader, writer: p.writer}
	fits, settled := settle(p.reader, p.writer)
	switch {
	case settled && fits:
	case settled:
		found.kind = TypeMismatch
		c.fault(v, found)
	default:
		c.enter(v, found)
	}
}

// fault notes a fault of v's own.
func (c *comparison) fault(v *verdict, found part) {
	c.work -= pairCost
	v.stands = 0
	v.parts = append(v.parts, found)
}

// enter makes a pair a part of v, and has it taken apart if it is a new one.
func (c *comparison) enter(v *verdict, found part) {
	c.work -= pairCost
	p := pair{found.reader, found.writer}
	inner := c.verdicts[p]
	if inner == nil {
		inner = &verdict{pair: p}
		c.verdicts[p] = inner
		c.order = append(c.order, inner)
	}
	inner.users = append(inner.users, v)
	found.inner = inner
	v.parts = append(v.parts, found)
}
