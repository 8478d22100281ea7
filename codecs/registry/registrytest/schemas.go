package registrytest

import (
	"errors"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/gokavro/gokavro/codecs/registry"
)

func checkRegister(t *testing.T, b *bench) {
	subject, text := b.subject("value"), b.record("A", fieldID)
	first := b.register(t, subject, text)
	same(t, "the text", first.Text, text)
	again, err := b.normal.Register(t.Context(), subject, text)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "registered again", again, first)
	found, err := b.normal.Lookup(t.Context(), subject, text)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "looked up", found, first)
	byID, err := b.client.ByID(t.Context(), first.ID)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "by its id", byID, registry.Schema{ID: first.ID, Text: text, Type: "AVRO"})
}

func checkIDs(t *testing.T, b *bench) {
	text := b.record("A", fieldID)
	one, two := b.register(t, b.subject("one"), text), b.register(t, b.subject("two"), text)
	same(t, "ids of one schema under two subjects", two.ID, one.ID)
	other := b.register(t, b.subject("three"), b.record("B", fieldID))
	if other.ID == one.ID {
		t.Errorf("another schema got the same id %d", one.ID)
	}
}

func checkVersions(t *testing.T, b *bench) {
	subject := b.subject("value")
	first := b.register(t, subject, b.record("A", fieldID))
	second := b.register(t, subject, b.record("A", fieldID, fieldAgeZero))
	same(t, "version numbers", []int{first.Version, second.Version}, []int{1, 2})
	numbers, err := b.client.Versions(t.Context(), subject, false)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "all versions", numbers, []int{1, 2})
	latest, err := b.client.Latest(t.Context(), subject)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "the latest", latest, second)
	old, err := b.client.Version(t.Context(), subject, 1)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "version 1", old, first)
	subjects, err := b.client.Subjects(t.Context())
	if err != nil || !strings.Contains(strings.Join(subjects, "\n"), subject) {
		t.Errorf("the subjects: got %v %v, want %s among them", subjects, err, subject)
	}
}

func checkMissing(t *testing.T, b *bench) {
	subject := b.subject("value")
	b.register(t, subject, b.record("A", fieldID))
	ctx, nowhere := t.Context(), b.subject("nowhere")
	const unknownID = 2_000_000_000
	for what, ask := range map[string]func() (registry.Schema, error){
		"an id":                func() (registry.Schema, error) { return b.client.ByID(ctx, unknownID) },
		"a version":            func() (registry.Schema, error) { return b.client.Version(ctx, subject, 7) },
		"a version of nothing": func() (registry.Schema, error) { return b.client.Version(ctx, nowhere, 1) },
		"the latest":           func() (registry.Schema, error) { return b.client.Latest(ctx, nowhere) },
		"a schema":             func() (registry.Schema, error) { return b.client.Lookup(ctx, subject, b.record("B", fieldID)) },
		"a schema of nothing":  func() (registry.Schema, error) { return b.client.Lookup(ctx, nowhere, b.record("A", fieldID)) },
	} {
		_, err := ask()
		if _, ok := errors.AsType[*registry.NotFoundError](err); !ok {
			t.Errorf("%s: got %v, want a NotFoundError", what, err)
		}
	}
}

func checkInvalid(t *testing.T, b *bench) {
	for name, text := range map[string]string{
		"not JSON": "{", "a record without fields": `{"type":"record","name":"A"}`,
		"an unknown type": `{"type":"record","name":"A","fields":[{"name":"b","type":"B"}]}`,
	} {
		_, err := b.client.Register(t.Context(), b.subject("value"), text)
		coded(t, name, err, sr.ErrInvalidSchema)
	}
}

func checkNormalize(t *testing.T, b *bench) {
	subject, text := b.subject("value"), b.record("A", fieldID)
	spaced := strings.ReplaceAll(text, `,"`, ` , "`)
	first := b.register(t, subject, text)
	if !b.SpacingCounts {
		found, err := b.client.Lookup(t.Context(), subject, spaced)
		if err != nil || found.ID != first.ID {
			t.Errorf("with other white space: got id %d and %v, want id %d", found.ID, err, first.ID)
		}
	}
	found, err := b.normal.Lookup(t.Context(), subject, spaced)
	if err != nil || found.ID != first.ID {
		t.Errorf("looked up with normalize: got id %d and %v, want id %d", found.ID, err, first.ID)
	}
	again, err := b.normal.Register(t.Context(), subject, spaced)
	if err != nil || again.ID != first.ID || again.Version != 1 {
		t.Errorf("registered with normalize: got %+v and %v, want id %d version 1", again, err, first.ID)
	}
}
