package registry_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gokavro/gokavro/codecs/registry"
)

// versions registers two versions of subject a/b.
func versions(t *testing.T, client *registry.Client) {
	t.Helper()
	for _, text := range []string{userV1, userV2} {
		if _, err := client.Register(t.Context(), "a/b", text); err != nil {
			t.Fatal(err)
		}
	}
}

func TestVersionFindsEachAndAsksOnce(t *testing.T) {
	t.Parallel()
	client, behind := setup(t)
	versions(t, client)
	behind.requests.Store(0)
	for range 3 {
		got, err := client.Version(t.Context(), "a/b", 1)
		check(t, "Version 1", got, err, registry.Schema{ID: 1, Subject: "a/b", Version: 1, Text: userV1, Type: "AVRO"})
		got, err = client.Version(t.Context(), "a/b", 2)
		check(t, "Version 2", got, err, registry.Schema{ID: 2, Subject: "a/b", Version: 2, Text: userV2, Type: "AVRO"})
	}
	if got := behind.requests.Load(); got != 2 {
		t.Errorf("got %d requests, want 2: one for each version", got)
	}
}

func TestVersionFindsWhatWasDeletedSoftly(t *testing.T) {
	t.Parallel()
	client, behind := setup(t)
	versions(t, client)
	rec := httptest.NewRecorder()
	behind.ServeHTTP(rec, httptest.NewRequest(http.MethodDelete, "/subjects/a%2Fb/versions/1", nil))
	if rec.Code != http.StatusOK {
		t.Fatalf("deleting version 1: status %d", rec.Code)
	}
	got, err := client.Version(t.Context(), "a/b", 1)
	check(t, "Version", got.Text, err, userV1)
}

func TestVersionSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	client, behind := setup(t)
	versions(t, client)
	for _, tc := range []struct {
		name, subject string
		says          []string
	}{
		{"version", "a/b", []string{`registry: subject "a/b" at http://127.0.0.1`, "has no version 3"}},
		{"subject", "x", []string{`registry: subject "x" is not known at http://127.0.0.1`}},
	} {
		_, err := client.Version(t.Context(), tc.subject, 3)
		var missing *registry.NotFoundError
		if !errors.As(err, &missing) || missing.Subject != tc.subject || missing.Version != 3 {
			t.Fatalf("%s: got %#v, want a NotFoundError for version 3 of %s", tc.name, err, tc.subject)
		}
		for _, part := range tc.says {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: got %q, want %q in it", tc.name, err, part)
			}
		}
	}
	behind.requests.Store(0)
	for _, version := range []int{0, -1, -7} {
		_, err := client.Version(t.Context(), "a/b", version)
		if err == nil || !strings.Contains(err.Error(), "versions are counted from 1") {
			t.Errorf("version %d: got %v, want an error", version, err)
		}
	}
	if got := behind.requests.Load(); got != 0 {
		t.Errorf("versions below 1: got %d requests, want none", got)
	}
}

func TestVersionRemembersForTenSecondsWhatIsMissing(t *testing.T) {
	t.Parallel()
	client, behind := setup(t)
	var passed atomic.Int64
	start := time.Now()
	client.SetNow(func() time.Time { return start.Add(time.Duration(passed.Load())) })
	ask := func() error {
		_, err := client.Version(t.Context(), "a/b", 1)
		return err
	}
	var missing *registry.NotFoundError
	for range 2 {
		if err := ask(); !errors.As(err, &missing) {
			t.Fatalf("got %v, want a NotFoundError", err)
		}
	}
	if got := behind.requests.Load(); got != 1 {
		t.Errorf("got %d requests, want 1", got)
	}
	versions(t, client)
	passed.Store(int64(10 * time.Second))
	if err := ask(); err != nil {
		t.Errorf("ten seconds later: %v", err)
	}
}

func TestConcurrentCallersOfAVersionShareOneRequest(t *testing.T) {
	t.Parallel()
	client, behind := setup(t)
	versions(t, client)
	behind.requests.Store(0)
	const callers = 16
	var ready, done sync.WaitGroup
	ready.Add(callers)
	behind.before = ready.Wait // the answer comes when all callers have begun
	for range callers {
		done.Go(func() {
			ready.Done()
			if got, err := client.Version(t.Context(), "a/b", 1); err != nil || got.Text != userV1 {
				t.Errorf("got %v %v", got, err)
			}
		})
	}
	done.Wait()
	if got := behind.requests.Load(); got != 1 {
		t.Errorf("got %d requests, want 1", got)
	}
}
