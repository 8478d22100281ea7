package registry_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gokavro/gokavro/codecs/registry"
)

// request sends a request that the client has no method for.
func request(t *testing.T, behind http.Handler, method, path, body string) {
	t.Helper()
	rec := httptest.NewRecorder()
	behind.ServeHTTP(rec, httptest.NewRequest(method, path, strings.NewReader(body)))
	if rec.Code != http.StatusOK {
		t.Fatalf("%s %s: status %d: %s", method, path, rec.Code, rec.Body)
	}
}

func TestVersionsListsThemWithOrWithoutTheDeleted(t *testing.T) {
	t.Parallel()
	client, behind := setup(t)
	versions(t, client)
	request(t, behind, http.MethodDelete, "/subjects/a%2Fb/versions/2", "")
	got, err := client.Versions(t.Context(), "a/b", false)
	check(t, "Versions", got, err, []int{1})
	got, err = client.Versions(t.Context(), "a/b", true)
	check(t, "Versions with the deleted", got, err, []int{1, 2})
	_, err = client.Versions(t.Context(), "x", true)
	if _, ok := errors.AsType[*registry.NotFoundError](err); !ok || !strings.Contains(err.Error(), `"x"`) {
		t.Errorf("got %v for a subject that is not there, want a NotFoundError that names it", err)
	}
}

func TestLevelIsTheSubjectsOrElseTheRegistrys(t *testing.T) {
	t.Parallel()
	client, behind := setup(t)
	level, err := client.Level(t.Context(), "a/b")
	check(t, "Level of a subject that is not there", level, err, "BACKWARD")
	request(t, behind, http.MethodPut, "/config", `{"compatibility":"FULL"}`)
	level, err = client.Level(t.Context(), "a/b")
	check(t, "Level of the registry", level, err, "FULL")
	request(t, behind, http.MethodPut, "/config/a%2Fb", `{"compatibility":"FORWARD_TRANSITIVE"}`)
	level, err = client.Level(t.Context(), "a/b")
	check(t, "Level of the subject", level, err, "FORWARD_TRANSITIVE")
}

func TestLevelOfApicurioIsTheRegistrysWhereItSaysNone(t *testing.T) {
	t.Parallel()
	answers := map[string]string{
		"/config":      `{"compatibilityLevel":"BACKWARD"}`,
		"/config/none": `{"compatibilityLevel":"NONE"}`,
		"/config/own":  `{"compatibilityLevel":"FULL"}`,
	}
	for prefix, want := range map[string]map[string]string{
		"":                 {"none": "NONE", "own": "FULL", "new": "BACKWARD"},
		"/apis/ccompat/v7": {"none": "BACKWARD", "own": "FULL", "new": "BACKWARD"},
	} {
		url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			answer, ok := answers[strings.TrimPrefix(r.URL.Path, prefix)]
			if !ok {
				w.WriteHeader(http.StatusNotFound)
				answer = `{"error_code":40401,"message":"No artifact was found."}`
			}
			_, _ = w.Write([]byte(answer))
		}))
		client := newClient(t, registry.Config{URLs: []string{url + prefix}})
		for subject, level := range want {
			got, err := client.Level(t.Context(), subject)
			check(t, prefix+" level of "+subject, got, err, level)
		}
	}
}
