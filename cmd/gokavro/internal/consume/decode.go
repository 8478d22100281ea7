package consume

import (
	"context"
	"errors"

	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/codecs/registry"
)

// decoder takes values out of their frames and finds their writers' schemas.
type decoder struct {
	found   Schemas
	schemas map[avro.SchemaRef]*avro.ParsedSchema
}

// Schemas finds the schema that a value's frame names, as [avro.Schemas] do.
type Schemas interface {
	Schema(ctx context.Context, subject string, ref avro.SchemaRef) (*avro.ParsedSchema, error)
}

func newDecoder(schemas Schemas) *decoder {
	return &decoder{found: schemas, schemas: map[avro.SchemaRef]*avro.ParsedSchema{}}
}

// subject returns the subject of a topic's values.
func subject(topic string) string { return topic + "-value" }

// framed is a value without its frame.
type framed struct {
	ref    avro.SchemaRef
	datum  []byte
	writer *avro.ParsedSchema
	// err is why the value cannot be read. It is no fault of the run.
	err error
	// split says whether ref was found.
	split bool
}

// open takes the frame off a value of a topic. The error it returns ends the
// run: the registry cannot be asked.
func (d *decoder) open(ctx context.Context, topic string, value []byte) (framed, error) {
	ref, datum, err := avro.SplitFrame(value)
	if err != nil {
		return framed{err: err}, nil
	}
	f := framed{ref: ref, datum: datum, split: true}
	f.writer, err = d.writer(ctx, topic, ref)
	if _, away := errors.AsType[*registry.UnavailableError](err); away || ctx.Err() != nil {
		return f, err
	}
	f.err = err
	return f, nil
}

func (d *decoder) writer(ctx context.Context, topic string, ref avro.SchemaRef) (*avro.ParsedSchema, error) {
	if known, ok := d.schemas[ref]; ok {
		return known, nil
	}
	schema, err := d.found.Schema(ctx, subject(topic), ref)
	if err == nil {
		d.schemas[ref] = schema
	}
	return schema, err
}
