package registry

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
)

// bundleVersion is the format of the files; a reader refuses any other.
const bundleVersion = 1

// avroType is the type of schemas that the API leaves out.
const avroType = "AVRO"

// maxBundleBytes bounds a bundle's file.
const maxBundleBytes = 256 << 20

// Bundle is what a registry held of some subjects: all their versions with
// ids, references and levels. A client with a bundle works while the registry
// is down. It must not be changed and is safe for concurrent use.
type Bundle struct {
	schemas  map[int]Schema
	subjects map[string]*bundledSubject
}

type bundledSubject struct {
	level    string
	versions []bundledVersion // ascending
}

type bundledVersion struct {
	number, id int
	deleted    bool   // softly
	normal     string // equal for equal schemas
}

// The form of a bundle's file.
type (
	bundleFile struct {
		Format   int             `json:"gokavro_bundle"`
		Schemas  []bundleSchema  `json:"schemas"`  // by id
		Subjects []bundleSubject `json:"subjects"` // by name
	}
	bundleSchema struct {
		ID         int         `json:"id"`
		GUID       string      `json:"guid,omitempty"`
		Type       string      `json:"type,omitempty"` // empty for AVRO
		Schema     string      `json:"schema"`
		References []bundleRef `json:"references,omitempty"`
	}
	bundleRef struct {
		Name    string `json:"name"`
		Subject string `json:"subject"`
		Version int    `json:"version"`
	}
	bundleSubject struct {
		Subject  string         `json:"subject"`
		Level    string         `json:"level,omitempty"`
		Versions []bundleNumber `json:"versions"`
	}
	bundleNumber struct {
		Version int  `json:"version"`
		ID      int  `json:"id"`
		Deleted bool `json:"deleted,omitempty"`
	}
)

// Subjects lists the bundle's subjects in their order, with those that the
// schemas of others refer to.
func (b *Bundle) Subjects() []string { return slices.Sorted(maps.Keys(b.subjects)) }

// JSON returns the bundle in the form that [ParseBundle] reads. The same bundle
// always gives the same bytes, so that a file of it can be kept under version
// control.
func (b *Bundle) JSON() ([]byte, error) {
	file := bundleFile{Format: bundleVersion, Schemas: []bundleSchema{}, Subjects: []bundleSubject{}}
	for _, id := range slices.Sorted(maps.Keys(b.schemas)) {
		s := b.schemas[id]
		out := bundleSchema{ID: id, GUID: s.GUID, Schema: s.Text}
		if s.Type != avroType {
			out.Type = s.Type
		}
		for _, r := range s.References {
			out.References = append(out.References, bundleRef(r))
		}
		file.Schemas = append(file.Schemas, out)
	}
	for _, name := range b.Subjects() {
		s := b.subjects[name]
		out := bundleSubject{Subject: name, Level: s.level, Versions: []bundleNumber{}}
		for _, v := range s.versions {
			out.Versions = append(out.Versions, bundleNumber{Version: v.number, ID: v.id, Deleted: v.deleted})
		}
		file.Subjects = append(file.Subjects, out)
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(file); err != nil {
		return nil, fmt.Errorf("registry: writing a bundle: %w", err)
	}
	return text.Bytes(), nil
}

// WriteFile writes [Bundle.JSON] to a file, which is replaced whole.
func (b *Bundle) WriteFile(path string) error {
	text, err := b.JSON()
	if err != nil {
		return err
	}
	whole := path + ".tmp"
	if err := os.WriteFile(whole, text, 0o644); err != nil {
		return fmt.Errorf("registry: writing a bundle: %w", err)
	}
	if err := os.Rename(whole, path); err != nil {
		return fmt.Errorf("registry: writing a bundle: %w", errors.Join(err, os.Remove(whole)))
	}
	return nil
}

// ParseBundle reads what [Bundle.JSON] wrote. A bundle that is not whole, such
// as one that lacks a schema that it refers to, is an error.
func ParseBundle(text []byte) (*Bundle, error) {
	if len(text) > maxBundleBytes {
		return nil, fmt.Errorf("registry: a bundle of %d bytes is larger than %d", len(text), maxBundleBytes)
	}
	var format struct {
		Format *int `json:"gokavro_bundle"`
	}
	if err := json.Unmarshal(text, &format); err != nil {
		return nil, fmt.Errorf("registry: a bundle is not JSON of the right form: %w", err)
	}
	if format.Format == nil || *format.Format != bundleVersion {
		return nil, fmt.Errorf("registry: not a bundle of format %d (gokavro_bundle): write it again with this version's gokavro schema bundle", bundleVersion)
	}
	var file bundleFile
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&file); err != nil {
		return nil, fmt.Errorf("registry: a bundle is not JSON of the right form: %w", err)
	}
	b := newBundle()
	if err := b.fill(file); err != nil {
		return nil, fmt.Errorf("registry: a bundle is not whole: %w", err)
	}
	return b, nil
}

func newBundle() *Bundle {
	return &Bundle{schemas: map[int]Schema{}, subjects: map[string]*bundledSubject{}}
}

func (b *Bundle) fill(file bundleFile) error {
	for _, s := range file.Schemas {
		if _, twice := b.schemas[s.ID]; twice || s.ID < 0 || s.Schema == "" {
			return fmt.Errorf("schema id %d is below 0, there twice, or without a text", s.ID)
		}
		schema := Schema{ID: s.ID, GUID: s.GUID, Text: s.Schema, Type: cmp.Or(s.Type, avroType)}
		for _, r := range s.References {
			schema.References = append(schema.References, Reference(r))
		}
		b.schemas[s.ID] = schema
	}
	for _, s := range file.Subjects {
		if _, twice := b.subjects[s.Subject]; twice || s.Subject == "" {
			return fmt.Errorf("subject %q is there twice, or without a name", s.Subject)
		}
		subject := &bundledSubject{level: s.Level}
		b.subjects[s.Subject] = subject
		for _, v := range s.Versions {
			if err := b.addVersion(subject, v); err != nil {
				return fmt.Errorf("subject %q: %w", s.Subject, err)
			}
		}
	}
	return b.checkReferences()
}

func (b *Bundle) addVersion(to *bundledSubject, v bundleNumber) error {
	last := 0
	if n := len(to.versions); n > 0 {
		last = to.versions[n-1].number
	}
	if v.Version <= last {
		return fmt.Errorf("version %d comes after version %d", v.Version, last)
	}
	schema, ok := b.schemas[v.ID]
	if !ok {
		return fmt.Errorf("schema id %d of version %d is missing", v.ID, v.Version)
	}
	normal, err := normalText(schema.Type, schema.Text)
	if err != nil {
		return fmt.Errorf("schema id %d: %w", v.ID, err)
	}
	to.versions = append(to.versions, bundledVersion{number: v.Version, id: v.ID, deleted: v.Deleted, normal: normal})
	return nil
}

func (b *Bundle) checkReferences() error {
	for _, id := range slices.Sorted(maps.Keys(b.schemas)) {
		for _, r := range b.schemas[id].References {
			if _, ok := b.version(r.Subject, r.Version); !ok {
				return fmt.Errorf("schema id %d refers to version %d of subject %q, which is missing", id, r.Version, r.Subject)
			}
		}
	}
	return nil
}

// version returns what a subject holds as that version.
func (b *Bundle) version(name string, number int) (Schema, bool) {
	subject := b.subjects[name]
	if subject == nil {
		return Schema{}, false
	}
	i := slices.IndexFunc(subject.versions, func(v bundledVersion) bool { return v.number == number })
	if i < 0 {
		return Schema{}, false
	}
	return b.at(name, subject.versions[i]), true
}

func (b *Bundle) at(name string, v bundledVersion) Schema {
	out := b.schemas[v.id]
	out.Subject, out.Version = name, v.number
	return out
}

// find returns the newest version of a subject that holds a schema, whatever
// its white space and the order of its attributes.
func (b *Bundle) find(name, text string, refs []Reference) (Schema, bool) {
	subject := b.subjects[name]
	if subject == nil {
		return Schema{}, false
	}
	normal, err := normalText(avroType, text)
	if err != nil {
		return Schema{}, false
	}
	for _, v := range slices.Backward(subject.versions) {
		if !v.deleted && v.normal == normal && slices.Equal(b.schemas[v.id].References, refs) {
			return b.at(name, v), true
		}
	}
	return Schema{}, false
}

// numbers returns the versions of a subject.
func (s *bundledSubject) numbers(deleted bool) []int {
	var out []int
	for _, v := range s.versions {
		if deleted || !v.deleted {
			out = append(out, v.number)
		}
	}
	return out
}

// normalText writes a schema's JSON in one way.
func normalText(kind, text string) (string, error) {
	if kind != avroType {
		return text, nil
	}
	decoder := json.NewDecoder(bytes.NewReader([]byte(text)))
	decoder.UseNumber()
	var node any
	if err := decoder.Decode(&node); err != nil {
		return "", fmt.Errorf("the schema is not JSON: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return "", errors.New("the schema is followed by other text")
	}
	out, err := json.Marshal(node)
	return string(out), err
}
