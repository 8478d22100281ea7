package avro

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/gokavro/gokavro/codecs/registry"
)

// Schemas finds the schemas of messages and the names of schemas. The default
// is a schema registry; AWS Glue needs one of its own. Implementations are
// safe for concurrent use. A place that does not answer is reported as a
// registry.UnavailableError, so that the record is tried again.
type Schemas interface {
	// Schema returns the schema that ref names. subject is the codec's, and may
	// be empty.
	Schema(ctx context.Context, subject string, ref SchemaRef) (*ParsedSchema, error)
	// Ref returns how messages of a format name schema, which is kept under
	// subject.
	Ref(ctx context.Context, wire Wire, subject string, schema *ParsedSchema) (SchemaRef, error)
}

// RegistrySchemas returns the schemas of a schema registry, for tools that meet
// messages of any format.
func RegistrySchemas(client *registry.Client) Schemas { return registrySchemas{client: client} }

// registrySchemas are the schemas of a registry.
type registrySchemas struct {
	client       *registry.Client // nil when there is none
	autoRegister bool
}

var errUnbound = errors.New("avro: the codec has no registry: pass avro.Registry, or avro.Plain for data without framing")

// Schema finds ids by asking, and a fingerprint among the versions of the
// subject.
func (s registrySchemas) Schema(ctx context.Context, subject string, ref SchemaRef) (*ParsedSchema, error) {
	switch {
	case s.client == nil:
		return nil, errUnbound
	case ref.Wire == SingleObject:
		return s.byFingerprint(ctx, subject, ref)
	case ref.Wire == Glue:
		return nil, errors.New("avro: AWS Glue's versions are not known to a schema registry: pass avro.WithSchemas")
	case ref.Wire == ConfluentGUID:
		return writerByGUID(ctx, s.client, ref)
	}
	return WriterSchema(ctx, s.client, int(ref.ID))
}

// byFingerprint looks at the newest version first. One that is no schema of
// ours is another than the one that is wanted.
func (s registrySchemas) byFingerprint(ctx context.Context, subject string, ref SchemaRef) (*ParsedSchema, error) {
	if subject == "" {
		return nil, fmt.Errorf("avro: %s: the codec has no subject to look for it: pass avro.Subject", ref)
	}
	versions, err := s.client.Versions(ctx, subject, true)
	if err != nil {
		return nil, err
	}
	for _, number := range slices.Backward(versions) {
		schema, err := versionSchema(ctx, s.client, subject, number)
		if _, away := errors.AsType[*registry.UnavailableError](err); away || ctx.Err() != nil {
			return nil, err
		}
		if err == nil && schema.ref() == ref {
			return schema, nil
		}
	}
	return nil, fmt.Errorf("avro: no version of subject %s has the %s: register its schema there again", subject, ref)
}

// Ref looks the schema up, or registers it where that is allowed. A
// fingerprint needs no registry, but whoever reads it does.
func (s registrySchemas) Ref(ctx context.Context, wire Wire, subject string, schema *ParsedSchema) (SchemaRef, error) {
	switch {
	case wire == Glue:
		return SchemaRef{}, errors.New("avro: AWS Glue's versions are not known to a schema registry: pass avro.WithSchemas")
	case s.client == nil && wire == SingleObject:
		return schema.ref(), nil
	case s.client == nil:
		return SchemaRef{}, errUnbound
	case subject == "":
		return SchemaRef{}, fmt.Errorf("avro: encoding %s: the codec has no subject: pass avro.Subject, for values of topic T by custom T-value", schema.Name())
	}
	found, err := s.lookup(ctx, subject, schema)
	if err != nil || wire == SingleObject {
		return schema.ref(), err
	}
	if wire == ConfluentGUID {
		return guidRef(found)
	}
	return SchemaRef{Wire: wire, ID: int64(found.ID)}, nil
}

func guidRef(found registry.Schema) (SchemaRef, error) {
	if found.GUID == "" {
		return SchemaRef{}, errors.New("avro: the registry gives its schemas no GUID, as Confluent's does from version 8.0 on: use another avro.Format")
	}
	guid, err := parseUUID(found.GUID)
	return SchemaRef{Wire: ConfluentGUID, UUID: guid}, err
}

func (s registrySchemas) lookup(ctx context.Context, subject string, schema *ParsedSchema) (registry.Schema, error) {
	if s.autoRegister {
		found, err := s.client.Register(ctx, subject, schema.String())
		if err != nil {
			return found, fmt.Errorf("avro: registering %s: %w", schema.Name(), err)
		}
		return found, nil
	}
	found, err := s.client.Lookup(ctx, subject, schema.String())
	if _, missing := errors.AsType[*registry.NotFoundError](err); missing {
		return found, fmt.Errorf("avro: the schema of %s is not registered under subject %s: register it first, or allow auto-registration: %w", schema.Name(), subject, err)
	}
	if err != nil {
		return found, fmt.Errorf("avro: looking up the schema of %s: %w", schema.Name(), err)
	}
	return found, nil
}
