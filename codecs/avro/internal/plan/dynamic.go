package plan

import (
	"errors"
	"reflect"
	"sync"

	"github.com/gokavro/gokavro/codecs/avro/internal/ast"
)

// dynamic compiles scripts for the types that an any turns out to hold, once
// for each.
type dynamic struct {
	types    *Types
	fill     bool     // a field that a Go type lacks gets its default
	scripts  sync.Map // of compiled by encodeKey
	branches sync.Map // of chosen by encodeKey
}

type encodeKey struct {
	node *ast.Node
	typ  reflect.Type
}

type compiled struct {
	root *script
	err  error
}

type chosen struct {
	branch int
	err    error
}

func (d *dynamic) script(n *ast.Node, t reflect.Type) (*script, error) {
	key := encodeKey{n, t}
	if known, ok := d.scripts.Load(key); ok {
		c, _ := known.(compiled)
		return c.root, c.err
	}
	c := newEncodeCompiler(d)
	root := c.script(n, t, "")
	made := compiled{root: root}
	if len(c.faults) > 0 {
		made.err = errors.New(c.faults[0])
	}
	d.scripts.Store(key, made)
	return made.root, made.err
}

// branch returns the branch of a union that type t is written as.
func (d *dynamic) branch(n *ast.Node, t reflect.Type) (int, error) {
	key := encodeKey{n, t}
	if known, ok := d.branches.Load(key); ok {
		c, _ := known.(chosen)
		return c.branch, c.err
	}
	i, err := newEncodeCompiler(d).staticBranch(n, t)
	d.branches.Store(key, chosen{i, err})
	return i, err
}
