// Package registrytest is the conformance suite of schema registries: what the
// client and the codecs rely on, checked on any registry that speaks
// Confluent's API.
//
//	func TestTheRegistryConforms(t *testing.T) {
//		registrytest.Run(t, "http://127.0.0.1:8081", registrytest.Features{})
//	}
package registrytest

import (
	"crypto/rand"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/gokavro/gokavro/codecs/registry"
)

// Features says where a registry differs from Confluent's. The zero value is
// one that does not.
type Features struct {
	// SpacingCounts is set where a text with other white space is another schema,
	// unless the request says normalize.
	SpacingCounts bool
	// NoneIsUnset is set where the level NONE of a subject means that it has no
	// level of its own.
	NoneIsUnset bool
}

// Run tests the registry at url, each check in a parallel subtest. It leaves
// subjects behind, whose names begin with conformance-, and changes no setting
// of other subjects.
func Run(t *testing.T, url string, features Features) {
	t.Helper()
	for _, c := range []struct {
		name string
		test func(*testing.T, *bench)
	}{
		{"a schema is registered once", checkRegister},
		{"an id is the schema's under every subject", checkIDs},
		{"versions are counted", checkVersions},
		{"what is not there is not found", checkMissing},
		{"what is no schema is refused", checkInvalid},
		{"normal forms are one schema", checkNormalize},
		{"references are kept", checkReferences},
		{"references nest", checkNestedReferences},
		{"a reference that leads nowhere is refused", checkDanglingReference},
		{"a schema that is referred to is not deleted", checkReferencedDelete},
		{"a deleted version is found by those who need it", checkSoftDelete},
		{"a subject is deleted for good in two steps", checkHardDelete},
		{"a level of a subject holds for it alone", checkOwnLevel},
		{"a bundle holds what the registry holds", checkBundle},
		{"an unknown level is refused", checkUnknownLevel},
		{"levels refuse with reasons", checkLevels},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.test(t, newBench(t, url, features))
		})
	}
}

// bench is a registry under test, with names that no other test uses.
type bench struct {
	Features
	client *registry.Client
	normal *registry.Client // asks for normal forms
	admin  *sr.Client
	own    string
}

func newBench(t *testing.T, url string, features Features) *bench {
	t.Helper()
	b := &bench{Features: features, own: "c" + strings.ToLower(rand.Text()[:12])}
	var errs [3]error
	b.client, errs[0] = registry.New(registry.Config{URLs: []string{url}})
	b.normal, errs[1] = registry.New(registry.Config{URLs: []string{url}, Normalize: true})
	b.admin, errs[2] = sr.NewClient(sr.URLs(url))
	if err := errors.Join(errs[:]...); err != nil {
		t.Fatal(err)
	}
	return b
}

// subject returns a name of the test's own, with characters that a path escapes.
func (b *bench) subject(name string) string { return "conformance-" + b.own + "/" + name }

// record is a schema of the test's own: the fields are JSON objects.
func (b *bench) record(name string, fields ...string) string {
	return fmt.Sprintf(`{"type":"record","name":%q,"namespace":"conformance.%s","fields":[%s]}`, name, b.own, strings.Join(fields, ","))
}

const (
	fieldID      = `{"name":"id","type":"int"}`
	fieldIDText  = `{"name":"id","type":"string"}`
	fieldAge     = `{"name":"age","type":"int"}`
	fieldAgeZero = `{"name":"age","type":"int","default":0}`
)

func (b *bench) register(t *testing.T, subject, schema string, refs ...registry.Reference) registry.Schema {
	t.Helper()
	got, err := b.client.Register(t.Context(), subject, schema, refs...)
	if err != nil {
		t.Fatalf("registering %s under %s: %v", schema, subject, err)
	}
	if got.ID < 1 || got.Version < 1 || got.Subject != subject {
		t.Fatalf("registering under %s: got %+v, want an id and a version", subject, got)
	}
	return got
}

// setLevel gives a subject a level of its own.
func (b *bench) setLevel(t *testing.T, subject, level string) {
	t.Helper()
	var parsed sr.CompatibilityLevel
	if err := parsed.UnmarshalText([]byte(level)); err != nil {
		t.Fatal(err)
	}
	if set := b.admin.SetCompatibility(t.Context(), sr.SetCompatibility{Level: parsed}, subject); set[0].Err != nil {
		t.Fatalf("setting the level of %s to %s: %v", subject, level, set[0].Err)
	}
}

func same[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s: got %+v, want %+v", what, got, want)
	}
}

// coded checks the code of a refusal.
func coded(t *testing.T, what string, err error, want *sr.Error) {
	t.Helper()
	answer, ok := errors.AsType[*sr.ResponseError](err)
	if !ok || answer.ErrorCode != want.Code {
		t.Errorf("%s: got %v, want a refusal with the code %d", what, err, want.Code)
	}
}
