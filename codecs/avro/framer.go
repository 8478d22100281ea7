package avro

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/gokavro/gokavro/codecs/registry"
)

// framer puts a codec's data into its wire format and takes it out again. P
// is what a codec decodes with; one is made for each writer schema that is
// met, and kept.
type framer[P any] struct {
	settings
	schema *ParsedSchema
	plan   func(writer *ParsedSchema) (P, error)

	own   P            // the plan for data written with schema itself
	id    atomic.Int64 // registry id of schema under subject, 0 until known
	plans sync.Map     // registry id → writerPlan[P]
}

type writerPlan[P any] struct {
	plan   P
	writer *ParsedSchema
}

func newFramer[P any](s settings, schema *ParsedSchema, plan func(*ParsedSchema) (P, error)) (*framer[P], error) {
	own, err := plan(schema)
	if err != nil {
		return nil, err
	}
	return &framer[P]{settings: s, schema: schema, plan: plan, own: own}, nil
}

var errUnbound = errors.New("avro: the codec has no registry: pass avro.Registry, or avro.Plain for data without framing")

// prepare finds out the registry id that encoding needs.
func (f *framer[P]) prepare(ctx context.Context) error {
	if f.plain || f.id.Load() != 0 {
		return nil
	}
	if f.registry == nil {
		return errUnbound
	}
	if f.subject == "" {
		return fmt.Errorf("avro: encoding %s: the codec has no subject: pass avro.Subject, for values of topic T by custom T-value", f.schema.Name())
	}
	found, err := f.lookup(ctx)
	if err != nil {
		return err
	}
	f.id.Store(int64(found.ID))
	return nil
}

func (f *framer[P]) lookup(ctx context.Context) (registry.Schema, error) {
	if f.autoRegister {
		found, err := f.registry.Register(ctx, f.subject, f.schema.String())
		if err != nil {
			return found, fmt.Errorf("avro: registering %s: %w", f.schema.Name(), err)
		}
		return found, nil
	}
	found, err := f.registry.Lookup(ctx, f.subject, f.schema.String())
	if _, ok := errors.AsType[*registry.NotFoundError](err); ok {
		return found, fmt.Errorf("avro: the schema of %s is not registered under subject %s: register it first, or allow auto-registration: %w", f.schema.Name(), f.subject, err)
	}
	if err != nil {
		return found, fmt.Errorf("avro: looking up the schema of %s: %w", f.schema.Name(), err)
	}
	return found, nil
}

// header appends what goes before the datum.
func (f *framer[P]) header(dst []byte) ([]byte, error) {
	if f.plain {
		return dst, nil
	}
	id := f.id.Load()
	if id == 0 {
		if err := f.prepare(context.Background()); err != nil {
			return dst, err
		}
		id = f.id.Load()
	}
	return AppendConfluent(dst, int(id)), nil
}

// open takes the frame off data and returns the plan to decode the datum.
func (f *framer[P]) open(data []byte) (plan P, datum []byte, err error) {
	if f.plain {
		return f.own, data, nil
	}
	id, datum, err := SplitConfluent(data)
	if err != nil {
		return plan, nil, f.fault(0, err)
	}
	if known, ok := f.plans.Load(id); ok {
		return known.(writerPlan[P]).plan, datum, nil
	}
	plan, err = f.learn(id)
	return plan, datum, err
}

// learn makes the plan for a writer schema that is met for the first time. Two
// goroutines may both make it; they come to the same.
func (f *framer[P]) learn(id int) (plan P, err error) {
	if f.registry == nil {
		return plan, errUnbound
	}
	writer, err := f.writer(id)
	if err != nil {
		return plan, err
	}
	plan, err = f.plan(writer)
	if err != nil {
		return plan, &DecodeError{SchemaID: id, Writer: writer.Name(), Reader: f.schema.Name(), Err: err}
	}
	f.plans.Store(id, writerPlan[P]{plan: plan, writer: writer})
	return plan, nil
}

func (f *framer[P]) writer(id int) (*ParsedSchema, error) {
	writer, err := WriterSchema(context.Background(), f.registry, id)
	if err == nil {
		return writer, nil
	}
	if _, ok := errors.AsType[*registry.UnavailableError](err); ok {
		return nil, err
	}
	return nil, f.fault(id, err)
}

// fault wraps why a datum of the writer schema id cannot be decoded.
func (f *framer[P]) fault(id int, err error) error {
	fault := &DecodeError{SchemaID: id, Reader: f.schema.Name(), Err: err}
	if known, ok := f.plans.Load(id); ok {
		fault.Writer = known.(writerPlan[P]).writer.Name()
	}
	return fault
}

// datumFault is fault for a framed message that was opened before.
func (f *framer[P]) datumFault(data []byte, err error) error {
	if f.plain {
		return f.fault(0, err)
	}
	id, _, _ := SplitConfluent(data)
	return f.fault(id, err)
}
