package registry_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gokavro/gokavro/codecs/registry"
	"github.com/gokavro/gokavro/codecs/registry/embedded"
)

const (
	userV1   = `{"type":"record","name":"User","fields":[{"name":"id","type":"int"}]}`
	userV2   = `{"type":"record","name":"User","fields":[{"name":"id","type":"int"},{"name":"age","type":"int","default":0}]}`
	userText = `{"type":"record","name":"User","fields":[{"name":"id","type":"string"}]}`
)

// counted is a registry that counts the requests it gets.
type counted struct {
	http.Handler
	requests atomic.Int64
	before   func() // called in each request when set
}

func (c *counted) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.requests.Add(1)
	if c.before != nil {
		c.before()
	}
	c.Handler.ServeHTTP(w, r)
}

func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	web := httptest.NewServer(h)
	t.Cleanup(web.Close)
	return web.URL
}

func newClient(t *testing.T, cfg registry.Config) *registry.Client {
	t.Helper()
	client, err := registry.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// setup gives a client and the registry that it asks.
func setup(t *testing.T) (*registry.Client, *counted) {
	t.Helper()
	reg, err := embedded.New(embedded.Config{})
	if err != nil {
		t.Fatal(err)
	}
	behind := &counted{Handler: reg}
	return newClient(t, registry.Config{URLs: []string{serve(t, behind)}}), behind
}

// check compares an answer without its GUID.
func check[T any](t *testing.T, call string, got T, err error, want T) {
	t.Helper()
	if err != nil {
		t.Errorf("%s: %v", call, err)
		return
	}
	if diff := cmp.Diff(got, want, cmpopts.IgnoreFields(registry.Schema{}, "GUID")); diff != "" {
		t.Errorf("%s (-got +want):\n%s", call, diff)
	}
}

func TestClientRegistersAndFinds(t *testing.T) {
	t.Parallel()
	client, _ := setup(t)
	ctx := t.Context()
	v1 := registry.Schema{ID: 1, Subject: "a/b-value", Version: 1, Text: userV1, Type: "AVRO"}
	v2 := registry.Schema{ID: 2, Subject: "a/b-value", Version: 2, Text: userV2, Type: "AVRO"}

	got, err := client.Register(ctx, "a/b-value", userV1)
	check(t, "Register", got, err, v1)
	got, err = client.Register(ctx, "a/b-value", userV2)
	check(t, "Register a second version", got, err, v2)
	got, err = client.Register(ctx, "a/b-value", userV1)
	check(t, "Register again", got, err, v1)
	got, err = client.Lookup(ctx, "a/b-value", strings.ReplaceAll(userV2, ",", ", "))
	check(t, "Lookup", got, err, v2)
	got, err = client.Latest(ctx, "a/b-value")
	check(t, "Latest", got, err, v2)
	got, err = client.ByID(ctx, 1)
	check(t, "ByID", got, err, registry.Schema{ID: 1, Text: userV1, Type: "AVRO"})
	subjects, err := client.Subjects(ctx)
	check(t, "Subjects", subjects, err, []string{"a/b-value"})
	check(t, "Ping", 0, client.Ping(ctx), 0)
}

func TestClientKeepsReferences(t *testing.T) {
	t.Parallel()
	client, behind := setup(t)
	if _, err := client.Register(t.Context(), "user", userV1); err != nil {
		t.Fatal(err)
	}
	body := `{"schema":"{\"type\":\"array\",\"items\":\"User\"}","references":[{"name":"User","subject":"user","version":1}]}`
	rec := httptest.NewRecorder()
	behind.ServeHTTP(rec, httptest.NewRequest(http.MethodPost, "/subjects/group/versions", strings.NewReader(body)))
	got, err := client.ByID(t.Context(), 2)
	check(t, "ByID", got, err, registry.Schema{
		ID: 2, Text: `{"type":"array","items":"User"}`, Type: "AVRO",
		References: []registry.Reference{{Name: "User", Subject: "user", Version: 1}},
	})
}

// An older registry answers a registration with the id only.
func TestRegisterAsksForTheVersionWhereTheAnswerLacksIt(t *testing.T) {
	t.Parallel()
	old := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/versions") {
			fmt.Fprint(w, `{"id":7}`)
			return
		}
		fmt.Fprint(w, `{"subject":"s","version":3,"id":7,"schema":"\"int\""}`)
	})
	client := newClient(t, registry.Config{URLs: []string{serve(t, old)}})
	got, err := client.Register(t.Context(), "s", `"int"`)
	check(t, "Register", got, err, registry.Schema{ID: 7, Subject: "s", Version: 3, Text: `"int"`, Type: "AVRO"})
}

func TestClientAsksOnceForWhatItKnows(t *testing.T) {
	t.Parallel()
	client, behind := setup(t)
	ctx := t.Context()
	for range 3 {
		if _, err := client.Register(ctx, "s", userV1); err != nil {
			t.Fatal(err)
		}
		if _, err := client.Lookup(ctx, "s", userV1); err != nil {
			t.Fatal(err)
		}
		if _, err := client.ByID(ctx, 1); err != nil {
			t.Fatal(err)
		}
	}
	if got := behind.requests.Load(); got != 2 {
		t.Errorf("got %d requests, want 2: one to register and one for the id", got)
	}
}

func TestByIDRemembersAnUnknownIDForTenSeconds(t *testing.T) {
	t.Parallel()
	client, behind := setup(t)
	var passed atomic.Int64
	start := time.Now()
	client.SetNow(func() time.Time { return start.Add(time.Duration(passed.Load())) })
	ask := func() error {
		_, err := client.ByID(t.Context(), 1)
		return err
	}
	for _, step := range []struct {
		at       time.Duration
		requests int64
	}{{0, 1}, {9 * time.Second, 1}, {10 * time.Second, 2}, {19 * time.Second, 2}} {
		passed.Store(int64(step.at))
		var unknown *registry.NotFoundError
		if err := ask(); !errors.As(err, &unknown) || unknown.ID != 1 {
			t.Fatalf("after %s: got %v, want a NotFoundError for id 1", step.at, err)
		}
		if got := behind.requests.Load(); got != step.requests {
			t.Errorf("after %s: got %d requests, want %d", step.at, got, step.requests)
		}
	}
	if _, err := client.Register(t.Context(), "s", userV1); err != nil {
		t.Fatal(err)
	}
	passed.Store(int64(21 * time.Second))
	if err := ask(); err != nil {
		t.Errorf("after it was registered: %v", err)
	}
}

func TestConcurrentCallersShareOneRequest(t *testing.T) {
	t.Parallel()
	client, behind := setup(t)
	if _, err := client.Register(t.Context(), "s", userV1); err != nil {
		t.Fatal(err)
	}
	behind.requests.Store(0)
	const callers = 16
	var ready sync.WaitGroup
	ready.Add(callers)
	behind.before = ready.Wait // the answer comes when all callers have begun
	var done sync.WaitGroup
	for range callers {
		done.Go(func() {
			ready.Done()
			if got, err := client.ByID(t.Context(), 1); err != nil || got.Text != userV1 {
				t.Errorf("got %v %v", got, err)
			}
		})
	}
	done.Wait()
	if got := behind.requests.Load(); got != 1 {
		t.Errorf("got %d requests, want 1", got)
	}
}

func TestACallerThatGivesUpDoesNotFailTheOthers(t *testing.T) {
	t.Parallel()
	client, behind := setup(t)
	if _, err := client.Register(t.Context(), "s", userV1); err != nil {
		t.Fatal(err)
	}
	arrived, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	behind.before = func() {
		once.Do(func() { close(arrived) })
		<-release
	}
	ctx, cancel := context.WithCancel(t.Context())
	gaveUp := make(chan error, 1)
	go func() {
		_, err := client.ByID(ctx, 1)
		gaveUp <- err
	}()
	<-arrived
	patient := make(chan error, 1)
	go func() {
		_, err := client.ByID(t.Context(), 1)
		patient <- err
	}()
	cancel()
	if err := <-gaveUp; !errors.Is(err, context.Canceled) {
		t.Errorf("the caller that gave up: got %v, want canceled", err)
	}
	close(release)
	if err := <-patient; err != nil {
		t.Errorf("the caller that waited: got %v, want nil", err)
	}
}

func TestNotFoundNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	client, _ := setup(t)
	ctx := t.Context()
	if _, err := client.Register(ctx, "s", userV1); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, subject string
		id            int
		ask           func() (registry.Schema, error)
		says          string
	}{
		{"id", "", 99, func() (registry.Schema, error) { return client.ByID(ctx, 99) }, "registry: schema id 99 is not known at http://127.0.0.1"},
		{"id zero", "", 0, func() (registry.Schema, error) { return client.ByID(ctx, 0) }, "registry: schema id 0 is not known at"},
		{"schema", "s", 0, func() (registry.Schema, error) { return client.Lookup(ctx, "s", userText) }, `registry: subject "s" at http://127.0.0.1`},
		{"subject", "x", 0, func() (registry.Schema, error) { return client.Lookup(ctx, "x", userV1) }, `registry: subject "x" is not known at`},
		{"latest", "x", 0, func() (registry.Schema, error) { return client.Latest(ctx, "x") }, `registry: subject "x" is not known at`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, err := tc.ask()
			var missing *registry.NotFoundError
			if !errors.As(err, &missing) || missing.Subject != tc.subject || missing.ID != tc.id {
				t.Fatalf("got %#v, want a NotFoundError for subject %q id %d", err, tc.subject, tc.id)
			}
			if !strings.HasPrefix(err.Error(), tc.says) {
				t.Errorf("got %q, want it to begin with %q", err, tc.says)
			}
		})
	}
}

func TestRegisterTellsWhyASchemaIsIncompatible(t *testing.T) {
	t.Parallel()
	client, _ := setup(t)
	if _, err := client.Register(t.Context(), "s", userV1); err != nil {
		t.Fatal(err)
	}
	_, err := client.Register(t.Context(), "s", userText)
	var refused *registry.IncompatibleError
	if !errors.As(err, &refused) || refused.Subject != "s" {
		t.Fatalf("got %#v, want an IncompatibleError for s", err)
	}
	if len(refused.Reasons) != 1 || !strings.Contains(refused.Reasons[0], "id") || strings.ContainsAny(refused.Reasons[0], "{}") {
		t.Errorf("got reasons %q, want one that names the field id", refused.Reasons)
	}
}

func TestReasonsAreTakenFromConfluentsMessage(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, message string
		want          []string
	}{
		{
			"details", `Schema being registered is incompatible with an earlier schema for subject "s", details: [{errorType:'READER_FIELD_MISSING_DEFAULT_VALUE', description:'The field 'b' at path '/fields/1' in the new schema has no default value', additionalInfo:'b'}, {errorType:'NAME_MISMATCH', description:'The name differs', additionalInfo:'expected: A'}, {oldSchemaVersion: 1}]`,
			[]string{"The field 'b' at path '/fields/1' in the new schema has no default value", "expected: A: The name differs"},
		},
		{"without additional info", `x: [{description:'it differs'}]`, []string{"it differs"}},
		{"plain text", "it is\n incompatible", []string{"it is incompatible"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusConflict)
				fmt.Fprintf(w, `{"error_code":409,"message":%q}`, tc.message)
			}))
			_, err := newClient(t, registry.Config{URLs: []string{url}}).Register(t.Context(), "s", userV1)
			var refused *registry.IncompatibleError
			if !errors.As(err, &refused) || !slices.Equal(refused.Reasons, tc.want) {
				t.Errorf("got %#v, want reasons %q", err, tc.want)
			}
		})
	}
}

func TestARefusalIsNeitherMissingNorUnavailable(t *testing.T) {
	t.Parallel()
	client, _ := setup(t)
	_, err := client.Register(t.Context(), "s", `{"type":"record"}`)
	var missing *registry.NotFoundError
	var away *registry.UnavailableError
	if err == nil || errors.As(err, &missing) || errors.As(err, &away) {
		t.Fatalf("got %#v, want a refusal of its own", err)
	}
	for _, part := range []string{`registry: registering a schema under subject "s"`, "422", "Invalid schema"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("got %q, want it to say %q", err, part)
		}
	}
}
