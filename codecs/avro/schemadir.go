package avro

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// SchemaDir is a folder of schemas, each in a file that its fingerprint names,
// so that single-object data can be read while no registry answers. A file is
// written whole or not at all. It is safe for concurrent use.
type SchemaDir struct{ path string }

// keptSuffix ends the names of the files, as it does those of all schemas.
const keptSuffix = ".avsc"

// NewSchemaDir names a folder, which is made once there is a schema to keep.
func NewSchemaDir(path string) *SchemaDir { return &SchemaDir{path: path} }

// File returns the name of the file of a fingerprint, which may not be there.
func (d *SchemaDir) File(fingerprint string) string {
	return filepath.Join(d.path, fingerprint+keptSuffix)
}

// Keep keeps schema, with the types that it refers to. Two schemas of the same
// canonical form are one, the first. Another one of the same fingerprint is an
// error.
func (d *SchemaDir) Keep(schema *ParsedSchema) error {
	known, err := d.find(schema.Fingerprint())
	if err != nil {
		return err
	}
	if known != nil {
		return d.sameForm(known, schema)
	}
	text := schema.Standalone()
	again, err := ParseSchema(text)
	if err == nil && again.Canonical() != schema.Canonical() {
		err = errors.New("its text does not stand alone")
	}
	if err == nil {
		err = writeWhole(d.File(schema.Fingerprint()), text)
	}
	if err != nil {
		return fmt.Errorf("avro: keeping the schema of %s in %s: %w", schema.Name(), d.path, err)
	}
	return nil
}

func (d *SchemaDir) sameForm(known, schema *ParsedSchema) error {
	if known.Canonical() == schema.Canonical() {
		return nil
	}
	return fmt.Errorf("avro: the schema of %s has the fingerprint %s, which is that of another one kept in %s, of %s: change one of the two, by a name or a field",
		schema.Name(), schema.Fingerprint(), d.path, known.Name())
}

// writeWhole puts a file in place that is on disk by then.
func writeWhole(path, text string) (err error) {
	dir, name := filepath.Split(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	file, err := os.CreateTemp(dir, "."+name+".*.tmp")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(file.Name())
		}
	}()
	_, err = file.WriteString(text)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}

// Schemas returns what is kept, by fingerprint. The error lists the files that
// are damaged; the others are returned all the same.
func (d *SchemaDir) Schemas() ([]*ParsedSchema, error) {
	entries, err := os.ReadDir(d.path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("avro: reading the schemas kept in %s: %w", d.path, err)
	}
	var kept []*ParsedSchema
	var faults []error
	for _, entry := range entries {
		fingerprint, ok := strings.CutSuffix(entry.Name(), keptSuffix)
		if !ok {
			continue
		}
		schema, err := d.find(fingerprint)
		switch {
		case err != nil:
			faults = append(faults, err)
		case schema != nil:
			kept = append(kept, schema)
		}
	}
	return kept, errors.Join(faults...)
}

// Schema returns the schema that single-object data name, as [Schemas] do; the
// subject makes no difference.
func (d *SchemaDir) Schema(_ context.Context, _ string, ref SchemaRef) (*ParsedSchema, error) {
	if ref.Wire == SingleObject {
		schema, err := d.find(hex.EncodeToString(ref.Fingerprint[:]))
		if schema != nil || err != nil {
			return schema, err
		}
	}
	return nil, fmt.Errorf("avro: the schema of the %s is not kept in %s", ref, d.path)
}

// find returns the schema of a fingerprint, nil when it is not kept.
func (d *SchemaDir) find(fingerprint string) (*ParsedSchema, error) {
	path := d.File(fingerprint)
	text, err := readText(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("avro: reading a kept schema: %w", err)
	}
	schema, err := ParseSchema(text)
	if err != nil {
		return nil, fmt.Errorf("avro: the kept schema %s is damaged: remove the file, and it is taken from the registry again: %w", path, err)
	}
	if schema.Fingerprint() != fingerprint {
		return nil, fmt.Errorf("avro: the kept schema %s is damaged: its fingerprint is %s: remove the file, and it is taken from the registry again", path, schema.Fingerprint())
	}
	return schema, nil
}

// readText reads no more of a file than a schema may have.
func readText(path string) (text string, err error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	data, err := io.ReadAll(io.LimitReader(file, maxSchemaBytes+1))
	return string(data), err
}

// keptSchemas are schemas that are looked for in a folder first, where they
// have a fingerprint, and kept there once they are found elsewhere.
type keptSchemas struct {
	dir    *SchemaDir
	behind Schemas
}

// Schema asks the folder before it asks whoever is behind.
func (s keptSchemas) Schema(ctx context.Context, subject string, ref SchemaRef) (*ParsedSchema, error) {
	if ref.Wire != SingleObject {
		return s.behind.Schema(ctx, subject, ref)
	}
	kept, err := s.dir.find(hex.EncodeToString(ref.Fingerprint[:]))
	if kept != nil || err != nil {
		return kept, err
	}
	found, err := s.behind.Schema(ctx, subject, ref)
	if err != nil {
		return nil, err
	}
	return found, s.dir.Keep(found)
}

// Ref keeps a schema before the first message that has only its fingerprint.
func (s keptSchemas) Ref(ctx context.Context, wire Wire, subject string, schema *ParsedSchema) (SchemaRef, error) {
	ref, err := s.behind.Ref(ctx, wire, subject, schema)
	if err != nil || wire != SingleObject {
		return ref, err
	}
	return ref, s.dir.Keep(schema)
}
