package avro

import (
	"errors"
	"fmt"
	"reflect"
	"sync"
	"sync/atomic"

	"github.com/gokavro/gokavro/codecs"
	"github.com/gokavro/gokavro/codecs/avro/internal/ast"
	"github.com/gokavro/gokavro/codecs/avro/internal/plan"
	resolution "github.com/gokavro/gokavro/codecs/avro/internal/resolve"
)

// TypedCodec is a codec of the Go type T, made by [Typed].
type TypedCodec[T any] struct {
	bound[*plan.Decoder]
	encoder *plan.Encoder                // nil when Check has a fault
	bare    *plan.Encoder                // encoder, when nothing goes before the datum
	own     *plan.Decoder                // what decodes it then
	latest  atomic.Pointer[plan.Encoder] // in place of encoder, see UseLatest
	scratch sync.Pool                    // of *[]byte
}

// Typed returns a codec of the Go type T. The schema is inferred from T's
// fields and their avro tags unless [Schema] gives it. Encode takes a T or a
// *T; Decode gives a *T.
//
// Tags are `avro:"name[,option]..."`; int32 is an int, int and int64 a long,
// *T a ["null", T] with default null, time.Time a timestamp-millis.
//
// A plan is compiled for T and each pair of schemas, so that no record is
// walked by reflection. What a datum may cost is bounded: 500 levels, 10^6
// items that take no bytes, 64 MB.
func Typed[T any](opts ...Option) *TypedCodec[T] {
	s := apply(opts)
	schema, err := typedSchema[T](s)
	if err != nil {
		return misdeclared[T](err)
	}
	root, err := schema.tree()
	if err != nil {
		return misdeclared[T](err)
	}
	encoder, err := plan.NewEncoder(root, reflect.TypeFor[T](), s.types)
	if err != nil {
		return misdeclared[T](misfit[T](schema, err))
	}
	decoder := func(writer *ParsedSchema) (*plan.Decoder, error) { return typedPlan[T](writer, schema, root, s.types) }
	return newTyped[T](bind(s, schema, decoder), encoder)
}

func newTyped[T any](place bound[*plan.Decoder], encoder *plan.Encoder) *TypedCodec[T] {
	c := &TypedCodec[T]{bound: place, encoder: encoder}
	if c.err == nil {
		c.framer.adopt = c.adopt
		if c.framer.plain {
			c.own = c.framer.own
		}
		if c.framer.plain && encoder.IsDirect() {
			c.bare = encoder
		}
	}
	return c
}

// adopt compiles how T is written with a schema that is not T's own.
func (c *TypedCodec[T]) adopt(latest *ParsedSchema) error {
	root, err := latest.tree()
	if err != nil {
		return err
	}
	encoder, err := plan.NewFillingEncoder(root, reflect.TypeFor[T](), c.framer.types)
	if err != nil {
		return misfit[T](latest, err)
	}
	c.latest.Store(encoder)
	return nil
}

func misdeclared[T any](err error) *TypedCodec[T] {
	return &TypedCodec[T]{bound: unbound[*plan.Decoder](err)}
}

func misfit[T any](schema *ParsedSchema, err error) error {
	return fmt.Errorf("avro: the type %s does not fit the schema %s: %w", reflect.TypeFor[T](), schema.Name(), err)
}

// typedPlan compiles how T is read from what writer wrote.
func typedPlan[T any](writer, schema *ParsedSchema, root *ast.Node, types *plan.Types) (*plan.Decoder, error) {
	from, err := writer.tree()
	if err != nil {
		return nil, err
	}
	decoder, err := plan.NewDecoder(resolution.New(from, root), reflect.TypeFor[T](), types, plan.Limits{})
	if err != nil {
		return nil, misfit[T](schema, err)
	}
	return decoder, nil
}

func typedSchema[T any](s settings) (*ParsedSchema, error) {
	if s.schema != "" {
		return parseLinked(s.schema, s.given)
	}
	if len(s.given) > 0 {
		return nil, errors.New("avro: an inferred schema uses no other: give avro.Schema with avro.Reference")
	}
	text, err := plan.Infer(reflect.TypeFor[T](), s.types, s.namespace, s.name)
	if err != nil {
		return nil, fmt.Errorf("avro: %w", err)
	}
	return ParseSchema(text)
}

// Bind returns a codec of the same schema that lives where b says; what the
// codec's own options set wins.
func (c *TypedCodec[T]) Bind(b Binding) codecs.Untyped {
	return newTyped[T](c.to(b), c.encoder)
}

// Reads returns all reasons why the codec cannot read what writer wrote, or
// would read it as something else; nothing means that it can.
func (c *TypedCodec[T]) Reads(writer *ParsedSchema) []Incompatibility {
	if c.err != nil {
		return []Incompatibility{{Message: c.err.Error()}}
	}
	if faults := Compatible(writer, c.framer.schema); len(faults) > 0 {
		return faults
	}
	if _, err := c.framer.plan(writer); err != nil {
		return []Incompatibility{{Message: err.Error()}}
	}
	return misread(writer, c.framer.schema)
}

// Encode returns the bytes of value, a T or a *T.
func (c *TypedCodec[T]) Encode(value any) ([]byte, error) {
	if v, ok := value.(*T); ok && v != nil {
		return c.encode(v)
	}
	v, err := codecs.Value[T](value)
	if err != nil {
		return nil, err
	}
	return c.encode(&v)
}

// maxScratch bounds what is kept of a large value, in bytes.
const maxScratch = 64 << 10

// encode appends to memory that is used again, as a value's size shows only
// then, and returns a copy that is as large as need be.
func (c *TypedCodec[T]) encode(value *T) ([]byte, error) {
	scratch, ok := c.scratch.Get().(*[]byte)
	if !ok {
		scratch = new([]byte)
	}
	out, err := c.Append((*scratch)[:0], value)
	if err != nil {
		return nil, err
	}
	data := make([]byte, len(out))
	copy(data, out)
	if cap(out) <= maxScratch {
		*scratch = out
		c.scratch.Put(scratch)
	}
	return data, nil
}

// Decode returns a *T.
func (c *TypedCodec[T]) Decode(data []byte) (any, error) {
	value := new(T)
	if err := c.Read(data, value); err != nil {
		return nil, err
	}
	return value, nil
}

// Append appends the bytes of value to dst; on an error dst is returned as it
// was.
func (c *TypedCodec[T]) Append(dst []byte, value *T) ([]byte, error) {
	if c.bare != nil && value != nil {
		if out, ok := plan.AppendDirect(c.bare, dst, value); ok {
			return out, nil
		}
	}
	return c.append(dst, value)
}

// append is for what has a frame, is not direct or cannot be encoded.
func (c *TypedCodec[T]) append(dst []byte, value *T) ([]byte, error) {
	framed, err := dst, c.err
	if err == nil && !c.framer.plain {
		framed, err = c.framer.header(dst)
	}
	if err != nil {
		return dst, err
	}
	if value == nil {
		return dst, fmt.Errorf("avro: encoding a nil %T", value)
	}
	encoder := c.encoder
	if latest := c.latest.Load(); latest != nil {
		encoder = latest
	}
	out, err := plan.Append(encoder, framed, value)
	if err != nil {
		return dst, fmt.Errorf("avro: encoding %s: %w", c.framer.schema.Name(), err)
	}
	return out, nil
}

// Read decodes data into value, which is set only when all of it decoded.
func (c *TypedCodec[T]) Read(data []byte, into *T) error {
	if c.own != nil && into != nil {
		return c.fill(c.own, message{datum: data}, into)
	}
	return c.read(data, nil, into)
}

// read is Read where a header of the record may name the schema.
func (c *TypedCodec[T]) read(data, header []byte, into *T) error {
	if c.err != nil {
		return c.err
	}
	if into == nil {
		return fmt.Errorf("avro: decoding into a nil %T", into)
	}
	m, err := c.framer.open(data, header)
	if err != nil {
		return err
	}
	return c.readDatum(m, into)
}

// readDatum decodes what is without its frame.
func (c *TypedCodec[T]) readDatum(m message, into *T) error {
	decoder, err := c.framer.planOf(m.ref)
	if err != nil {
		return err
	}
	return c.fill(decoder, m, into)
}

// fill decodes into a value that keeps nothing of a datum that failed.
func (c *TypedCodec[T]) fill(decoder *plan.Decoder, m message, into *T) error {
	before := *into
	*into = *new(T)
	if err := plan.Decode(decoder, m.datum, into); err != nil {
		*into = before
		return c.framer.fault(m.ref, fmt.Errorf("avro: %w", err))
	}
	return nil
}
