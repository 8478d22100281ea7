package avro

import (
	"bytes"
	"fmt"
	"sync/atomic"

	"github.com/linkedin/goavro/v2"

	"github.com/gokavro/gokavro/codecs"
	"github.com/gokavro/gokavro/codecs/avro/internal/datum"
)

// GenericCodec is a codec of map records, made by [Generic].
type GenericCodec struct {
	bound[*genericPlan]
	latest atomic.Pointer[genericPlan] // to encode with, see UseLatest
}

// Generic returns a codec of goavro's native records: map[string]any, with
// unions as one-entry maps from the branch's name to its value, and times as
// time.Time. schema is the JSON text that values are encoded with.
//
// goavro has no schema resolution: a record is decoded as its writer wrote it.
// [Records] resolves, and [NewRecord] makes a view of what Generic decodes.
// A datum may hold 65,536 array items that take no bytes.
//
// It cannot use a schema that refers to a type without a namespace from inside
// a type that has one.
func Generic(schema string, opts ...Option) *GenericCodec {
	s := apply(opts)
	parsed, err := parseLinked(schema, s.given)
	if err != nil {
		return newGeneric(unbound[*genericPlan](err))
	}
	if !parsed.isRecord() {
		return newGeneric(unbound[*genericPlan](fmt.Errorf("avro: a generic codec works on records, the schema is of type %s", parsed.Name())))
	}
	return newGeneric(bind(s, parsed, newGenericPlan))
}

func newGeneric(place bound[*genericPlan]) *GenericCodec {
	c := &GenericCodec{bound: place}
	if c.err == nil {
		c.framer.adopt = c.adopt
	}
	return c
}

// adopt lets values be written with a schema that is not the codec's own.
func (c *GenericCodec) adopt(latest *ParsedSchema) error {
	plan, err := newGenericPlan(latest)
	if err != nil {
		return err
	}
	c.latest.Store(plan)
	return nil
}

// maxEmptyNative bounds the items without bytes of a datum that goavro may
// see: it makes a Go value of each.
const maxEmptyNative = 1 << 16

// genericPlan decodes what one schema wrote.
type genericPlan struct {
	check *datum.Schema
	codec *goavro.Codec
}

// newGenericPlan builds goavro's codec for a schema that twmb/avro found
// sound; goavro panics on some schemas all the same.
func newGenericPlan(schema *ParsedSchema) (plan *genericPlan, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("avro: goavro cannot use the schema %s: %v", schema.Name(), r)
		}
	}()
	codec, err := goavro.NewCodec(schema.Standalone())
	if err != nil {
		return nil, fmt.Errorf("avro: goavro cannot use the schema %s: %w", schema.Name(), err)
	}
	root, err := schema.tree()
	if err != nil {
		return nil, err
	}
	return &genericPlan{check: datum.New(root, datum.Limits{ZeroSizeItems: maxEmptyNative}), codec: codec}, nil
}

// decode checks the datum before goavro sees it: goavro reserves memory from
// unchecked lengths, so six hostile bytes could end the process.
func (p *genericPlan) decode(data []byte) (record map[string]any, err error) {
	if err := p.check.Walk(data); err != nil {
		return nil, fmt.Errorf("avro: decoding: %w", err)
	}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("avro: decoding: %v", r)
		}
	}()
	// goavro's bytes share the memory of what they were decoded from.
	value, _, err := p.codec.NativeFromBinary(bytes.Clone(data))
	if err != nil {
		return nil, fmt.Errorf("avro: decoding: %w", err)
	}
	record, ok := value.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("avro: decoding: the writer wrote a %T, not a record", value)
	}
	return record, nil
}

// Bind returns a codec of the same schema that lives where b says.
func (c *GenericCodec) Bind(b Binding) codecs.Untyped {
	return newGeneric(c.to(b))
}

// Reads returns why the codec cannot read what writer wrote; nothing means that
// it can, as it does any record that goavro takes.
func (c *GenericCodec) Reads(writer *ParsedSchema) []Incompatibility {
	err := c.err
	if err == nil {
		_, err = c.framer.plan(writer)
	}
	if err != nil {
		return []Incompatibility{{Message: err.Error()}}
	}
	return nil
}

// Encode returns the bytes of value, a map[string]any.
func (c *GenericCodec) Encode(value any) ([]byte, error) {
	v, err := codecs.Value[map[string]any](value)
	if err != nil {
		return nil, err
	}
	return c.Append([]byte{}, &v)
}

// Decode returns a map[string]any.
func (c *GenericCodec) Decode(data []byte) (any, error) {
	var value map[string]any
	if err := c.Read(data, &value); err != nil {
		return nil, err
	}
	return value, nil
}

// Append appends the bytes of value to dst; on an error dst is returned as it
// was.
func (c *GenericCodec) Append(dst []byte, value *map[string]any) (out []byte, err error) {
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
	defer func() {
		if r := recover(); r != nil {
			out, err = dst, fmt.Errorf("avro: encoding %s: %v", c.framer.schema.Name(), r)
		}
	}()
	plan := c.framer.own
	if latest := c.latest.Load(); latest != nil {
		plan = latest
	}
	out, err = plan.codec.BinaryFromNative(framed, *value)
	if err != nil {
		return dst, fmt.Errorf("avro: encoding %s: %w", c.framer.schema.Name(), err)
	}
	return out, nil
}

// Read decodes data into value, which is set only when all of it decoded.
func (c *GenericCodec) Read(data []byte, into *map[string]any) error { return c.read(data, nil, into) }

// read is Read where a header of the record may name the schema.
func (c *GenericCodec) read(data, header []byte, into *map[string]any) error {
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
	plan, err := c.framer.planOf(m.ref)
	if err != nil {
		return err
	}
	record, err := plan.decode(m.datum)
	if err != nil {
		return c.framer.fault(m.ref, err)
	}
	*into = record
	return nil
}
