package avro

import "context"

// bound is what every codec here is: a framer, or the fault that kept it from
// being made.
type bound[P any] struct {
	framer *framer[P]
	err    error
}

func bind[P any](s settings, schema *ParsedSchema, plan func(*ParsedSchema) (P, error)) bound[P] {
	f, err := newFramer(s, schema, plan)
	return bound[P]{framer: f, err: err}
}

func unbound[P any](err error) bound[P] { return bound[P]{err: err} }

// to returns the same codec in another place.
func (b bound[P]) to(place Binding) bound[P] {
	if b.err != nil {
		return b
	}
	return bind(b.framer.settings.bind(place), b.framer.schema, b.framer.plan)
}

// Check returns the fault in the codec's declaration, if there is one.
func (b *bound[P]) Check() error { return b.err }

// Prepare finds out the registry id of the codec's schema, so that a missing
// or refused schema shows at the start and not at the first record.
func (b *bound[P]) Prepare(ctx context.Context) error {
	if b.err != nil {
		return b.err
	}
	return b.framer.prepare(ctx)
}

// Subject returns the registry subject that the codec's schema is under, empty
// for a codec that needs no registry or is not bound to a topic.
func (b *bound[P]) Subject() string {
	if b.err != nil || b.framer.plain || b.framer.store != nil {
		return ""
	}
	return b.framer.subject
}

// Schema returns the codec's schema, nil when Check has a fault.
func (b *bound[P]) Schema() *ParsedSchema {
	if b.err != nil {
		return nil
	}
	return b.framer.schema
}
