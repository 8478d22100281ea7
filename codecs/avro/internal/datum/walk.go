package datum

import (
	"fmt"

	"github.com/gokavro/gokavro/codecs/avro/internal/ast"
)

// A datum may hold stepsPerByte values for each of its bytes, and stepsPerItem
// for each zero-size item that its limits allow.
const stepsPerByte, stepsPerItem = 64, 4

// walker checks a datum, and keeps the accounts of what it asked for.
type walker struct {
	cursor
	least sizes
	depth int // that may still come
	zeros int // zero-size items that may still come
	steps int // values that may still come

	// scalar is shown each value without parts that was skipped, nil for nobody.
	scalar func(kind ast.Kind, value []byte)
}

func newWalker(src []byte, limits Limits, least sizes) walker {
	return walker{
		cursor: cursor{src: src},
		least:  least,
		depth:  limits.Depth,
		zeros:  limits.ZeroSizeItems,
		steps:  stepsPerItem*limits.ZeroSizeItems + stepsPerByte*len(src),
	}
}

// alone checks that the datum that ends here would be taken without the bytes
// behind it too.
func (w *walker) alone() error {
	if w.claimed > w.pos {
		return faultAt(w.pos, fmt.Errorf("%w: a block claims %d bytes behind it", ErrShort, w.claimed-w.pos))
	}
	if behind := len(w.src) - w.pos; w.steps < stepsPerByte*behind {
		return faultAt(w.pos, ErrMany)
	}
	return nil
}

// step pays for one value.
func (w *walker) step() error {
	if w.steps--; w.steps < 0 {
		return faultAt(w.pos, ErrMany)
	}
	return nil
}

// enter pays for going one level down; leave goes up again.
func (w *walker) enter() error {
	if w.depth == 0 {
		return faultAt(w.pos, ErrDeep)
	}
	w.depth--
	return nil
}

func (w *walker) leave() { w.depth++ }

// skip checks one value.
func (w *walker) skip(n *ast.Node) error {
	if err := w.step(); err != nil {
		return err
	}
	switch n.Kind {
	case ast.Record:
		return w.skipRecord(n)
	case ast.Array, ast.Map:
		return w.skipItems(n)
	case ast.Union:
		branch, err := w.index(len(n.Branches), "branch")
		if err != nil {
			return err
		}
		return w.skip(n.Branches[branch])
	}
	at := w.pos
	err := w.skipScalar(n)
	if err == nil && w.scalar != nil {
		w.scalar(n.Kind, w.src[at:w.pos])
	}
	return err
}

func (w *walker) skipScalar(n *ast.Node) (err error) {
	switch n.Kind {
	case ast.Boolean:
		_, err = w.boolean()
	case ast.Int:
		_, err = w.int()
	case ast.Long:
		_, err = w.long()
	case ast.Float:
		_, err = w.take(4)
	case ast.Double:
		_, err = w.take(8)
	case ast.Bytes:
		_, err = w.bytes()
	case ast.String:
		_, err = w.text()
	case ast.Enum:
		_, err = w.index(len(n.Symbols), "symbol")
	case ast.Fixed:
		_, err = w.take(n.Size)
	}
	return err
}

func (w *walker) skipRecord(n *ast.Node) error {
	if err := w.enter(); err != nil {
		return err
	}
	defer w.leave()
	for _, f := range n.Fields {
		if err := w.skip(f.Type); err != nil {
			return within(f.Name, err)
		}
	}
	return nil
}

func (w *walker) skipItems(n *ast.Node) error {
	_, err := w.blocks(n, func() error {
		if n.Kind == ast.Map {
			if _, err := w.text(); err != nil {
				return err
			}
		}
		return w.skip(n.Items)
	})
	return err
}

// blocks calls item for each item of an array or map and returns their number.
// A count is held against the bytes that are left before it is used.
func (w *walker) blocks(n *ast.Node, item func() error) (total int, err error) {
	if err := w.enter(); err != nil {
		return 0, err
	}
	defer w.leave()
	least := w.least.of(n.Items)
	if n.Kind == ast.Map {
		least++
	}
	for {
		at := w.pos
		count, err := w.count()
		if err != nil || count == 0 {
			return total, err
		}
		if err := w.claim(at, count, least); err != nil {
			return total, err
		}
		for range int(count) {
			if err := item(); err != nil {
				return total, err
			}
		}
		total += int(count)
	}
}

// claim checks a block's count of items that take least bytes each.
func (w *walker) claim(at int, count int64, least int) error {
	left := len(w.src) - w.pos
	if least > 0 {
		if count > int64(left/least) {
			return faultAt(at, fmt.Errorf("%w: a block of %d items where %d bytes are left", ErrShort, count, left))
		}
		return nil
	}
	if count > int64(w.zeros) {
		return faultAt(at, fmt.Errorf("%w: a block of %d", ErrMany, count))
	}
	w.zeros -= int(count)
	return nil
}
