package avro

import (
	"fmt"

	"github.com/twmb/avro"

	"github.com/gokavro/gokavro/codecs"
)

// TypedCodec is a codec of the Go type T, made by [Typed].
type TypedCodec[T any] struct{ bound[*avro.Schema] }

// Typed returns a codec of the Go type T. The schema is inferred from T's
// fields and their avro tags unless [Schema] gives it. Encode takes a T or a
// *T; Decode gives a *T.
//
// Tags are `avro:"name[,option]..."`; int32 is an int, int and int64 a long,
// *T a ["null", T] with default null, time.Time a timestamp-millis.
func Typed[T any](opts ...Option) *TypedCodec[T] {
	return newTyped[T](apply(opts))
}

func newTyped[T any](s settings) *TypedCodec[T] {
	schema, err := typedSchema[T](s)
	if err != nil {
		return &TypedCodec[T]{unbound[*avro.Schema](err)}
	}
	return &TypedCodec[T]{bind(s, schema, func(writer *ParsedSchema) (*avro.Schema, error) {
		return resolve(writer, schema)
	})}
}

func typedSchema[T any](s settings) (*ParsedSchema, error) {
	if s.schema == "" {
		return inferred[T](s.namespace, s.name)
	}
	schema, err := ParseSchema(s.schema)
	if err != nil {
		return nil, err
	}
	if err := checkFit[T](schema); err != nil {
		return nil, err
	}
	return schema, nil
}

// Bind returns a codec of the same schema that lives where b says; what the
// codec's own options set wins.
func (c *TypedCodec[T]) Bind(b Binding) codecs.Untyped {
	return &TypedCodec[T]{c.to(b)}
}

// Encode returns the bytes of value, a T or a *T.
func (c *TypedCodec[T]) Encode(value any) ([]byte, error) {
	if v, ok := value.(*T); ok && v != nil {
		return c.Append([]byte{}, v)
	}
	v, err := codecs.Value[T](value)
	if err != nil {
		return nil, err
	}
	return c.Append([]byte{}, &v)
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
	if c.err != nil {
		return dst, c.err
	}
	if value == nil {
		return dst, fmt.Errorf("avro: encoding a nil %T", value)
	}
	framed, err := c.framer.header(dst)
	if err != nil {
		return dst, err
	}
	out, err := c.framer.schema.Append(framed, value)
	if err != nil {
		return dst, err
	}
	return out, nil
}

// Read decodes data into value, which is set only when all of it decoded.
func (c *TypedCodec[T]) Read(data []byte, into *T) error {
	if c.err != nil {
		return c.err
	}
	if into == nil {
		return fmt.Errorf("avro: decoding into a nil %T", into)
	}
	plan, datum, err := c.framer.open(data)
	if err != nil {
		return err
	}
	var value T
	if err := decodeAll(plan, datum, &value); err != nil {
		return c.framer.datumFault(data, err)
	}
	*into = value
	return nil
}
