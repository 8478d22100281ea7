package embedded_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gokavro/gokavro/codecs/registry/embedded"
)

// guidIn returns the GUID of an answer.
func guidIn(t *testing.T, method, url, body string) string {
	t.Helper()
	status, text := send(t, method, url, body)
	var answer struct{ GUID string }
	if err := json.Unmarshal([]byte(text), &answer); err != nil || status != 200 || answer.GUID == "" {
		t.Fatalf("%s %s: got %d %s, want an answer with a guid", method, url, status, text)
	}
	return answer.GUID
}

func TestASchemaHasTheSameGUIDInEveryRegistry(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "kept")
	first, url := server(t, embedded.Config{Dir: dir})
	_, other := server(t, embedded.Config{})
	guidIn(t, "POST", other+"/subjects/before/versions", carry(t, userText)) // so that ids differ
	guid := guidIn(t, "POST", url+"/subjects/users/versions", carry(t, userV1))
	for call, got := range map[string]string{
		"another spelling":  guidIn(t, "POST", url+"/subjects/users/versions", carry(t, userSpaced)),
		"another subject":   guidIn(t, "POST", url+"/subjects/people/versions", carry(t, userV1)),
		"lookup":            guidIn(t, "POST", url+"/subjects/users", carry(t, userV1)),
		"version":           guidIn(t, "GET", url+"/subjects/users/versions/1", ""),
		"id":                guidIn(t, "GET", url+"/schemas/ids/1", ""),
		"guid":              guidIn(t, "GET", url+"/schemas/guids/"+strings.ToUpper(guid), ""),
		"another registry":  guidIn(t, "POST", other+"/subjects/users/versions", carry(t, userV1)),
		"another, by guid":  guidIn(t, "GET", other+"/schemas/guids/"+guid, ""),
		"another's lookup ": guidIn(t, "POST", other+"/subjects/users", carry(t, userV1)),
	} {
		if got != guid {
			t.Errorf("%s: got %s, want %s", call, got, guid)
		}
	}
	if next := guidIn(t, "POST", url+"/subjects/users/versions", carry(t, userV2)); next == guid {
		t.Errorf("got %s for another schema too", next)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	_, again := server(t, embedded.Config{Dir: dir})
	want(t, "GET", again+"/schemas/guids/"+guid, "", reply{200, `{"schema":` + quoted(t, userV1) + `}`})
}

func quoted(t *testing.T, text string) string {
	t.Helper()
	data, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestAnUnknownGUIDIsNotFound(t *testing.T) {
	t.Parallel()
	_, url := server(t, embedded.Config{})
	guid := guidIn(t, "POST", url+"/subjects/users/versions", carry(t, userV1))
	want(t, "DELETE", url+"/subjects/users", "", reply{200, `[1]`})
	guidIn(t, "GET", url+"/schemas/guids/"+guid, "") // data may still need what was deleted softly
	want(t, "DELETE", url+"/subjects/users?permanent=true", "", reply{200, `[1]`})
	want(t, "GET", url+"/schemas/guids/"+guid, "", reply{404, `{"error_code":40403,"message":"Schema ` + guid + ` not found"}`})
	want(t, "GET", url+"/schemas/guids/x", "", reply{404, `{"error_code":40403,"message":"Schema x not found"}`})
}
