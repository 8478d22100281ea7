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
	schema  *ParsedSchema
	subject string // that schema is under, empty for none
	plan    func(writer *ParsedSchema) (P, error)

	// adopt is told the schema that the codec is to encode with in place of its
	// own, before the frame names it.
	adopt      func(latest *ParsedSchema) error
	publishing sync.Mutex // held while frame is set, after adopt

	own   P                      // the plan for data written with schema itself
	frame atomic.Pointer[[]byte] // what stands before the codec's own data, nil until known
	plans sync.Map               // SchemaRef → writerPlan[P]
}

type writerPlan[P any] struct {
	plan   P
	writer *ParsedSchema
}

func newFramer[P any](s settings, schema *ParsedSchema, plan func(*ParsedSchema) (P, error)) (*framer[P], error) {
	if len(s.cases) > 0 {
		return nil, errors.New("avro: avro.Case is for avro.OneOf: this codec has one record type")
	}
	own, err := plan(schema)
	if err != nil {
		return nil, err
	}
	f := &framer[P]{settings: s, schema: schema, subject: s.subjectOf(schema), plan: plan, own: own}
	// Data of the codec's own schema in single-object encoding can be read
	// without asking anybody.
	f.plans.Store(schema.ref(), writerPlan[P]{plan: own, writer: schema})
	return f, nil
}

// prepare finds out how messages name the schema that the codec encodes with.
func (f *framer[P]) prepare(ctx context.Context) error {
	if f.plain || f.frame.Load() != nil {
		return nil
	}
	ref, latest, err := f.name(ctx)
	if err != nil {
		return err
	}
	f.publishing.Lock()
	defer f.publishing.Unlock()
	if f.frame.Load() != nil {
		return nil // another goroutine's answer, which may name another schema
	}
	if latest != nil {
		if err := f.adopt(latest); err != nil {
			return fmt.Errorf("avro: encoding %s with the newest version of subject %s: %w", f.schema.Name(), f.subject, err)
		}
	}
	frame := AppendFrame(nil, ref)
	f.frame.Store(&frame)
	return nil
}

// name returns how messages name the schema that the codec encodes with, and
// that schema where it is not its own.
func (f *framer[P]) name(ctx context.Context) (ref SchemaRef, latest *ParsedSchema, err error) {
	if f.useLatest {
		return f.nameLatest(ctx)
	}
	ref, err = f.schemas().Ref(ctx, f.wire, f.subject, f.schema)
	return ref, nil, err
}

// header appends what goes before the datum.
func (f *framer[P]) header(dst []byte) ([]byte, error) {
	if f.plain {
		return dst, nil
	}
	if f.frame.Load() == nil {
		if err := f.prepare(context.Background()); err != nil {
			return dst, err
		}
	}
	return append(dst, *f.frame.Load()...), nil
}

// message is a datum without its frame.
type message struct {
	ref   SchemaRef // the zero value when the codec is plain
	datum []byte
}

// open takes the frame off data. header is what a header of the record says of
// the schema, nil without one.
func (f *framer[P]) open(data, header []byte) (message, error) {
	if f.plain {
		return message{datum: data}, nil
	}
	ref, datum, err := SplitRecord(data, header)
	if err != nil {
		return message{}, f.fault(SchemaRef{}, err)
	}
	return message{ref: ref, datum: datum}, nil
}

// planOf returns the plan to decode what was written with the schema ref.
func (f *framer[P]) planOf(ref SchemaRef) (plan P, err error) {
	if f.plain {
		return f.own, nil
	}
	if known, ok := f.plans.Load(ref); ok {
		return known.(writerPlan[P]).plan, nil
	}
	return f.learn(ref)
}

// learn makes the plan for a writer schema that is met for the first time. Two
// goroutines may both make it; they come to the same.
func (f *framer[P]) learn(ref SchemaRef) (plan P, err error) {
	writer, err := f.writer(ref)
	if isAway(err) {
		return plan, err
	}
	if err != nil {
		return plan, f.fault(ref, err)
	}
	plan, err = f.plan(writer)
	if err != nil {
		return plan, &DecodeError{Schema: ref, Writer: writer.Name(), Reader: f.schema.Name(), Err: err}
	}
	f.plans.Store(ref, writerPlan[P]{plan: plan, writer: writer})
	return plan, nil
}

// writer finds the schema that ref names.
func (f *framer[P]) writer(ref SchemaRef) (*ParsedSchema, error) {
	return f.schemas().Schema(context.Background(), f.subject, ref)
}

// isAway tells a fault that is not the datum's: the place where schemas are
// found does not answer, or is not known.
func isAway(err error) bool {
	_, away := errors.AsType[*registry.UnavailableError](err)
	return away || errors.Is(err, errUnbound)
}

// fault wraps why a datum of the writer schema ref cannot be decoded.
func (f *framer[P]) fault(ref SchemaRef, err error) error {
	fault := &DecodeError{Schema: ref, Reader: f.schema.Name(), Err: err}
	if known, ok := f.plans.Load(ref); ok {
		fault.Writer = known.(writerPlan[P]).writer.Name()
	}
	return fault
}
