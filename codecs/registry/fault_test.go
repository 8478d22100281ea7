package registry_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gokavro/gokavro/codecs/registry"
	"github.com/gokavro/gokavro/codecs/registry/embedded"
)

// short is a time-out that leaves room for a few tries.
const short = 400 * time.Millisecond

func status(code int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		fmt.Fprint(w, body)
	}
}

// hang never answers a request. The server sees that the client is gone only
// after the body was read.
func hang(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

// closedPort is a loopback address where nothing listens.
func closedPort(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return "http://" + ln.Addr().String()
}

func TestWhatCannotBeAskedIsUnavailable(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		handler http.HandlerFunc // nil: nothing listens
		retried bool
		says    string
	}{
		{"nothing listens", nil, true, "registry: nothing answers at http://127.0.0.1"},
		{"hangs", hang, true, "no answer in time"},
		{"status 500", status(500, `{"error_code":50001,"message":"store"}`), true, "status 500: store"},
		{"status 503 with a page", status(503, "<html>\n<body>\n"+strings.Repeat("busy ", 1000)+"</body></html>"), true, "status 503: <html> <body> busy"},
		{"status 429", status(429, ""), true, "status 429"},
		{"status 401", status(401, `{"error_code":401,"message":"Unauthorized"}`), false, "refuses access with status 401: Unauthorized: correct the user"},
		{"status 403", status(403, ""), false, "refuses access with status 403"},
		{"a page", status(200, "<html>hello</html>"), false, "does not answer as a schema registry does"},
		{"nothing", status(200, ""), false, "does not answer as a schema registry does"},
		{"cut JSON", status(200, `{"schema":"`), false, "does not answer as a schema registry does"},
		{"other JSON", status(200, `{"hello":"world"}`), false, "does not answer as a schema registry does"},
		{"another type of JSON", status(200, `17`), false, "does not answer as a schema registry does"},
		{"a page for status 404", status(404, "404 page not found"), false, "does not answer as a schema registry does"},
		{"another service's status 404", status(404, `{"error_code":404,"message":"HTTP 404 Not Found"}`), false, "correct --registry"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var requests atomic.Int64
			url := closedPort(t)
			if tc.handler != nil {
				url = serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					requests.Add(1)
					tc.handler(w, r)
				}))
			}
			client := newClient(t, registry.Config{URLs: []string{url}, Timeout: short})
			start := time.Now()
			_, err := client.ByID(t.Context(), 7)
			took := time.Since(start)

			var away *registry.UnavailableError
			if !errors.As(err, &away) || len(away.URLs) != 1 || away.URLs[0] != url {
				t.Fatalf("got %#v, want an UnavailableError for %s", err, url)
			}
			if !strings.Contains(err.Error(), tc.says) || strings.Contains(err.Error(), "\n") || len(err.Error()) > 1000 {
				t.Errorf("got %q, want one short line that says %q", err, tc.says)
			}
			if tc.retried != strings.Contains(err.Error(), "within "+short.String()) {
				t.Errorf("got %q, want the time in it: %t", err, tc.retried)
			}
			if tc.retried && took < short {
				t.Errorf("gave up after %s, want %s", took, short)
			}
			if !tc.retried && requests.Load() != 1 {
				t.Errorf("got %d requests, want 1", requests.Load())
			}
		})
	}
}

func TestPingMeetsTheSameFaults(t *testing.T) {
	t.Parallel()
	for name, url := range map[string]string{
		"nothing listens": closedPort(t),
		"a page":          serve(t, status(200, "<html>")),
	} {
		client := newClient(t, registry.Config{URLs: []string{url}, Timeout: short})
		var away *registry.UnavailableError
		if err := client.Ping(t.Context()); !errors.As(err, &away) {
			t.Errorf("%s: got %v, want an UnavailableError", name, err)
		}
	}
}

// flaky answers the first requests with a fault.
func flaky(t *testing.T, faults int64, fault http.HandlerFunc) string {
	t.Helper()
	reg, err := embedded.New(embedded.Config{})
	if err != nil {
		t.Fatal(err)
	}
	var requests atomic.Int64
	return serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if requests.Add(1) <= faults {
			fault(w, r)
			return
		}
		reg.ServeHTTP(w, r)
	}))
}

func drop(w http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) }

func TestAFaultThatPassesIsRetried(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]http.HandlerFunc{
		"status 500": status(500, "{}"), "status 429": status(429, ""), "broken connection": drop,
		"hung connection": hang,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			faults, timeout := int64(3), registry.DefaultTimeout
			if name == "hung connection" {
				faults, timeout = 1, 8*time.Second // a try gets a quarter of it
			}
			client := newClient(t, registry.Config{URLs: []string{flaky(t, faults, fault)}, Timeout: timeout})
			if _, err := client.Register(t.Context(), "s", userV1); err != nil {
				t.Errorf("got %v, want nil after retries", err)
			}
		})
	}
}

func TestUnavailabilityIsNotRemembered(t *testing.T) {
	t.Parallel()
	reg, err := embedded.New(embedded.Config{})
	if err != nil {
		t.Fatal(err)
	}
	var up atomic.Bool
	url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !up.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		reg.ServeHTTP(w, r)
	}))
	client := newClient(t, registry.Config{URLs: []string{url}, Timeout: short})
	var away *registry.UnavailableError
	if _, err := client.ByID(t.Context(), 1); !errors.As(err, &away) {
		t.Fatalf("got %v, want an UnavailableError", err)
	}
	up.Store(true)
	var missing *registry.NotFoundError
	if _, err := client.ByID(t.Context(), 1); !errors.As(err, &missing) {
		t.Errorf("got %v, want a NotFoundError once it is up", err)
	}
}

func TestAnotherNodeTakesOver(t *testing.T) {
	t.Parallel()
	for name, first := range map[string]string{
		"nothing listens": closedPort(t),
		"status 500":      serve(t, status(500, "{}")),
		"status 401":      serve(t, status(401, "{}")),
		"a page":          serve(t, status(200, "<html>")),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var before atomic.Int64
			client := newClient(t, registry.Config{URLs: []string{first, flaky(t, 0, nil)}, Timeout: 10 * time.Second})
			for range 3 {
				if _, err := client.Register(t.Context(), fmt.Sprint("s", before.Add(1)), userV1); err != nil {
					t.Errorf("got %v, want nil from the second node", err)
				}
			}
		})
	}
}

func TestTheCallersContextEndsTheWait(t *testing.T) {
	t.Parallel()
	arrived := make(chan struct{}, 100)
	url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		hang(w, r)
	}))
	client := newClient(t, registry.Config{URLs: []string{url}})
	for name, ask := range map[string]func(context.Context) error{
		"shared": func(ctx context.Context) error { _, err := client.Lookup(ctx, "s", userV1); return err },
		"own":    client.Ping,
	} {
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-arrived
			cancel()
		}()
		err := ask(ctx)
		var away *registry.UnavailableError
		if !errors.Is(err, context.Canceled) || errors.As(err, &away) {
			t.Errorf("%s: got %v, want canceled", name, err)
		}
		ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
		err = ask(ctx)
		cancel()
		if !errors.As(err, &away) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: got %v, want an UnavailableError for the deadline", name, err)
		}
	}
}
