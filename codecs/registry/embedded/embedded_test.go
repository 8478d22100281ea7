package embedded_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/gokavro/gokavro/codecs/registry/embedded"
)

const (
	userV1     = `{"type":"record","name":"User","namespace":"example","fields":[{"name":"id","type":"int"}]}`
	userV2     = `{"type":"record","name":"User","namespace":"example","fields":[{"name":"id","type":"int"},{"name":"age","type":"int","default":0}]}`
	userNoAge  = `{"type":"record","name":"User","namespace":"example","fields":[{"name":"id","type":"int"},{"name":"age","type":"int"}]}`
	userText   = `{"type":"record","name":"User","namespace":"example","fields":[{"name":"id","type":"string"}]}`
	userSpaced = "{ \"name\": \"example.User\",\n \"type\": \"record\",\n \"fields\": [ {\"type\": {\"type\":\"int\"}, \"name\": \"id\"} ] }"
)

// server starts a registry on loopback that ends with the test.
func server(t testing.TB, cfg embedded.Config) (*embedded.Server, string) {
	t.Helper()
	reg, err := embedded.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(reg)
	t.Cleanup(func() {
		web.Close()
		if err := reg.Close(); err != nil {
			t.Error(err)
		}
	})
	return reg, web.URL
}

// send returns status and body of a request.
func send(t testing.TB, method, url, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := resp.Header.Get("Content-Type"), "application/vnd.schemaregistry.v1+json"; got != want {
		t.Errorf("%s %s: content type %q, want %q", method, url, got, want)
	}
	return resp.StatusCode, string(text)
}

// carry is the body of a request that carries a schema.
func carry(t testing.TB, schema string) string {
	t.Helper()
	text, err := json.Marshal(map[string]string{"schema": schema})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// reply is an expected answer, with the whole body.
type reply struct {
	status int
	body   string
}

// guids are the members that answers hold beside what most tests are about.
var guids = regexp.MustCompile(`"guid":"[0-9a-f-]{36}",`)

// want sends a request and compares the answer without its GUIDs.
func want(t testing.TB, method, url, body string, expected reply) {
	t.Helper()
	var got reply
	got.status, got.body = send(t, method, url, body)
	got.body = guids.ReplaceAllString(got.body, "")
	if got != expected {
		t.Errorf("%s %s %s:\n got %d %s\nwant %d %s", method, url, body, got.status, got.body, expected.status, expected.body)
	}
}

func mustRegister(t testing.TB, url, subject, schema string) {
	t.Helper()
	if status, answer := send(t, "POST", url+"/subjects/"+subject+"/versions", carry(t, schema)); status != http.StatusOK {
		t.Fatalf("registering under %s: %d %s", subject, status, answer)
	}
}

func TestEndpointsAnswerInConfluentsForm(t *testing.T) {
	t.Parallel()
	_, url := server(t, embedded.Config{})
	mustRegister(t, url, "users-value", userV1)
	mustRegister(t, url, "users-value", userV2)
	mustRegister(t, url, "copy-value", userV1)
	v1, v2 := fmt.Sprintf("%q", userV1), fmt.Sprintf("%q", userV2)

	for _, tc := range []struct {
		name, method, path, body string
		status                   int
		want                     string
	}{
		{"root", "GET", "/", "", 200, `{}`},
		{"contexts", "GET", "/contexts", "", 200, `["."]`},
		{"subjects", "GET", "/subjects", "", 200, `["copy-value","users-value"]`},
		{"subjects by prefix", "GET", "/subjects?subjectPrefix=us", "", 200, `["users-value"]`},
		{"subjects, second page", "GET", "/subjects?offset=1&limit=1", "", 200, `["users-value"]`},
		{"subjects past the end", "GET", "/subjects?offset=9", "", 200, `[]`},
		{"types", "GET", "/schemas/types", "", 200, `["AVRO"]`},
		{"versions", "GET", "/subjects/users-value/versions", "", 200, `[1,2]`},
		{"versions of nothing", "GET", "/subjects/nope/versions", "", 404, `{"error_code":40401,"message":"Subject 'nope' not found."}`},
		{"version", "GET", "/subjects/users-value/versions/1", "", 200, `{"subject":"users-value","version":1,"id":1,"schema":` + v1 + `}`},
		{"latest", "GET", "/subjects/users-value/versions/latest", "", 200, `{"subject":"users-value","version":2,"id":2,"schema":` + v2 + `}`},
		{"latest as number", "GET", "/subjects/users-value/versions/-1", "", 200, `{"subject":"users-value","version":2,"id":2,"schema":` + v2 + `}`},
		{"version text", "GET", "/subjects/users-value/versions/1/schema", "", 200, userV1},
		{"version missing", "GET", "/subjects/users-value/versions/7", "", 404, `{"error_code":40402,"message":"Version 7 not found."}`},
		{"version of nothing", "GET", "/subjects/nope/versions/1", "", 404, `{"error_code":40401,"message":"Subject 'nope' not found."}`},
		{"version zero", "GET", "/subjects/users-value/versions/0", "", 422, `{"error_code":42202,"message":"The specified version '0' is not a valid version id. Allowed values are between [1, 2^31-1] and the string \"latest\""}`},
		{"referenced by nothing", "GET", "/subjects/users-value/versions/1/referencedby", "", 200, `[]`},
		{"id", "GET", "/schemas/ids/1", "", 200, `{"schema":` + v1 + `}`},
		{"id with the highest", "GET", "/schemas/ids/1?fetchMaxId=true", "", 200, `{"schema":` + v1 + `,"maxId":2}`},
		{"id missing", "GET", "/schemas/ids/99", "", 404, `{"error_code":40403,"message":"Schema 99 not found"}`},
		{"id not a number", "GET", "/schemas/ids/x", "", 404, `{"error_code":404,"message":"HTTP 404 Not Found"}`},
		{"id text", "GET", "/schemas/ids/2/schema", "", 200, userV2},
		{"id subjects", "GET", "/schemas/ids/1/subjects", "", 200, `["copy-value","users-value"]`},
		{"id subjects of one", "GET", "/schemas/ids/1/subjects?subject=copy-value", "", 200, `["copy-value"]`},
		{"id versions", "GET", "/schemas/ids/1/versions", "", 200, `[{"subject":"copy-value","version":1},{"subject":"users-value","version":1}]`},
		{"all schemas, latest", "GET", "/schemas?latestOnly=true&subjectPrefix=users", "", 200, `[{"subject":"users-value","version":2,"id":2,"schema":` + v2 + `}]`},
		{"lookup", "POST", "/subjects/users-value", carry(t, userV1), 200, `{"subject":"users-value","version":1,"id":1,"schema":` + v1 + `}`},
		{"lookup in another spelling", "POST", "/subjects/users-value", carry(t, userSpaced), 200, `{"subject":"users-value","version":1,"id":1,"schema":` + v1 + `}`},
		{"lookup of another schema", "POST", "/subjects/users-value", carry(t, userText), 404, `{"error_code":40403,"message":"Schema not found"}`},
		{"lookup under nothing", "POST", "/subjects/nope", carry(t, userV1), 404, `{"error_code":40401,"message":"Subject 'nope' not found."}`},
		{"register again", "POST", "/subjects/users-value/versions", carry(t, userSpaced), 200, `{"version":1,"id":1,"schema":` + v1 + `}`},
		{"register with an id", "POST", "/subjects/users-value/versions", `{"id":9,"schema":"\"int\""}`, 422, `{"error_code":42205,"message":"Subject users-value is not in import mode: leave out id and version"}`},
		{"register what is there with another id", "POST", "/subjects/users-value/versions", `{"id":9,"schema":` + v1 + `}`, 422, `{"error_code":42205,"message":"Subject users-value is not in import mode: leave out id and version"}`},
		{"register nothing", "POST", "/subjects/users-value/versions", `{}`, 422, `{"error_code":42201,"message":"Empty schema"}`},
		{"register another type", "POST", "/subjects/users-value/versions", `{"schema":"x","schemaType":"JSON"}`, 422, `{"error_code":42201,"message":"Invalid schema type JSON: this registry holds AVRO only"}`},
		{"register a rule set", "POST", "/subjects/users-value/versions", `{"schema":"x","ruleSet":{}}`, 422, `{"error_code":42210,"message":"This registry does not keep rule sets and metadata: leave them out"}`},
		{"register a control character", "POST", "/subjects/a%00b/versions", carry(t, userV1), 422, `{"error_code":42208,"message":"Invalid subject \"a\\x00b\": it is empty or holds control characters"}`},
		{"level", "GET", "/config", "", 200, `{"compatibilityLevel":"BACKWARD"}`},
		{"level of a subject", "GET", "/config/users-value", "", 404, `{"error_code":40408,"message":"Subject 'users-value' does not have subject-level compatibility configured"}`},
		{"level of a subject or all", "GET", "/config/users-value?defaultToGlobal=true", "", 200, `{"compatibilityLevel":"BACKWARD"}`},
		{"level of a subject gone", "DELETE", "/config/users-value", "", 404, `{"error_code":40408,"message":"Subject 'users-value' does not have subject-level compatibility configured"}`},
		{"level unknown", "PUT", "/config", `{"compatibility":"SOMETIMES"}`, 422, `{"error_code":42203,"message":"Invalid compatibility level \"SOMETIMES\". Valid values are none, backward, forward, full, backward_transitive, forward_transitive, and full_transitive"}`},
		{"level none transitive", "PUT", "/config", `{"compatibility":"NONE_TRANSITIVE"}`, 422, `{"error_code":42203,"message":"Invalid compatibility level \"NONE_TRANSITIVE\". Valid values are none, backward, forward, full, backward_transitive, forward_transitive, and full_transitive"}`},
		{"mode", "GET", "/mode", "", 200, `{"mode":"READWRITE"}`},
		{"mode of a subject", "GET", "/mode/users-value", "", 404, `{"error_code":40409,"message":"Subject 'users-value' does not have subject-level mode configured"}`},
		{"mode of a subject or all", "GET", "/mode/users-value?defaultToGlobal=true", "", 200, `{"mode":"READWRITE"}`},
		{"mode import", "PUT", "/mode", `{"mode":"IMPORT"}`, 422, `{"error_code":42204,"message":"Invalid mode \"IMPORT\": this registry has READWRITE and READONLY"}`},
		{"compatible", "POST", "/compatibility/subjects/users-value/versions/latest", carry(t, userV1), 200, `{"is_compatible":true}`},
		{"compatible with nothing", "POST", "/compatibility/subjects/nope/versions/latest", carry(t, userV1), 200, `{"is_compatible":true}`},
		{"compatible with a missing version", "POST", "/compatibility/subjects/users-value/versions/9", carry(t, userV1), 404, `{"error_code":40402,"message":"Version 9 not found."}`},
		{"incompatible", "POST", "/compatibility/subjects/users-value/versions/1", carry(t, userNoAge), 200, `{"is_compatible":false}`},
		{"delete nothing", "DELETE", "/subjects/nope", "", 404, `{"error_code":40401,"message":"Subject 'nope' not found."}`},
		{"unknown path", "GET", "/nope", "", 404, `{"error_code":404,"message":"HTTP 404 Not Found"}`},
		{"unknown method", "PUT", "/subjects", "", 405, `{"error_code":405,"message":"HTTP 405 Method Not Allowed"}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			want(t, tc.method, url+tc.path, tc.body, reply{tc.status, tc.want})
		})
	}
}

func TestRequestsThatAreNotUnderstoodAreRefused(t *testing.T) {
	t.Parallel()
	_, url := server(t, embedded.Config{})
	for _, tc := range []struct {
		name, body string
		status     int
		has        string
	}{
		{"no JSON", "schema", 400, `"error_code":400`},
		{"cut JSON", `{"schema":"`, 400, `"error_code":400`},
		{"trailing text", `{"schema":"\"int\""} more`, 400, `"error_code":400`},
		{"an array", `[]`, 400, `"error_code":400`},
		{"a schema that is no JSON", `{"schema":"record User"}`, 422, `"error_code":42201`},
		{"an unknown type", `{"schema":"\"User\""}`, 422, `"error_code":42201`},
		{"a record without fields", `{"schema":"{\"type\":\"record\",\"name\":\"A\"}"}`, 422, `"error_code":42201`},
		{"an unknown reference", `{"schema":"\"int\"","references":[{"name":"A","subject":"a","version":1}]}`, 422, `"error_code":42201`},
		{"too large", `{"schema":"` + strings.Repeat(" ", 10<<20) + `"}`, 413, `"error_code":413`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			status, got := send(t, "POST", url+"/subjects/s/versions", tc.body)
			if status != tc.status || !strings.Contains(got, tc.has) {
				t.Errorf("got %d %s, want %d with %s", status, got, tc.status, tc.has)
			}
		})
	}
	want(t, "GET", url+"/subjects", "", reply{200, `[]`})
}

func TestSubjectsMayHoldSlashes(t *testing.T) {
	t.Parallel()
	_, url := server(t, embedded.Config{})
	mustRegister(t, url, "a%2Fb%20c..-value", userV1)
	want(t, "GET", url+"/subjects", "", reply{200, `["a/b c..-value"]`})
	want(t, "GET", url+"/subjects/a%2Fb%20c..-value/versions", "", reply{200, `[1]`})
}

func TestNormalizeStoresTheNormalForm(t *testing.T) {
	t.Parallel()
	_, url := server(t, embedded.Config{})
	normal := `{"fields":[{"name":"id","type":"int"}],"name":"example.User","type":"record"}`
	want(t, "POST", url+"/subjects/s/versions?normalize=true", carry(t, userV1), reply{200, `{"version":1,"id":1,"schema":` + fmt.Sprintf("%q", normal) + `}`})
	want(t, "POST", url+"/subjects/s/versions", carry(t, userSpaced), reply{200, `{"version":1,"id":1,"schema":` + fmt.Sprintf("%q", normal) + `}`})
}

func TestAttributesMakeAnotherSchema(t *testing.T) {
	t.Parallel()
	_, url := server(t, embedded.Config{})
	texts := []string{
		`{"type":"record","name":"A","fields":[{"name":"b","type":"int"}]}`,
		`{"type":"record","name":"A","doc":"of it","fields":[{"name":"b","type":"int"}]}`,
		`{"type":"record","name":"A","fields":[{"name":"b","type":"int","default":1}]}`,
		`{"type":"record","name":"A","aliases":["Z"],"fields":[{"name":"b","type":"int"}]}`,
		`{"type":"record","name":"A","fields":[{"name":"b","type":{"type":"int","logicalType":"date"}}]}`,
	}
	for _, text := range texts {
		mustRegister(t, url, "s", text)
	}
	want(t, "GET", url+"/subjects/s/versions", "", reply{200, `[1,2,3,4,5]`})
}

func TestReferencesAreResolvedAndKeepWhatTheyName(t *testing.T) {
	t.Parallel()
	_, url := server(t, embedded.Config{})
	mustRegister(t, url, "user", userV1)
	group := `{"schema":"{\"type\":\"array\",\"items\":\"example.User\"}","references":[{"name":"example.User","subject":"user","version":-1}]}`
	answer := `"schema":"{\"type\":\"array\",\"items\":\"example.User\"}","references":[{"name":"example.User","subject":"user","version":1}]}`
	want(t, "POST", url+"/subjects/group/versions", group, reply{200, `{"version":1,"id":2,` + answer})
	want(t, "POST", url+"/subjects/group", group, reply{200, `{"subject":"group","version":1,"id":2,` + answer})
	nested := `{"schema":"{\"type\":\"map\",\"values\":[\"null\",\"example.User\"]}","references":[{"name":"g","subject":"group","version":1},{"name":"u","subject":"user","version":1}]}`
	if status, got := send(t, "POST", url+"/subjects/nested/versions", nested); status != 200 {
		t.Errorf("a reference that is met twice: %d %s", status, got)
	}
	want(t, "GET", url+"/subjects/user/versions/1/referencedby", "", reply{200, `[2,3]`})
	want(t, "DELETE", url+"/subjects/user", "", reply{422, `{"error_code":42206,"message":"Subject 'user' Version 1 is referenced by the schemas [2 3]"}`})
	want(t, "DELETE", url+"/subjects/user/versions/1", "", reply{422, `{"error_code":42206,"message":"Subject 'user' Version 1 is referenced by the schemas [2 3]"}`})
	want(t, "DELETE", url+"/subjects/nested", "", reply{200, `[1]`})
	want(t, "DELETE", url+"/subjects/group", "", reply{200, `[1]`})
	want(t, "DELETE", url+"/subjects/user", "", reply{200, `[1]`})
	want(t, "DELETE", url+"/subjects/user?permanent=true", "", reply{422, `{"error_code":42206,"message":"Subject 'user' Version 1 is referenced by the schemas [2 3]"}`})
}

func TestDeletedVersionsCanBeListedAndComeBack(t *testing.T) {
	t.Parallel()
	_, url := server(t, embedded.Config{})
	mustRegister(t, url, "s", userV1)
	mustRegister(t, url, "s", userV2)
	for _, step := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"DELETE", "/subjects/s/versions/1?permanent=true", "", 404, `{"error_code":40407,"message":"Subject 's' Version 1 was not deleted first before being permanently deleted"}`},
		{"DELETE", "/subjects/s/versions/latest", "", 200, `2`},
		{"DELETE", "/subjects/s/versions/2", "", 404, `{"error_code":40406,"message":"Subject 's' Version 2 was soft deleted. Set permanent=true to delete permanently"}`},
		{"GET", "/subjects/s/versions", "", 200, `[1]`},
		{"GET", "/subjects/s/versions?deleted=true", "", 200, `[1,2]`},
		{"GET", "/subjects/s/versions?deletedOnly=true", "", 200, `[2]`},
		{"GET", "/subjects/s/versions/2/schema?deleted=true", "", 200, userV2},
		{"GET", "/schemas/ids/2/schema", "", 200, userV2},
		{"GET", "/schemas/ids/2/versions", "", 200, `[]`},
		{"POST", "/subjects/s", carry(t, userV2), 404, `{"error_code":40403,"message":"Schema not found"}`},
		{"POST", "/subjects/s/versions", carry(t, userV2), 200, `{"version":3,"id":2,"schema":` + fmt.Sprintf("%q", userV2) + `}`},
		{"DELETE", "/subjects/s?permanent=true", "", 404, `{"error_code":40405,"message":"Subject 's' was not deleted first before being permanently deleted"}`},
		{"DELETE", "/subjects/s", "", 200, `[1,3]`},
		{"DELETE", "/subjects/s", "", 404, `{"error_code":40404,"message":"Subject 's' was soft deleted. Set permanent=true to delete permanently"}`},
		{"GET", "/subjects", "", 200, `[]`},
		{"GET", "/subjects?deleted=true", "", 200, `["s"]`},
		{"DELETE", "/subjects/s/versions/2?permanent=true", "", 200, `2`},
		{"GET", "/schemas/ids/2/schema", "", 200, userV2},
		{"DELETE", "/subjects/s?permanent=true", "", 200, `[1,3]`},
		{"GET", "/subjects?deleted=true", "", 200, `[]`},
		{"GET", "/schemas/ids/2", "", 404, `{"error_code":40403,"message":"Schema 2 not found"}`},
		{"POST", "/subjects/s/versions", carry(t, userV1), 200, `{"version":1,"id":3,"schema":` + fmt.Sprintf("%q", userV1) + `}`},
	} {
		want(t, step.method, url+step.path, step.body, reply{step.status, step.want})
	}
}
