package avro

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/gokavro/gokavro/codecs/avro/internal/ast"
	resolution "github.com/gokavro/gokavro/codecs/avro/internal/resolve"
	"github.com/gokavro/gokavro/codecs/registry"
)

// UseLatest lets the codec encode with the newest schema of its subject in
// place of its own, as Confluent's use.latest.version does. The newest is asked
// for once, before the first record. What is written really has that schema:
// fields that the codec's own schema lacks get their defaults. A newest schema
// that cannot read what the codec's own writes is refused
// (latest.compatibility.strict), and so is one that lacks a field of it or gives
// one another logical type, as data would be lost or mean something else. With
// [AutoRegister] the codec's own schema is registered where the subject holds
// none. Default: off.
func UseLatest() Option {
	return func(s *settings) { s.useLatest = true }
}

// nameLatest returns how messages name the subject's newest schema, and that
// schema unless it is the codec's own.
func (f *framer[P]) nameLatest(ctx context.Context) (ref SchemaRef, latest *ParsedSchema, err error) {
	switch {
	case f.store != nil:
		return ref, nil, errors.New("avro: the newest schema is asked of a schema registry: leave out avro.UseLatest or avro.WithSchemas")
	case f.registry == nil:
		return ref, nil, errUnbound
	case f.subject == "":
		ref, err = f.schemas().Ref(ctx, f.wire, f.subject, f.schema) // says what is missing
		return ref, nil, err
	}
	found, err := f.registry.Latest(ctx, f.subject)
	if _, missing := errors.AsType[*registry.NotFoundError](err); missing && f.autoRegister {
		ref, err = f.schemas().Ref(ctx, f.wire, f.subject, f.schema)
		return ref, nil, err
	}
	if err != nil {
		return ref, nil, err
	}
	latest, err = WriterSchema(ctx, f.registry, found.ID)
	if err != nil {
		return ref, nil, err
	}
	ref, err = nameOf(f.wire, found, latest)
	if fault := mayReplace(f.schema, latest); fault != nil {
		return ref, nil, fmt.Errorf("avro: encoding %s with version %d of subject %s: %w", f.schema.Name(), found.Version, f.subject, fault)
	}
	if latest.Canonical() == f.schema.Canonical() {
		latest = nil // the bytes are the same
	}
	return ref, latest, err
}

// mayReplace says why values of the schema own must not be written with latest.
func mayReplace(own, latest *ParsedSchema) error {
	if faults := Compatible(own, latest); len(faults) > 0 {
		return fmt.Errorf("it cannot read the codec's own schema: %w", allOf(faults))
	}
	from, to, err := trees(own, latest)
	if err != nil {
		return err
	}
	return altered(resolution.New(from, to), "", map[*resolution.Action]bool{})
}

// altered says what of the writer's data would be lost, or mean something else,
// in the reader's schema: resolution drops fields, finds some by an alias, and
// does not look at logical types.
func altered(a *resolution.Action, path string, seen map[*resolution.Action]bool) error {
	if a == nil || seen[a] {
		return nil
	}
	seen[a] = true
	if w, r := a.Writer, a.Reader; w.Kind != ast.Union && r.Kind != ast.Union && (w.Logical != r.Logical || w.Scale != r.Scale) {
		return fmt.Errorf("%s is of another logical type than in the codec's own schema", cmp.Or(path, "it"))
	}
	for _, f := range a.Fields {
		at := strings.TrimPrefix(path+"."+f.Name, ".")
		if f.Read == nil || a.Reader.Fields[f.Index].Name != f.Name {
			return fmt.Errorf("it has no field %s, which the codec writes", at)
		}
		if err := altered(f.Read, at, seen); err != nil {
			return err
		}
	}
	for _, below := range append([]*resolution.Action{a.Items, a.Inner}, a.Branches...) {
		if err := altered(below, path, seen); err != nil {
			return err
		}
	}
	return nil
}
