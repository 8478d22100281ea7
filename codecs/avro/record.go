package avro

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/gokavro/gokavro/codecs"
	"github.com/gokavro/gokavro/codecs/avro/internal/ast"
	"github.com/gokavro/gokavro/codecs/avro/internal/plan"
)

// Record is a record of a schema that is known at run time only, with getters
// and setters by path. A path leads through records, maps and arrays: names of
// fields, keys of maps and indexes of arrays with dots between them, such as
// customer.emails.0; a key with a dot in it is reached by [Record.Get] of its
// map. Unions are looked through everywhere.
//
// A getter returns the value, or an error that says what is at the path instead:
// the fields that there are, or the getter for its type. Where the value is null
// the error is [ErrNull], and [Record.Has] is false. Getters take what Avro
// promotes to their type.
//
// A Record shares the memory of its copies. It is not safe for concurrent use
// while it is changed.
type Record struct {
	node   *ast.Node
	fields map[string]any
	// tagged is goavro's form: a union's value is a map of one entry, from the
	// branch's name to the value.
	tagged bool
}

// ErrNull is the cause when the value that a getter of [Record] is to return is
// null.
var ErrNull = errors.New("it is null")

// NewRecord returns a view of native, a record in goavro's form such as
// [Generic] decodes. What is set is set in native. A nil native is one without
// fields. A schema that is not of a record is an error.
func NewRecord(schema *ParsedSchema, native map[string]any) (Record, error) {
	root, err := recordNode(schema)
	if err != nil {
		return Record{}, err
	}
	if native == nil {
		native = map[string]any{}
	}
	return Record{node: root, fields: native, tagged: true}, nil
}

func recordNode(schema *ParsedSchema) (*ast.Node, error) {
	root, err := schema.tree()
	if err == nil && root.Kind != ast.Record {
		err = fmt.Errorf("avro: a record is wanted, the schema is of type %s", schema.Name())
	}
	return root, err
}

// Name returns the full name of the record's schema.
func (r Record) Name() string {
	if r.node == nil {
		return ""
	}
	return r.node.Name
}

// Native returns the record as a map, without a copy: in goavro's form when
// that is what it is a view of, otherwise with unions as bare values.
func (r Record) Native() map[string]any { return r.fields }

// spot is a place in a record and what is there.
type spot struct {
	node  *ast.Node // never a union, null where the value is
	value any
}

// find goes along a path.
func (r Record) find(path string) (spot, error) {
	at := spot{r.node, r.fields}
	if r.node == nil {
		return at, errors.New("avro: the Record is empty: take it from a codec or from avro.NewRecord")
	}
	walked := ""
	for part := range strings.SplitSeq(path, ".") {
		next, err := r.step(at, part)
		if err != nil {
			return at, fmt.Errorf("avro: field %s of record %s: %w", joinPath(walked, part), r.node.Name, err)
		}
		at, walked = r.through(next), joinPath(walked, part)
	}
	return at, nil
}

func joinPath(path, part string) string { return strings.TrimPrefix(path+"."+part, ".") }

// step goes one part of a path down.
func (r Record) step(at spot, part string) (spot, error) {
	switch at.node.Kind {
	case ast.Record:
		field := at.node.Field(part)
		if field == nil {
			return at, fmt.Errorf("there is no such field: %s has %s", at.node.TypeName(), fieldNames(at.node))
		}
		fields, _ := at.value.(map[string]any)
		return spot{field.Type, fields[part]}, nil
	case ast.Map:
		entries, _ := at.value.(map[string]any)
		value, ok := entries[part]
		if !ok {
			return at, fmt.Errorf("the map has no such key among its %d", len(entries))
		}
		return spot{at.node.Items, value}, nil
	case ast.Array:
		items, _ := at.value.([]any)
		i, err := strconv.Atoi(part)
		if err != nil || i < 0 || i >= len(items) {
			return at, fmt.Errorf("the array has %d items, numbered from 0", len(items))
		}
		return spot{at.node.Items, items[i]}, nil
	case ast.Null:
		return at, fmt.Errorf("%w before this part of the path", ErrNull)
	}
	return at, fmt.Errorf("what is before is of type %s and has no parts", at.node.TypeName())
}

func fieldNames(n *ast.Node) string {
	if len(n.Fields) == 0 {
		return "none"
	}
	names := make([]string, len(n.Fields))
	for i, f := range n.Fields {
		names[i] = f.Name
	}
	return strings.Join(names, ", ")
}

var nullNode = &ast.Node{Kind: ast.Null}

// through takes a value out of its union.
func (r Record) through(at spot) spot {
	if at.value == nil && (at.node.Kind == ast.Union || at.node.Kind == ast.Null) {
		return spot{node: nullNode}
	}
	if at.node.Kind != ast.Union {
		return at
	}
	if branch, ok := at.value.(plan.Branch); ok {
		return at.named(branch.Name, branch.Value)
	}
	if tag, ok := at.value.(map[string]any); ok && r.tagged && len(tag) == 1 {
		for name, value := range tag {
			return at.named(name, value)
		}
	}
	for _, b := range at.node.Branches {
		if b.Kind != ast.Null && isNatural(b, at.value, r.tagged) {
			return spot{b, at.value}
		}
	}
	if other, ok := at.node.Nullable(); ok {
		return spot{other, at.value}
	}
	return at
}

// named takes a value out of the branch of that name.
func (at spot) named(name string, value any) spot {
	if i := at.branch(name); i >= 0 {
		return spot{at.node.Branches[i], value}
	}
	return at
}

// branch finds a branch of a union by its name, which goavro puts the logical
// type into; -1 for none.
func (at spot) branch(name string) int {
	return slices.IndexFunc(at.node.Branches, func(b *ast.Node) bool { return b.TypeName() == name || nativeName(b) == name })
}

// RecordCodec is a codec of [Record], made by [Records].
type RecordCodec struct {
	maps *TypedCodec[map[string]any]
	node *ast.Node
}

// Records returns a codec of [Record] for a schema that is given as its JSON
// text. Unlike [Generic] it resolves what other schemas wrote, so that every
// record has the fields of this one, and it takes the bounds of [Typed].
func Records(schema string, opts ...Option) *RecordCodec {
	parsed, err := parseLinked(schema, apply(opts).given)
	if err == nil {
		_, err = recordNode(parsed)
	}
	if err != nil {
		return &RecordCodec{maps: misdeclared[map[string]any](err)}
	}
	c := &RecordCodec{maps: Typed[map[string]any](append(slices.Clone(opts), Schema(schema))...)}
	if c.Check() == nil {
		c.node, _ = c.Schema().tree() // Typed has it already
	}
	return c
}

// New returns a record without fields. Those that are not set when it is encoded
// take their defaults; one without a default is an error then.
func (c *RecordCodec) New() Record { return Record{node: c.node, fields: map[string]any{}} }

// Check returns the fault in the codec's declaration, if there is one.
func (c *RecordCodec) Check() error { return c.maps.Check() }

// Schema returns the codec's schema, nil when Check has a fault.
func (c *RecordCodec) Schema() *ParsedSchema { return c.maps.Schema() }

// Subject returns the registry subject of the schema, as of [TypedCodec].
func (c *RecordCodec) Subject() string { return c.maps.Subject() }

// Reads returns why the codec cannot read what writer wrote, as of [TypedCodec].
func (c *RecordCodec) Reads(writer *ParsedSchema) []Incompatibility { return c.maps.Reads(writer) }

// Prepare finds out how messages name the codec's schema, so that a missing or
// refused one shows at the start and not at the first record.
func (c *RecordCodec) Prepare(ctx context.Context) error { return c.maps.Prepare(ctx) }

// Bind returns a codec of the same schema that lives where b says.
func (c *RecordCodec) Bind(b Binding) codecs.Untyped {
	return &RecordCodec{maps: newTyped[map[string]any](c.maps.to(b), c.maps.encoder), node: c.node}
}

// Encode returns the bytes of value, a Record or a *Record.
func (c *RecordCodec) Encode(value any) ([]byte, error) {
	r, err := codecs.Value[Record](value)
	if err != nil {
		return nil, err
	}
	return c.Append([]byte{}, &r)
}

// EncodeWithHeaders is Encode for a record with headers, as of [TypedCodec].
func (c *RecordCodec) EncodeWithHeaders(value any) (data []byte, headers map[string][]byte, err error) {
	return c.maps.toHeaders(c.Encode(value))
}

// Append appends the bytes of value to dst; on an error dst is returned as it
// was. The record may be one of another codec if it has the fields of this one.
func (c *RecordCodec) Append(dst []byte, value *Record) ([]byte, error) {
	if value == nil || value.node == nil {
		return dst, errors.New("avro: encoding a Record that is empty or nil: take it from New or from avro.NewRecord")
	}
	fields := value.fields
	if value.tagged {
		fields, _ = conversion{from: *value, bare: true}.record(value.node, value.fields).(map[string]any)
	}
	return c.maps.Append(dst, &fields)
}

// Decode returns a *Record.
func (c *RecordCodec) Decode(data []byte) (any, error) { return c.DecodeWithHeaders(data, nil) }

// DecodeWithHeaders is Decode for a record with headers, which may name the
// schema.
func (c *RecordCodec) DecodeWithHeaders(data []byte, headers map[string][]byte) (any, error) {
	r := c.New()
	if err := c.maps.read(data, c.maps.header(headers), &r.fields); err != nil {
		return nil, err
	}
	return &r, nil
}

// Read sets *into to the record in data; on an error it stays as it was.
func (c *RecordCodec) Read(data []byte, into *Record) error {
	if into == nil {
		return fmt.Errorf("avro: decoding into a nil %T", into)
	}
	r := c.New()
	if err := c.maps.Read(data, &r.fields); err != nil {
		return err
	}
	*into = r
	return nil
}
