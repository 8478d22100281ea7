package registry_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/gokavro/gokavro/codecs/registry"
)

func TestASchemaIsFoundByItsGUIDAndKept(t *testing.T) {
	t.Parallel()
	client, behind := setup(t)
	made, err := client.Register(t.Context(), "users-value", userV1)
	if err != nil || made.GUID == "" {
		t.Fatalf("register: got %+v, %v, want a GUID", made, err)
	}
	looked, err := client.Lookup(t.Context(), "users-value", userV1)
	check(t, "Lookup", looked.GUID, err, made.GUID)
	before := behind.requests.Load()
	for range 2 {
		found, err := client.ByGUID(t.Context(), made.GUID)
		check(t, "ByGUID", found, err, registry.Schema{Text: userV1, Type: "AVRO"})
		check(t, "its GUID", found.GUID, err, made.GUID)
	}
	if asked := behind.requests.Load() - before; asked != 1 {
		t.Errorf("got %d requests for two questions, want 1", asked)
	}
}

func TestABundleAnswersByGUID(t *testing.T) {
	t.Parallel()
	client := newClient(t, registry.Config{Bundle: newStage(t).file})
	latest, err := client.Latest(t.Context(), "a/b")
	if err != nil || latest.GUID == "" {
		t.Fatalf("latest: got %+v, %v, want a GUID", latest, err)
	}
	found, err := client.ByGUID(t.Context(), latest.GUID)
	check(t, "ByGUID", found, err, registry.Schema{Text: userV2, Type: "AVRO"})
	check(t, "its GUID", found.GUID, err, latest.GUID)
	byID, err := client.ByID(t.Context(), latest.ID)
	check(t, "the GUID of an id", byID.GUID, err, "")
}

func TestAnUnknownGUIDIsNamed(t *testing.T) {
	t.Parallel()
	client, behind := setup(t)
	const guid = "00000000-0000-8000-8000-000000000000"
	for range 2 {
		_, err := client.ByGUID(t.Context(), guid)
		missing, ok := errors.AsType[*registry.NotFoundError](err)
		if !ok || missing.GUID != guid || !strings.Contains(err.Error(), "schema GUID "+guid+" is not known at http://") {
			t.Errorf("got %v, want a NotFoundError that names the GUID", err)
		}
	}
	if asked := behind.requests.Load(); asked != 1 {
		t.Errorf("got %d requests, want one: what there is not is remembered too", asked)
	}
}
