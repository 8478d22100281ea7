package registry_test

import (
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/gokavro/gokavro/codecs/registry"
)

func TestNormalizeIsAskedForWhereItIsConfigured(t *testing.T) {
	t.Parallel()
	for _, normal := range []bool{false, true} {
		var with, without atomic.Int64
		reg := memory(t)
		url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Get("normalize") == "true" {
				with.Add(1)
			} else {
				without.Add(1)
			}
			reg.ServeHTTP(w, r)
		}))
		cfg := registry.Config{URLs: []string{url}, Normalize: normal}
		if _, err := newClient(t, cfg).Register(t.Context(), "s", userV1); err != nil {
			t.Fatal(err)
		}
		if _, err := newClient(t, cfg).Lookup(t.Context(), "s", userV1); err != nil {
			t.Fatal(err)
		}
		if got := with.Load() > 0 && without.Load() == 0; got != normal {
			t.Errorf("normalize %t: got %d requests with it and %d without", normal, with.Load(), without.Load())
		}
	}
}

// Schemas of one text that refer to different versions are two schemas.
func TestLookupsWithOtherReferencesAreNotMixedUp(t *testing.T) {
	t.Parallel()
	client, _ := setup(t)
	versions(t, client)
	text := `{"type":"array","items":"User"}`
	ids := map[int]bool{}
	for version := 1; version <= 2; version++ {
		ref := registry.Reference{Name: "User", Subject: "a/b", Version: version}
		got, err := client.Register(t.Context(), "group", text, ref)
		if err != nil {
			t.Fatal(err)
		}
		again, err := client.Lookup(t.Context(), "group", text, ref)
		check(t, "Lookup", again, err, got)
		ids[got.ID] = true
	}
	if len(ids) != 2 {
		t.Errorf("got ids %v, want two", ids)
	}
}
