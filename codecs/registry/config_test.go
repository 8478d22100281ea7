package registry_test

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gokavro/gokavro/codecs/registry"
)

func TestNewRefusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	good := []string{"http://localhost:8081"}
	for _, tc := range []struct {
		name string
		cfg  registry.Config
		says string
	}{
		{"no URL", registry.Config{}, "no URL is given"},
		{"empty URL", registry.Config{URLs: []string{" "}}, "an address is empty"},
		{"no scheme", registry.Config{URLs: []string{"localhost:8081"}}, `address "localhost:8081" has no scheme: write http://localhost:8081`},
		{"no scheme, no port", registry.Config{URLs: []string{"registry"}}, "write http://registry"},
		{"another scheme", registry.Config{URLs: []string{"ftp://a"}}, "use http:// or https://"},
		{"no host", registry.Config{URLs: []string{"http://:8081"}}, "has no host"},
		{"bad port", registry.Config{URLs: []string{"http://a:port"}}, "not a URL"},
		{"port too high", registry.Config{URLs: []string{"http://a:99999"}}, "use 1 to 65535"},
		{"query", registry.Config{URLs: []string{"http://a/?x=1"}}, "has a query"},
		{"second URL bad", registry.Config{URLs: []string{"http://a", "b:1"}}, "write http://b:1"},
		{"negative time-out", registry.Config{URLs: good, Timeout: -time.Second}, "timeout -1s is negative"},
		{"user and token", registry.Config{URLs: good, BasicUser: "a", Bearer: "b"}, "use one"},
		{"password alone", registry.Config{URLs: good, BasicPassword: "a"}, "set the user too"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, err := registry.New(tc.cfg)
			if err == nil {
				t.Fatal("got no error")
			}
			if !strings.HasPrefix(err.Error(), "registry: ") || !strings.Contains(err.Error(), tc.says) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %q, want one line that says %q", err, tc.says)
			}
		})
	}
}

func TestNewListsAllFaults(t *testing.T) {
	t.Parallel()
	_, err := registry.New(registry.Config{URLs: []string{"a:1", "ftp://b"}, Timeout: -1})
	if err == nil || strings.Count(err.Error(), "registry: ") != 3 {
		t.Errorf("got %v, want three faults", err)
	}
}

func TestCredentialsAreSentAndNeverShown(t *testing.T) {
	t.Parallel()
	basic := func(s string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(s)) }
	seen := make(chan string, 1)
	url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen <- r.Header.Get("Authorization")
		w.WriteHeader(http.StatusUnauthorized)
	}))
	for _, tc := range []struct {
		name string
		cfg  registry.Config
		want string
	}{
		{"none", registry.Config{URLs: []string{url}}, ""},
		{"basic", registry.Config{URLs: []string{url}, BasicUser: "ann", BasicPassword: "secret"}, basic("ann:secret")},
		{"bearer", registry.Config{URLs: []string{url}, Bearer: "secret"}, "Bearer secret"},
		{"in the URL", registry.Config{URLs: []string{strings.Replace(url, "http://", "http://bob:secret@", 1)}, BasicUser: "ann", BasicPassword: "secret"}, basic("bob:secret")},
	} {
		client, err := registry.New(tc.cfg)
		if err != nil {
			t.Fatal(err)
		}
		err = client.Ping(t.Context())
		if got := <-seen; got != tc.want {
			t.Errorf("%s: sent %q, want %q", tc.name, got, tc.want)
		}
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got %v, want an error without the password", tc.name, err)
		}
	}
}

func TestABasePathIsKept(t *testing.T) {
	t.Parallel()
	paths := make(chan string, 1)
	url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		paths <- r.URL.EscapedPath()
		_, _ = w.Write([]byte(`{"schema":"\"int\"","id":1,"version":1,"subject":"a/b"}`))
	}))
	client := newClient(t, registry.Config{URLs: []string{url + "/apis/ccompat/v7/"}})
	if _, err := client.Register(t.Context(), "a/b", `"int"`); err != nil {
		t.Fatal(err)
	}
	if got, want := <-paths, "/apis/ccompat/v7/subjects/a%2Fb/versions"; got != want {
		t.Errorf("asked %s, want %s", got, want)
	}
}
