package avro

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gokavro/gokavro/codecs"
	"github.com/gokavro/gokavro/codecs/avro/internal/ast"
	"github.com/gokavro/gokavro/codecs/avro/internal/gen"
)

// KeyCodec is a codec of record keys in their canonical form, made by [Key].
type KeyCodec[T any] struct {
	canonical *TypedCodec[T] // without a frame
	framed    *TypedCodec[T] // reads what producers wrote
	doubles   bool           // the schema has some
}

// Key returns a codec of keys of the Go type T in their canonical form: a plain
// Avro datum without the name of a schema, the same for equal keys whichever
// version of the key's schema they came with. A registry's id in a key would
// move it to another partition, and away from its row of a table, with each new
// version.
//
// The datum is of the codec's Schema, which is that of T, or of [Schema], with
// the fields of each record in the order of their names and floats widened to
// doubles. Arrays are one block with a positive count, zero has no sign, and all
// NaN are one. Maps have no order and are refused by Check.
//
// So a key stays what it is when its schema gets its fields in another order, an
// int becomes a long, a float a double, a string bytes, or when documentation,
// aliases and defaults change. It becomes another key with another field or
// name, with a type that becomes nullable, and with symbols of an enum or
// branches of a union in another order: put new ones at the end.
//
// Keys that producers wrote with the name of their schema become canonical with
// [KeyCodec.Canonical], for which [Registry] is needed, here or by Bind.
func Key[T any](opts ...Option) *KeyCodec[T] {
	s := apply(opts)
	schema, doubles, err := keySchema[T](s)
	if err != nil {
		return &KeyCodec[T]{canonical: misdeclared[T](err), framed: misdeclared[T](err)}
	}
	s.schema, s.given, s.isKey = schema, nil, true
	with := func(other *settings) { *other = s }
	return &KeyCodec[T]{canonical: Typed[T](with, Plain()), framed: Typed[T](with), doubles: doubles}
}

// keySchema returns the schema of a key's canonical form, and whether it has
// doubles.
func keySchema[T any](s settings) (text string, doubles bool, err error) {
	if s.plain {
		return "", false, errors.New("avro: avro.Key always writes plain data: leave out avro.Plain")
	}
	given, err := typedSchema[T](s)
	if err != nil {
		return "", false, err
	}
	root, err := given.tree()
	if err != nil {
		return "", false, err
	}
	k := keyForm{done: map[*ast.Node]*ast.Node{}}
	canonical, err := k.node(root, "")
	if err != nil {
		return "", false, fmt.Errorf("avro: making a key of %s: %w", given.Name(), err)
	}
	return gen.Text(canonical), k.doubles, nil
}

// keyForm copies a schema's tree in its canonical form.
type keyForm struct {
	done    map[*ast.Node]*ast.Node
	doubles bool
}

func (k *keyForm) node(n *ast.Node, path string) (*ast.Node, error) {
	if known := k.done[n]; known != nil {
		return known, nil
	}
	out := *n
	k.done[n] = &out
	switch n.Kind {
	case ast.Map:
		return nil, fmt.Errorf("field %s is a map, whose entries have no order: make it an array of records in an order of your own", strings.TrimPrefix(path, "."))
	case ast.Float, ast.Double:
		out.Kind, k.doubles = ast.Double, true
	case ast.Array:
		items, err := k.node(n.Items, path)
		out.Items = items
		return &out, err
	case ast.Union:
		return &out, k.branches(&out, path)
	case ast.Record:
		return &out, k.fields(&out, path)
	}
	return &out, nil
}

func (k *keyForm) branches(out *ast.Node, path string) error {
	out.Branches = slices.Clone(out.Branches)
	for i, branch := range out.Branches {
		copied, err := k.node(branch, path)
		if err != nil {
			return err
		}
		out.Branches[i] = copied
	}
	return nil
}

func (k *keyForm) fields(out *ast.Node, path string) error {
	out.Fields = slices.Clone(out.Fields)
	for i, f := range out.Fields {
		typ, err := k.node(f.Type, path+"."+f.Name)
		if err != nil {
			return err
		}
		field := *f
		field.Type = typ
		out.Fields[i] = &field
	}
	slices.SortFunc(out.Fields, func(a, b *ast.Field) int { return strings.Compare(a.Name, b.Name) })
	return nil
}

// Check returns the fault in the codec's declaration, if there is one.
func (c *KeyCodec[T]) Check() error { return c.canonical.Check() }

// Schema returns the schema of canonical keys, nil when Check has a fault.
func (c *KeyCodec[T]) Schema() *ParsedSchema { return c.canonical.Schema() }

// Reads returns why ReadFramed cannot read what writer wrote; nothing means that
// it can.
func (c *KeyCodec[T]) Reads(writer *ParsedSchema) []Incompatibility { return c.framed.Reads(writer) }

// Bind returns a codec of the same keys that finds the schemas of framed ones
// where b says.
func (c *KeyCodec[T]) Bind(b Binding) codecs.Untyped {
	framed := newTyped[T](c.framed.to(b), c.framed.encoder)
	return &KeyCodec[T]{canonical: c.canonical, framed: framed, doubles: c.doubles}
}

// Encode returns the canonical bytes of value, a T or a *T.
func (c *KeyCodec[T]) Encode(value any) ([]byte, error) {
	key, err := codecs.Value[T](value)
	if err != nil {
		return nil, err
	}
	return c.Append([]byte{}, &key)
}

// Append appends the canonical bytes of value to dst; on an error dst is
// returned as it was.
func (c *KeyCodec[T]) Append(dst []byte, value *T) ([]byte, error) {
	out, err := c.canonical.Append(dst, value)
	if err != nil || !c.doubles {
		return out, err
	}
	data, err := c.Schema().walkable()
	if err == nil {
		err = data.EqualDoubles(out[len(dst):])
	}
	if err != nil {
		return dst, fmt.Errorf("avro: encoding the key %s: %w", c.Schema().Name(), err)
	}
	return out, nil
}

// Decode returns the *T of a canonical key.
func (c *KeyCodec[T]) Decode(data []byte) (any, error) { return c.canonical.Decode(data) }

// Read sets *into to a canonical key; on an error it stays as it was.
func (c *KeyCodec[T]) Read(data []byte, into *T) error { return c.canonical.Read(data, into) }

// ReadFramed sets *into to a key that names its writer's schema, in any format
// and in any version that the codec's schema can read; on an error it stays as
// it was. headers are the record's, nil for none: [KeySchemaHeader] may name
// the schema.
func (c *KeyCodec[T]) ReadFramed(framed []byte, headers map[string][]byte, into *T) error {
	return c.framed.read(framed, c.framed.header(headers), into)
}

// Canonical returns the canonical form of a key that ReadFramed reads.
func (c *KeyCodec[T]) Canonical(framed []byte, headers map[string][]byte) ([]byte, error) {
	var key T
	if err := c.ReadFramed(framed, headers, &key); err != nil {
		return nil, err
	}
	return c.Append([]byte{}, &key)
}
