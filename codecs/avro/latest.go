package avro

import (
	"context"
	"errors"
	"fmt"
	"strings"

	resolution "github.com/gokavro/gokavro/codecs/avro/internal/resolve"
	"github.com/gokavro/gokavro/codecs/registry"
)

// UseLatest lets the codec encode with the newest schema of its subject in
// place of its own, as Confluent's use.latest.version does. The newest is asked
// for once, before the first record. What is written really has that schema:
// fields that the codec's own schema lacks get their defaults. A newest schema
// that cannot read what the codec's own writes is refused
// (latest.compatibility.strict), and so is one that lacks a field of it, as
// data would be lost. With [AutoRegister] the codec's own schema is registered
// where the subject holds none. Default: off.
func UseLatest() Option {
	return func(s *settings) { s.useLatest = true }
}

// nameLatest finds the subject's newest schema and lets the codec encode with it.
func (f *framer[P]) nameLatest(ctx context.Context) (SchemaRef, error) {
	switch {
	case f.store != nil:
		return SchemaRef{}, errors.New("avro: the newest schema is asked of a schema registry: leave out avro.UseLatest or avro.WithSchemas")
	case f.registry == nil:
		return SchemaRef{}, errUnbound
	case f.subject == "":
		return f.schemas().Ref(ctx, f.wire, f.subject, f.schema) // says what is missing
	}
	found, err := f.registry.Latest(ctx, f.subject)
	if _, missing := errors.AsType[*registry.NotFoundError](err); missing && f.autoRegister {
		return f.schemas().Ref(ctx, f.wire, f.subject, f.schema)
	}
	if err != nil {
		return SchemaRef{}, err
	}
	latest, err := WriterSchema(ctx, f.registry, found.ID)
	if err != nil {
		return SchemaRef{}, err
	}
	if latest.Canonical() != f.schema.Canonical() {
		err = mayReplace(f.schema, latest)
		if err == nil {
			err = f.adopt(latest)
		}
		if err != nil {
			return SchemaRef{}, fmt.Errorf("avro: encoding %s with version %d of subject %s: %w", f.schema.Name(), found.Version, f.subject, err)
		}
	}
	return nameOf(f.wire, found, latest)
}

// mayReplace says why values of the schema own must not be written with latest.
func mayReplace(own, latest *ParsedSchema) error {
	if faults := Compatible(own, latest); len(faults) > 0 {
		lines := make([]string, len(faults))
		for i, fault := range faults {
			lines[i] = fault.String()
		}
		return fmt.Errorf("it cannot read the codec's own schema: %s", strings.Join(lines, "; "))
	}
	from, err := own.tree()
	if err != nil {
		return err
	}
	to, err := latest.tree()
	if err != nil {
		return err
	}
	if field := lost(resolution.New(from, to), "", map[*resolution.Action]bool{}); field != "" {
		return fmt.Errorf("it has no field %s, which the codec writes", field)
	}
	return nil
}

// lost returns the path of a field of the writer that the reader does not have
// by that name, empty without one.
func lost(a *resolution.Action, path string, seen map[*resolution.Action]bool) string {
	if a == nil || seen[a] {
		return ""
	}
	seen[a] = true
	for _, f := range a.Fields {
		at := strings.TrimPrefix(path+"."+f.Name, ".")
		if f.Read == nil || a.Reader.Fields[f.Index].Name != f.Name {
			return at
		}
		if found := lost(f.Read, at, seen); found != "" {
			return found
		}
	}
	for _, below := range append([]*resolution.Action{a.Items, a.Inner}, a.Branches...) {
		if found := lost(below, path, seen); found != "" {
			return found
		}
	}
	return ""
}
