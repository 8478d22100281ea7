package embedded_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gokavro/gokavro/codecs/registry/embedded"
)

func TestRegisterEnforcesTheLevel(t *testing.T) {
	t.Parallel()
	const (
		one  = `{"type":"record","name":"R","fields":[{"name":"a","type":"int"}]}`
		two  = `{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"b","type":"int","default":0}]}`
		bare = `{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"b","type":"int"}]}`
		wide = `{"type":"record","name":"R","fields":[{"name":"a","type":"long"}]}`
		text = `{"type":"record","name":"R","fields":[{"name":"a","type":"string"}]}`
	)
	for _, tc := range []struct {
		level   string
		history []string
		next    string
		ok      bool
	}{
		{"BACKWARD", []string{one}, two, true},
		{"BACKWARD", []string{one}, bare, false},
		{"BACKWARD", []string{one}, wide, true},
		{"BACKWARD", []string{one, two}, bare, true},
		{"BACKWARD_TRANSITIVE", []string{one, two}, bare, false},
		{"FORWARD", []string{one}, bare, true},
		{"FORWARD", []string{one}, wide, false},
		{"FORWARD", []string{bare, two}, one, true},
		{"FORWARD_TRANSITIVE", []string{bare, two}, one, false},
		{"FULL", []string{one}, two, true},
		{"FULL", []string{one}, bare, false},
		{"FULL", []string{one}, wide, false},
		{"FULL", []string{one, two}, bare, true},
		{"FULL_TRANSITIVE", []string{one, two}, bare, false},
		{"NONE", []string{one}, text, true},
	} {
		t.Run(tc.level, func(t *testing.T) {
			t.Parallel()
			_, url := server(t, embedded.Config{})
			want(t, "PUT", url+"/config/s", `{"compatibility":"NONE"}`, reply{200, `{"compatibility":"NONE"}`})
			for _, old := range tc.history {
				mustRegister(t, url, "s", old)
			}
			want(t, "PUT", url+"/config/s", `{"compatibility":"`+tc.level+`"}`, reply{200, `{"compatibility":"` + tc.level + `"}`})

			status, answer := send(t, "POST", url+"/compatibility/subjects/s/versions?verbose=true", carry(t, tc.next))
			if got := strings.Contains(answer, `"is_compatible":true`); status != 200 || got != tc.ok {
				t.Errorf("asking: got %d %s, want compatible %t", status, answer, tc.ok)
			}
			if got := strings.Contains(answer, tc.level+" with version "); got == tc.ok {
				t.Errorf("asking: got %s, want messages %t", answer, !tc.ok)
			}
			wantStatus := http.StatusConflict
			if tc.ok {
				wantStatus = http.StatusOK
			}
			status, answer = send(t, "POST", url+"/subjects/s/versions", carry(t, tc.next))
			if status != wantStatus {
				t.Errorf("registering: got %d %s, want %d", status, answer, wantStatus)
			}
			if !tc.ok && (!strings.Contains(answer, `"error_code":409`) || !strings.Contains(answer, "description:'")) {
				t.Errorf("registering: got %s, want code 409 with reasons", answer)
			}
		})
	}
}

func TestDeletedVersionsDoNotCountForCompatibility(t *testing.T) {
	t.Parallel()
	_, url := server(t, embedded.Config{})
	mustRegister(t, url, "s", userV1)
	if status, _ := send(t, "POST", url+"/subjects/s/versions", carry(t, userText)); status != http.StatusConflict {
		t.Fatalf("got %d before the delete, want 409", status)
	}
	want(t, "DELETE", url+"/subjects/s/versions/1", "", reply{200, `1`})
	mustRegister(t, url, "s", userText)
}

func TestLevelsAndModesFallBackToThoseOfAllSubjects(t *testing.T) {
	t.Parallel()
	_, url := server(t, embedded.Config{})
	for _, step := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"PUT", "/config", `{"compatibility":"full"}`, 200, `{"compatibility":"FULL"}`},
		{"GET", "/config", "", 200, `{"compatibilityLevel":"FULL"}`},
		{"GET", "/config/s?defaultToGlobal=true", "", 200, `{"compatibilityLevel":"FULL"}`},
		{"PUT", "/config/s", `{"compatibility":"NONE"}`, 200, `{"compatibility":"NONE"}`},
		{"GET", "/config/s", "", 200, `{"compatibilityLevel":"NONE"}`},
		{"GET", "/subjects", "", 200, `[]`},
		{"DELETE", "/config/s", "", 200, `{"compatibility":"NONE"}`},
		{"DELETE", "/config", "", 200, `{"compatibility":"FULL"}`},
		{"GET", "/config", "", 200, `{"compatibilityLevel":"BACKWARD"}`},
		{"PUT", "/mode/s", `{"mode":"READONLY"}`, 200, `{"mode":"READONLY"}`},
		{"GET", "/mode/s", "", 200, `{"mode":"READONLY"}`},
		{"POST", "/subjects/s/versions", carry(t, userV1), 422, `{"error_code":42205,"message":"Subject s is in read-only mode"}`},
		{"PUT", "/config/s", `{"compatibility":"NONE"}`, 422, `{"error_code":42205,"message":"Subject s is in read-only mode"}`},
		{"DELETE", "/mode/s", "", 200, `{"mode":"READONLY"}`},
		{"DELETE", "/mode/s", "", 404, `{"error_code":40409,"message":"Subject 's' does not have subject-level mode configured"}`},
		{"PUT", "/mode", `{"mode":"READONLY"}`, 200, `{"mode":"READONLY"}`},
		{"DELETE", "/subjects/s", "", 422, `{"error_code":42205,"message":"Subject s is in read-only mode"}`},
		{"DELETE", "/subjects/s/versions/1", "", 422, `{"error_code":42205,"message":"Subject s is in read-only mode"}`},
		{"DELETE", "/mode", "", 200, `{"mode":"READONLY"}`},
		{"GET", "/mode", "", 200, `{"mode":"READWRITE"}`},
	} {
		want(t, step.method, url+step.path, step.body, reply{step.status, step.want})
	}
	mustRegister(t, url, "s", userV1)
}

func TestReadOnlyStillAnswersForWhatIsThere(t *testing.T) {
	t.Parallel()
	_, url := server(t, embedded.Config{})
	mustRegister(t, url, "s", userV1)
	want(t, "PUT", url+"/mode", `{"mode":"READONLY"}`, reply{200, `{"mode":"READONLY"}`})
	mustRegister(t, url, "s", userV1)
}
