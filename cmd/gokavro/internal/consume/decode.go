package consume

import (
	"context"
	"errors"

	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/codecs/registry"
)

// decoder takes values out of their frames and finds their writers' schemas.
type decoder struct {
	client  *registry.Client
	schemas map[int]*avro.ParsedSchema
}

func newDecoder(client *registry.Client) *decoder {
	return &decoder{client: client, schemas: map[int]*avro.ParsedSchema{}}
}

// framed is a value without its frame.
type framed struct {
	id     int
	datum  []byte
	writer *avro.ParsedSchema
	// err is why the value cannot be read. It is no fault of the run.
	err error
	// split says whether id was found.
	split bool
}

// open takes the frame off. The error it returns ends the run: the registry
// cannot be asked.
func (d *decoder) open(ctx context.Context, value []byte) (framed, error) {
	id, datum, err := avro.SplitConfluent(value)
	if err != nil {
		return framed{err: err}, nil
	}
	f := framed{id: id, datum: datum, split: true}
	f.writer, err = d.writer(ctx, id)
	var away *registry.UnavailableError
	if ctx.Err() != nil || errors.As(err, &away) {
		return f, err
	}
	f.err = err
	return f, nil
}

func (d *decoder) writer(ctx context.Context, id int) (*avro.ParsedSchema, error) {
	if known, ok := d.schemas[id]; ok {
		return known, nil
	}
	schema, err := avro.WriterSchema(ctx, d.client, id)
	if err == nil {
		d.schemas[id] = schema
	}
	return schema, err
}
