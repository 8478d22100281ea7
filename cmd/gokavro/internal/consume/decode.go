package consume

import (
	"context"
	"errors"
	"slices"

	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/codecs/registry"
	"github.com/gokavro/gokavro/topology/kafka"
)

// decoder takes values out of their frames and finds their writers' schemas.
type decoder struct {
	client  *registry.Client
	found   avro.Schemas
	schemas map[avro.SchemaRef]*avro.ParsedSchema
}

func newDecoder(client *registry.Client) *decoder {
	return &decoder{client: client, found: avro.RegistrySchemas(client), schemas: map[avro.SchemaRef]*avro.ParsedSchema{}}
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

// open takes the frame off the value of a record; a header may stand for it.
// The error it returns ends the run: the registry cannot be asked.
func (d *decoder) open(ctx context.Context, r kafka.Record) (framed, error) {
	ref, datum, err := avro.SplitRecord(r.Value, last(r.Headers, avro.ValueSchemaHeader))
	if err != nil {
		return framed{err: err}, nil
	}
	f := framed{ref: ref, datum: datum, split: true}
	f.writer, err = d.writer(ctx, r.Topic, ref)
	if _, away := errors.AsType[*registry.UnavailableError](err); away || ctx.Err() != nil {
		return f, err
	}
	f.err = err
	return f, nil
}

// last returns the value of the last header of a name, nil without one.
func last(headers []kafka.Header, name string) []byte {
	for _, h := range slices.Backward(headers) {
		if h.Key == name {
			return h.Value
		}
	}
	return nil
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
