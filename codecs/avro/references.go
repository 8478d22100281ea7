package avro

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/gokavro/gokavro/codecs/registry"
)

// maxReferences bounds the schemas that one schema needs: each is a request.
const maxReferences = 100

// WriterSchema fetches schema id with the schemas it refers to, directly or
// through others, and parses them. References that lead back to where they
// come from, or to more than 100 schemas, are an error.
func WriterSchema(ctx context.Context, client *registry.Client, id int) (*ParsedSchema, error) {
	found, err := client.ByID(ctx, id)
	if err != nil {
		return nil, err
	}
	return parseFound(ctx, client, found, fmt.Sprintf("schema id %d", id))
}

// writerByGUID is WriterSchema for the GUID of a schema.
func writerByGUID(ctx context.Context, client *registry.Client, ref SchemaRef) (*ParsedSchema, error) {
	found, err := client.ByGUID(ctx, ref.uuid())
	if err != nil {
		return nil, err
	}
	return parseFound(ctx, client, found, ref.String())
}

// parseFound parses a schema after those it refers to. what names it in errors.
func parseFound(ctx context.Context, client *registry.Client, found registry.Schema, what string) (*ParsedSchema, error) {
	if !isAvro(found) {
		return nil, fmt.Errorf("avro: %s is of type %s, not AVRO", what, found.Type)
	}
	if len(found.References) == 0 {
		return ParseSchema(found.Text)
	}
	fetching := referenced{client: client, seen: map[registry.Reference]bool{}}
	if err := fetching.follow(ctx, found.References); err != nil {
		return nil, fmt.Errorf("avro: %s: %w", what, err)
	}
	schema, err := ParseSchema(found.Text, fetching.texts...)
	if err != nil {
		return nil, fmt.Errorf("%w (%s refers to %s)", err, what, joined(keys(found.References)))
	}
	return schema, nil
}

func isAvro(s registry.Schema) bool { return s.Type == "" || s.Type == "AVRO" }

// referenced collects the schemas that one schema needs.
type referenced struct {
	client *registry.Client
	texts  []string // those that others need come before them
	seen   map[registry.Reference]bool
	path   []registry.Reference // from the schema to the one at hand
}

// follow collects refs and all that they refer to, each once.
func (r *referenced) follow(ctx context.Context, refs []registry.Reference) error {
	for _, at := range keys(refs) {
		if slices.Contains(r.path, at) {
			return fmt.Errorf("its references go round in a circle: %s", joined(append(r.path, at)))
		}
		if r.seen[at] {
			continue
		}
		if len(r.seen) == maxReferences {
			return fmt.Errorf("it needs more than %d other schemas", maxReferences)
		}
		r.seen[at] = true
		if err := r.collect(ctx, at); err != nil {
			return err
		}
	}
	return nil
}

func (r *referenced) collect(ctx context.Context, at registry.Reference) error {
	found, err := r.client.Version(ctx, at.Subject, at.Version)
	if err != nil {
		return fmt.Errorf("following its references (%s): %w", joined(append(r.path, at)), err)
	}
	if !isAvro(found) {
		return fmt.Errorf("it refers to %s, which is of type %s, not AVRO", joined(append(r.path, at)), found.Type)
	}
	r.path = append(r.path, at)
	if err := r.follow(ctx, found.References); err != nil {
		return err
	}
	r.path = r.path[:len(r.path)-1]
	r.texts = append(r.texts, found.Text)
	return nil
}

// keys drops the names of references: it is the place that tells one from
// another.
func keys(refs []registry.Reference) []registry.Reference {
	list := make([]registry.Reference, len(refs))
	for i, ref := range refs {
		list[i] = registry.Reference{Subject: ref.Subject, Version: ref.Version}
	}
	return list
}

func joined(path []registry.Reference) string {
	words := make([]string, len(path))
	for i, at := range path {
		words[i] = fmt.Sprintf("%s version %d", at.Subject, at.Version)
	}
	return strings.Join(words, " -> ")
}
