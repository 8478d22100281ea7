package deadletters

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/codecs/registry"
	"github.com/gokavro/gokavro/processors/dlq"
)

// Values turns the values of letters into Avro's JSON encoding and back. It is for
// one goroutine.
type Values struct {
	client  *registry.Client
	schemas avro.Schemas
	forms   map[*avro.ParsedSchema]*avro.JSONForm
}

// NewValues returns one that finds schemas in a registry.
func NewValues(client *registry.Client) *Values {
	return &Values{client: client, schemas: avro.RegistrySchemas(client), forms: map[*avro.ParsedSchema]*avro.JSONForm{}}
}

// JSON returns the value of a letter's record in Avro's JSON encoding, by the
// schema that it names. A value that is no Avro of a schema in the registry, or is
// damaged, is an error; a record without a value is null.
func (v *Values) JSON(ctx context.Context, l *Letter) ([]byte, error) {
	if l.Value == nil {
		return []byte("null"), nil
	}
	ref, datum, err := avro.SplitRecord(*l.Value, schemaHeader(l))
	if err != nil {
		return nil, err
	}
	schema, err := v.schemas.Schema(ctx, subject(l), ref)
	if err != nil {
		return nil, err
	}
	form, err := v.form(schema)
	if err != nil {
		return nil, err
	}
	return form.Append(nil, datum)
}

// SetJSON gives a letter another value, from Avro's JSON encoding. It is written
// with the schema that the old value names and in its format; where that names
// none which the registry knows, with the newest one of the subject TOPIC-value
// in Confluent's format.
func (v *Values) SetJSON(ctx context.Context, l *Letter, text []byte) error {
	frame, schema, err := v.frame(ctx, l)
	if err != nil {
		return fmt.Errorf("deadletters: encoding a value for the letter %s: %w", l.Place, err)
	}
	form, err := v.form(schema)
	if err != nil {
		return err
	}
	value, err := form.Encode(frame, text)
	if err != nil {
		return fmt.Errorf("deadletters: encoding a value for the letter %s: %w", l.Place, err)
	}
	l.Value = &value
	return nil
}

// frame returns what stands before the datum of a letter's new value, and the
// datum's schema.
func (v *Values) frame(ctx context.Context, l *Letter) ([]byte, *avro.ParsedSchema, error) {
	var old []byte
	if l.Value != nil {
		old = *l.Value
	}
	ref, _, err := avro.SplitRecord(old, schemaHeader(l))
	if err == nil {
		schema, err := v.schemas.Schema(ctx, subject(l), ref)
		if _, away := errors.AsType[*registry.UnavailableError](err); away {
			return nil, nil, err
		}
		if err == nil && schemaHeader(l) != nil {
			return []byte{}, schema, nil
		}
		if err == nil {
			return avro.AppendFrame(nil, ref), schema, nil
		}
	}
	latest, err := v.client.Latest(ctx, subject(l))
	if err != nil {
		return nil, nil, fmt.Errorf("its own schema is not known, and neither is the newest of its topic: %w", err)
	}
	schema, err := avro.WriterSchema(ctx, v.client, latest.ID)
	if err != nil {
		return nil, nil, err
	}
	l.Headers = slices.DeleteFunc(l.Headers, func(h dlq.Header) bool { return h.Key == avro.ValueSchemaHeader })
	return avro.AppendConfluent(nil, latest.ID), schema, nil
}

func (v *Values) form(schema *avro.ParsedSchema) (*avro.JSONForm, error) {
	if known, ok := v.forms[schema]; ok {
		return known, nil
	}
	form, err := avro.NewJSONForm(schema)
	if err == nil {
		v.forms[schema] = form
	}
	return form, err
}

func subject(l *Letter) string { return l.Topic + "-value" }

// schemaHeader returns the header that names the value's schema, nil without one.
func schemaHeader(l *Letter) []byte {
	for _, h := range slices.Backward(l.Headers) {
		if h.Key == avro.ValueSchemaHeader && !h.NoValue {
			return h.Value
		}
	}
	return nil
}
