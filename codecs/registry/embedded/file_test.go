package embedded_test

import (
	"errors"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/codecs/registry/dirlock"
	"github.com/gokavro/gokavro/codecs/registry/embedded"
)

// dump is all that a registry tells about itself.
func dump(t *testing.T, url string) []string {
	t.Helper()
	var out []string
	for _, path := range []string{
		"/schemas?deleted=true", "/subjects?deletedOnly=true", "/schemas/ids/1?fetchMaxId=true",
		"/config", "/config/kept", "/mode", "/mode/kept",
	} {
		_, answer := send(t, "GET", url+path, "")
		out = append(out, path+" "+answer)
	}
	return out
}

func fill(t *testing.T, url string) {
	t.Helper()
	mustRegister(t, url, "kept", userV1)
	mustRegister(t, url, "kept", userV2)
	mustRegister(t, url, "gone", userV1)
	want(t, "POST", url+"/subjects/group/versions", `{"schema":"{\"type\":\"array\",\"items\":\"example.User\"}","references":[{"name":"u","subject":"kept","version":1}]}`, reply{
		200,
		`{"version":1,"id":3,"schema":"{\"type\":\"array\",\"items\":\"example.User\"}","references":[{"name":"u","subject":"kept","version":1}]}`,
	})
	want(t, "DELETE", url+"/subjects/gone", "", reply{200, `[1]`})
	want(t, "PUT", url+"/config", `{"compatibility":"FULL"}`, reply{200, `{"compatibility":"FULL"}`})
	want(t, "PUT", url+"/config/kept", `{"compatibility":"NONE"}`, reply{200, `{"compatibility":"NONE"}`})
	want(t, "PUT", url+"/mode/kept", `{"mode":"READONLY"}`, reply{200, `{"mode":"READONLY"}`})
}

func TestAFolderBringsEverythingBack(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "made")
	first, err := embedded.New(embedded.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(first)
	fill(t, web.URL)
	before := dump(t, web.URL)
	web.Close()
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}

	_, url := server(t, embedded.Config{Dir: dir})
	if diff := cmp.Diff(before, dump(t, url)); diff != "" {
		t.Errorf("after the restart (-before +after):\n%s", diff)
	}
	want(t, "POST", url+"/subjects/new/versions", carry(t, `"int"`), reply{200, `{"version":1,"id":4,"schema":"\"int\""}`})
	entries, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(entries) != 2 {
		t.Errorf("folder holds %v (%v), want the state and the lock only", entries, err)
	}
}

func TestAFolderBelongsToOneServer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, _ := server(t, embedded.Config{Dir: dir})
	_, err := embedded.New(embedded.Config{Dir: dir})
	if !errors.Is(err, dirlock.ErrTaken) || !strings.Contains(err.Error(), dir) {
		t.Fatalf("second server: got %v, want ErrTaken that names %s", err, dir)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second, err := embedded.New(embedded.Config{Dir: dir})
	if err != nil {
		t.Fatalf("after Close: got %v, want nil", err)
	}
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestAClosedServerAnswersThatItIsUnavailable(t *testing.T) {
	t.Parallel()
	reg, url := server(t, embedded.Config{})
	if err := reg.Close(); err != nil {
		t.Fatal(err)
	}
	want(t, "GET", url+"/subjects", "", reply{503, `{"error_code":503,"message":"The registry is closed"}`})
	want(t, "DELETE", url+"/subjects/s", "", reply{503, `{"error_code":503,"message":"The registry is closed"}`})
}

func TestADamagedFileIsRefused(t *testing.T) {
	t.Parallel()
	const head = `{"format":1,"next_id":3,"global":{"level":"BACKWARD","mode":"READWRITE"},`
	for _, tc := range []struct{ name, text, says string }{
		{"empty", "", "is empty"},
		{"cut", `{"format":1,`, "unexpected end of JSON input"},
		{"another format", `{"format":2}`, "format 2 is not 1"},
		{"unknown level", `{"format":1,"global":{"level":"X","mode":"READWRITE"}}`, `level "X"`},
		{"a schema that does not parse", head + `"schemas":[{"id":1,"schema":"{"}]}`, "schema id 1"},
		{"an id twice", head + `"schemas":[{"id":1,"schema":"\"int\""},{"id":1,"schema":"\"long\""}]}`, "schema id 1 is out of order"},
		{"an id that is still to come", head + `"schemas":[{"id":3,"schema":"\"int\""}]}`, "schema id 3 is out of order"},
		{"a version without a schema", head + `"subjects":{"s":{"versions":[{"version":1,"id":2}]}}}`, `subject "s" version 1`},
		{"a reference to nothing", head + `"schemas":[{"id":1,"schema":"\"int\"","references":[{"name":"a","subject":"a","version":1}]}]}`, `refers to subject "a"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := filepath.Join(dir, "registry.json")
			if err := os.WriteFile(path, []byte(tc.text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := embedded.New(embedded.Config{Dir: dir})
			if err == nil {
				t.Fatal("got no error")
			}
			for _, part := range []string{"embedded registry: ", path, tc.says, "delete it to start anew"} {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("got %q, want it to say %q", err, part)
				}
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("got %q, want one line", err)
			}
		})
	}
}

func TestAChangeThatCannotBeKeptIsUndone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, url := server(t, embedded.Config{Dir: dir})
	mustRegister(t, url, "s", userV1)
	// A folder in the place of the new file makes writing it impossible.
	block := filepath.Join(dir, "registry.json.new")
	if err := os.MkdirAll(filepath.Join(block, "in"), 0o700); err != nil {
		t.Fatal(err)
	}
	status, answer := send(t, "POST", url+"/subjects/s/versions", carry(t, userV2))
	if status != 500 || !strings.Contains(answer, `"error_code":50001`) {
		t.Errorf("got %d %s, want 500 with code 50001", status, answer)
	}
	want(t, "GET", url+"/subjects/s/versions", "", reply{200, `[1]`})
	mustRegister(t, url, "s", userV1)
	if err := os.RemoveAll(block); err != nil {
		t.Fatal(err)
	}
	mustRegister(t, url, "s", userV2)
	want(t, "GET", url+"/subjects/s/versions", "", reply{200, `[1,2]`})
}
