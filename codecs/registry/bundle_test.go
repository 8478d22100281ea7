package registry_test

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/codecs/registry"
)

// smallBundle is a bundle of the form that ParseBundle reads.
const smallBundle = `{
  "gokavro_bundle": 1,
  "schemas": [
    {
      "id": 1,
      "schema": "\"int\""
    },
    {
      "id": 2,
      "guid": "4f6a8a4c-0000-4000-8000-000000000001",
      "type": "JSON",
      "schema": "{}",
      "references": [
        {
          "name": "n",
          "subject": "a",
          "version": 1
        }
      ]
    }
  ],
  "subjects": [
    {
      "subject": "a",
      "level": "FULL",
      "versions": [
        {
          "version": 1,
          "id": 1,
          "deleted": true
        },
        {
          "version": 3,
          "id": 2
        }
      ]
    }
  ]
}
`

func TestABundlesFileIsAlwaysWrittenInOneWay(t *testing.T) {
	t.Parallel()
	bundle, err := registry.ParseBundle([]byte(smallBundle))
	if err != nil {
		t.Fatal(err)
	}
	got, err := bundle.JSON()
	check(t, "JSON", string(got), err, smallBundle)
	check(t, "Subjects", bundle.Subjects(), nil, []string{"a"})
}

func TestABundleThatIsNotWholeIsRefused(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, from, to, says string }{
		{"empty", smallBundle, "", "not JSON"},
		{"cut", smallBundle[len(smallBundle)-20:], "", "not JSON"},
		{"other JSON", smallBundle, `[]`, "not JSON of the right form"},
		{"no format", smallBundle, `{}`, "not a bundle of format 1"},
		{"a later format", `"gokavro_bundle": 1`, `"gokavro_bundle": 2`, "not a bundle of format 1"},
		{"an unknown member", `"id": 1`, `"what": 1`, "what"},
		{"an id twice", `"id": 2,
      "guid"`, `"id": 1,
      "guid"`, "schema id 1 is below 0, there twice"},
		{"no text", `"{}"`, `""`, "without a text"},
		{"text that is not JSON", `"\"int\""`, `"int"`, "schema id 1: the schema is not JSON"},
		{"two texts", `"\"int\""`, `"1 2"`, "followed by other text"},
		{"no name", `"subject": "a",
      "level"`, `"subject": "",
      "level"`, "without a name"},
		{"versions out of order", `"version": 3`, `"version": 1`, "version 1 comes after version 1"},
		{"version 0", `"version": 1,
          "id"`, `"version": 0,
          "id"`, "version 0 comes after"},
		{"a missing schema", `"id": 2
`, `"id": 3
`, "schema id 3 of version 3 is missing"},
		{"a missing reference", `"subject": "a",
          "version": 1`, `"subject": "b",
          "version": 1`, `refers to version 1 of subject "b"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			text := strings.Replace(smallBundle, tt.from, tt.to, 1)
			if text == smallBundle {
				t.Fatal("the case changes nothing")
			}
			_, err := registry.ParseBundle([]byte(text))
			if err == nil || !strings.HasPrefix(err.Error(), "registry: ") || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v, want it to say %q", err, tt.says)
			}
		})
	}
}

func FuzzParseBundle(f *testing.F) {
	f.Add([]byte(smallBundle))
	f.Add([]byte(`{"gokavro_bundle":1,"schemas":[{"id":0,"schema":"{}"}],"subjects":[{"subject":"s","versions":[{"version":1,"id":0}]}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		bundle, err := registry.ParseBundle(text)
		if err != nil {
			return
		}
		first, err := bundle.JSON()
		if err != nil {
			t.Fatal(err)
		}
		again, err := registry.ParseBundle(first)
		if err != nil {
			t.Fatalf("what was written is refused: %v\n%s", err, first)
		}
		if second, err := again.JSON(); err != nil || string(second) != string(first) {
			t.Errorf("%v: written twice (-first +second):\n%s", err, cmp.Diff(string(first), string(second)))
		}
	})
}

// stage is a registry that can be taken down, and a bundle of all it held.
type stage struct {
	url  string
	file string
	down atomic.Bool
	asks atomic.Int64
}

const groupText = `{"type":"array","items":"User"}`

func newStage(t *testing.T) *stage {
	t.Helper()
	s := &stage{file: filepath.Join(t.TempDir(), "bundle.json")}
	reg := memory(t)
	s.url = serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asks.Add(1)
		if s.down.Load() {
			panic(http.ErrAbortHandler)
		}
		reg.ServeHTTP(w, r)
	}))
	client := newClient(t, registry.Config{URLs: []string{s.url}})
	versions(t, client)
	if _, err := client.Register(t.Context(), "group", groupText, registry.Reference{Name: "User", Subject: "a/b", Version: 2}); err != nil {
		t.Fatal(err)
	}
	send(t, http.MethodDelete, s.url+"/subjects/a%2Fb/versions/1", "")
	send(t, http.MethodPut, s.url+"/config/group", `{"compatibility":"FULL"}`)
	// The bundle comes with what group refers to.
	bundle, err := client.Bundle(t.Context(), "group")
	if err != nil {
		t.Fatal(err)
	}
	check(t, "Subjects", bundle.Subjects(), nil, []string{"a/b", "group"})
	if err := bundle.WriteFile(s.file); err != nil {
		t.Fatal(err)
	}
	return s
}

func send(t *testing.T, method, url, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: status %d", method, url, resp.StatusCode)
	}
}

func TestAClientWithABundleAnswersWhileTheRegistryIsDown(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.down.Store(true)
	for name, urls := range map[string][]string{"down": {s.url}, "no address": nil} {
		client, ctx := newClient(t, registry.Config{URLs: urls, Bundle: s.file}), t.Context()
		v2 := registry.Schema{ID: 2, Subject: "a/b", Version: 2, Text: userV2, Type: "AVRO"}
		refs := []registry.Reference{{Name: "User", Subject: "a/b", Version: 2}}
		group := registry.Schema{ID: 3, Subject: "group", Version: 1, Text: groupText, Type: "AVRO", References: refs}

		got, err := client.ByID(ctx, 1)
		check(t, name+": ByID", got, err, registry.Schema{ID: 1, Text: userV1, Type: "AVRO"})
		got, err = client.Version(ctx, "a/b", 1)
		check(t, name+": Version that was deleted", got, err, registry.Schema{ID: 1, Subject: "a/b", Version: 1, Text: userV1, Type: "AVRO"})
		got, err = client.Latest(ctx, "a/b")
		check(t, name+": Latest", got, err, v2)
		got, err = client.Lookup(ctx, "a/b", strings.ReplaceAll(userV2, `"type":"record",`, ` "type" : "record" , `))
		check(t, name+": Lookup", got, err, v2)
		got, err = client.Register(ctx, "a/b", userV2)
		check(t, name+": Register", got, err, v2)
		got, err = client.Lookup(ctx, "group", groupText, refs...)
		check(t, name+": Lookup with references", got, err, group)
		numbers, err := client.Versions(ctx, "a/b", true)
		check(t, name+": Versions", numbers, err, []int{1, 2})
		numbers, err = client.Versions(ctx, "a/b", false)
		check(t, name+": Versions that are left", numbers, err, []int{2})
		level, err := client.Level(ctx, "group")
		check(t, name+": Level", level, err, "FULL")
		subjects, err := client.Subjects(ctx)
		check(t, name+": Subjects", subjects, err, []string{"a/b", "group"})
	}
}

func TestABundleDoesNotHideThatTheRegistryIsDown(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.down.Store(true)
	ctx := t.Context()
	for name, urls := range map[string][]string{"down": {s.url}, "no address": nil} {
		client := newClient(t, registry.Config{URLs: urls, Bundle: s.file, Timeout: short})
		for what, ask := range map[string]func() error{
			"an id":                     func() error { _, err := client.ByID(ctx, 9); return err },
			"a subject":                 func() error { _, err := client.Latest(ctx, "other"); return err },
			"a schema":                  func() error { _, err := client.Lookup(ctx, "a/b", userText); return err },
			"a version that is gone":    func() error { _, err := client.Lookup(ctx, "a/b", userV1); return err },
			"a schema without its refs": func() error { _, err := client.Register(ctx, "group", groupText); return err },
			"ping":                      func() error { return client.Ping(ctx) },
		} {
			err := ask()
			var away *registry.UnavailableError
			if !errors.As(err, &away) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s, %s: got %v, want an UnavailableError", name, what, err)
			}
		}
	}
}

func TestARegistryThatIsUpGoesOverTheBundleForWhatChanges(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	other := newClient(t, registry.Config{URLs: []string{s.url}})
	newest, err := other.Register(t.Context(), "a/b", strings.Replace(userV2, `"name":"age"`, `"name":"years"`, 1))
	if err != nil {
		t.Fatal(err)
	}
	client := newClient(t, registry.Config{URLs: []string{s.url}, Bundle: s.file})
	got, err := client.Latest(t.Context(), "a/b")
	check(t, "Latest", got, err, newest)
	s.asks.Store(0)
	if _, err := client.ByID(t.Context(), 1); err != nil || s.asks.Load() != 0 {
		t.Errorf("an id of the bundle: %v after %d requests, want none", err, s.asks.Load())
	}
	send(t, http.MethodDelete, s.url+"/subjects/group", "")
	var missing *registry.NotFoundError
	if _, err := client.Latest(t.Context(), "group"); !errors.As(err, &missing) {
		t.Errorf("a subject that was deleted: got %v, want a NotFoundError", err)
	}
}

func TestABundleOfWhatIsNotThereIsAnError(t *testing.T) {
	t.Parallel()
	client, _ := setup(t)
	var missing *registry.NotFoundError
	if _, err := client.Bundle(t.Context(), "nowhere"); !errors.As(err, &missing) {
		t.Errorf("got %v, want a NotFoundError", err)
	}
}

func TestNewRefusesABundleThatCannotBeRead(t *testing.T) {
	t.Parallel()
	bad := filepath.Join(t.TempDir(), "bad.json")
	if err := os.WriteFile(bad, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{bad, bad + "x"} {
		_, err := registry.New(registry.Config{Bundle: path})
		if err == nil || !strings.Contains(err.Error(), path) || !strings.HasPrefix(err.Error(), "registry: ") {
			t.Errorf("got %v, want an error that names %s", err, path)
		}
	}
	bundle, err := registry.ParseBundle([]byte(smallBundle))
	if err != nil {
		t.Fatal(err)
	}
	if err := bundle.WriteFile(filepath.Join(bad, "x")); err == nil {
		t.Error("writing below a file: got no error")
	}
}
