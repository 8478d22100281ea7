package avro

import (
	"context"
	"errors"
	"fmt"

	"github.com/gokavro/gokavro/codecs/registry"
)

// Version is what a subject of a registry holds as one of its versions.
type Version struct {
	Number int // counted from 1
	// Deleted is set for one that was deleted softly, which data may still need.
	Deleted bool
	// Schema is nil when Err is set.
	Schema *ParsedSchema
	// Err says why the version is no schema that can be used, such as one of
	// another type than AVRO.
	Err error
}

// Versions returns all versions of subject, the oldest first, also those that
// were deleted softly. A subject that is not there has none. The error is that
// of a registry that could not be asked.
func Versions(ctx context.Context, client *registry.Client, subject string) ([]Version, error) {
	all, err := numbers(ctx, client, subject, true)
	if err != nil {
		return nil, err
	}
	live, err := numbers(ctx, client, subject, false)
	if err != nil {
		return nil, err
	}
	isLive := map[int]bool{}
	for _, number := range live {
		isLive[number] = true
	}
	versions := make([]Version, 0, len(all))
	for _, number := range all {
		schema, err := versionSchema(ctx, client, subject, number)
		if _, away := errors.AsType[*registry.UnavailableError](err); away || ctx.Err() != nil {
			return nil, err
		}
		versions = append(versions, Version{Number: number, Deleted: !isLive[number], Schema: schema, Err: err})
	}
	return versions, nil
}

func numbers(ctx context.Context, client *registry.Client, subject string, deleted bool) ([]int, error) {
	found, err := client.Versions(ctx, subject, deleted)
	if _, missing := errors.AsType[*registry.NotFoundError](err); missing {
		return nil, nil
	}
	return found, err
}

func versionSchema(ctx context.Context, client *registry.Client, subject string, number int) (*ParsedSchema, error) {
	found, err := client.Version(ctx, subject, number)
	if err != nil {
		return nil, err
	}
	return parseFound(ctx, client, found, fmt.Sprintf("version %d of subject %s", number, subject))
}

// VersionOf returns the version of subject that holds schema, with the versions
// that its references have there, 0 when none does. The error is that of a
// registry that could not be asked.
func VersionOf(ctx context.Context, client *registry.Client, subject string, schema *ParsedSchema) (int, error) {
	found, err := registrySchemas{client: client}.lookup(ctx, subject, schema)
	if _, missing := errors.AsType[*registry.NotFoundError](err); missing {
		return 0, nil
	}
	return found.Version, err
}
