package registry_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gokavro/gokavro/codecs/registry"
)

// limited refuses with status 429 and a wish.
func limited(after string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", after)
		w.WriteHeader(http.StatusTooManyRequests)
	}
}

func TestARegistryIsLeftAloneForAsLongAsItAsks(t *testing.T) {
	t.Parallel()
	client := newClient(t, registry.Config{URLs: []string{flaky(t, 1, limited("1"))}})
	start := time.Now()
	if _, err := client.Register(t.Context(), "s", userV1); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took < time.Second {
		t.Errorf("asked again after %s, want a second at least", took)
	}
}

func TestAnotherNodeIsAskedWhileOneWantsToBeLeftAlone(t *testing.T) {
	t.Parallel()
	for name, after := range map[string]string{
		"seconds": "3600", "date": time.Now().Add(time.Hour).UTC().Format(http.TimeFormat), "more than any": "99999999999999",
	} {
		var requests atomic.Int64
		first := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			requests.Add(1)
			limited(after)(w, r)
		}))
		client := newClient(t, registry.Config{URLs: []string{first, flaky(t, 2, status(503, "{}"))}, Timeout: time.Minute})
		if _, err := client.Register(t.Context(), "s", userV1); err != nil {
			t.Errorf("%s: got %v, want the second node's answer", name, err)
		}
		if requests.Load() == 0 {
			t.Errorf("%s: the first node was not asked", name)
		}
	}
}

func TestAWishThatIsNoTimeIsIgnored(t *testing.T) {
	t.Parallel()
	for _, after := range []string{"", "soon", "-5", "Mon, 01 Jan 2001 00:00:00 GMT"} {
		client := newClient(t, registry.Config{URLs: []string{flaky(t, 2, limited(after))}})
		if _, err := client.Register(t.Context(), "s", userV1); err != nil {
			t.Errorf("%q: got %v, want nil after retries", after, err)
		}
	}
}

func TestALongWishEndsWithTheTimeout(t *testing.T) {
	t.Parallel()
	client := newClient(t, registry.Config{URLs: []string{serve(t, limited("3600"))}, Timeout: short})
	var away *registry.UnavailableError
	if _, err := client.ByID(t.Context(), 1); !errors.As(err, &away) || !strings.Contains(err.Error(), "status 429") {
		t.Errorf("got %v, want an UnavailableError with the status", err)
	}
}

func TestEveryRequestOutlastsAFaultThatPasses(t *testing.T) {
	t.Parallel()
	reg := memory(t)
	versions(t, newClient(t, registry.Config{URLs: []string{serve(t, reg)}}))
	asks := map[string]func(context.Context, *registry.Client) error{
		"ByID":    func(ctx context.Context, c *registry.Client) error { _, err := c.ByID(ctx, 1); return err },
		"Version": func(ctx context.Context, c *registry.Client) error { _, err := c.Version(ctx, "a/b", 1); return err },
		"Latest":  func(ctx context.Context, c *registry.Client) error { _, err := c.Latest(ctx, "a/b"); return err },
		"Versions": func(ctx context.Context, c *registry.Client) error {
			_, err := c.Versions(ctx, "a/b", true)
			return err
		},
		"Level": func(ctx context.Context, c *registry.Client) error { _, err := c.Level(ctx, "a/b"); return err },
		"Lookup": func(ctx context.Context, c *registry.Client) error {
			_, err := c.Lookup(ctx, "a/b", userV1)
			return err
		},
		"Register": func(ctx context.Context, c *registry.Client) error {
			_, err := c.Register(ctx, "a/b", userV1)
			return err
		},
		"Subjects": func(ctx context.Context, c *registry.Client) error { _, err := c.Subjects(ctx); return err },
		"Bundle":   func(ctx context.Context, c *registry.Client) error { _, err := c.Bundle(ctx, "a/b"); return err },
		"Ping":     func(ctx context.Context, c *registry.Client) error { return c.Ping(ctx) },
	}
	faults := map[string]http.HandlerFunc{
		"status 500": status(500, `{"error_code":50001,"message":"store"}`), "status 429": limited("0"), "broken connection": drop,
	}
	for what, ask := range asks {
		for name, fault := range faults {
			t.Run(what+" "+name, func(t *testing.T) {
				t.Parallel()
				var requests atomic.Int64
				url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if requests.Add(1)%2 == 1 { // every other request meets it
						fault(w, r)
						return
					}
					reg.ServeHTTP(w, r)
				}))
				if err := ask(t.Context(), newClient(t, registry.Config{URLs: []string{url}})); err != nil {
					t.Error(err)
				}
			})
		}
	}
}
