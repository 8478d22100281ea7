package registrytest

import (
	"testing"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/gokavro/gokavro/codecs/registry"
)

// referTo names a registered schema for those that use its type.
func (b *bench) referTo(name string, at registry.Schema) registry.Reference {
	return registry.Reference{Name: b.full(name), Subject: at.Subject, Version: at.Version}
}

func (b *bench) full(name string) string { return "conformance." + b.own + "." + name }

// of is a field of a record type that another schema defines.
func (b *bench) of(name string) string { return `{"name":"of","type":"` + b.full(name) + `"}` }

func checkReferences(t *testing.T, b *bench) {
	inner := b.register(t, b.subject("inner"), b.record("Inner", fieldID))
	text, ref := b.record("Outer", b.of("Inner")), b.referTo("Inner", inner)
	outer := b.register(t, b.subject("outer"), text, ref)
	byID, err := b.client.ByID(t.Context(), outer.ID)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "by its id", byID, registry.Schema{ID: outer.ID, Text: text, Type: "AVRO", References: []registry.Reference{ref}})
	found, err := b.normal.Lookup(t.Context(), b.subject("outer"), text, ref)
	if err != nil || found.ID != outer.ID || found.Version != 1 {
		t.Errorf("looked up with its references: got %+v and %v, want id %d", found, err, outer.ID)
	}
	// A change of what it refers to is a change of the schema.
	b.setLevel(t, b.subject("inner"), "FORWARD")
	next := b.register(t, b.subject("inner"), b.record("Inner", fieldID, fieldAgeZero))
	outer2 := b.register(t, b.subject("outer"), text, b.referTo("Inner", next))
	if outer2.ID == outer.ID || outer2.Version != 2 {
		t.Errorf("with another version of what it refers to: got %+v, want a second version", outer2)
	}
}

func checkNestedReferences(t *testing.T, b *bench) {
	a := b.register(t, b.subject("a"), b.record("A", fieldID))
	bb := b.register(t, b.subject("b"), b.record("B", b.of("A")), b.referTo("A", a))
	c := b.register(t, b.subject("c"), b.record("C", b.of("B")), b.referTo("B", bb))
	byID, err := b.client.ByID(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "direct references", byID.References, []registry.Reference{b.referTo("B", bb)})
}

func checkDanglingReference(t *testing.T, b *bench) {
	ref := registry.Reference{Name: b.full("Inner"), Subject: b.subject("nowhere"), Version: 1}
	_, err := b.client.Register(t.Context(), b.subject("outer"), b.record("Outer", b.of("Inner")), ref)
	coded(t, "a reference to a subject that is not there", err, sr.ErrInvalidSchema)
}

func checkReferencedDelete(t *testing.T, b *bench) {
	inner := b.register(t, b.subject("inner"), b.record("Inner", fieldID))
	b.register(t, b.subject("outer"), b.record("Outer", b.of("Inner")), b.referTo("Inner", inner))
	err := b.admin.DeleteSchema(t.Context(), inner.Subject, inner.Version, sr.SoftDelete)
	coded(t, "deleting the version", err, sr.ErrReferenceExists)
	_, err = b.admin.DeleteSubject(t.Context(), inner.Subject, sr.SoftDelete)
	coded(t, "deleting the subject", err, sr.ErrReferenceExists)
}

func checkBundle(t *testing.T, b *bench) {
	inner := b.register(t, b.subject("inner"), b.record("Inner", fieldID))
	b.register(t, b.subject("inner"), b.record("Inner", fieldID, fieldAgeZero))
	b.register(t, b.subject("outer"), b.record("Outer", b.of("Inner")), b.referTo("Inner", inner))
	bundle, err := b.client.Bundle(t.Context(), b.subject("outer"))
	if err != nil {
		t.Fatal(err)
	}
	same(t, "subjects", bundle.Subjects(), []string{b.subject("inner"), b.subject("outer")})
	text, err := bundle.JSON()
	if err != nil {
		t.Fatal(err)
	}
	again, err := registry.ParseBundle(text)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "written and read", again, bundle)
}
