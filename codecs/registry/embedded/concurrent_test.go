package embedded_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/gokavro/gokavro/codecs/registry/embedded"
)

func TestConcurrentRegistrationsGiveEachSchemaOneID(t *testing.T) {
	t.Parallel()
	reg, _ := server(t, embedded.Config{Dir: t.TempDir()})
	const writers, schemas = 8, 10
	ids := make([][]int, writers)
	var wg sync.WaitGroup
	for w := range writers {
		ids[w] = make([]int, schemas)
		wg.Go(func() {
			for i := range schemas {
				ids[w][i] = registerDirectly(t, reg, fmt.Sprintf("subject-%d", w%4), i)
				reg.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/schemas?deleted=true", nil))
			}
		})
	}
	wg.Wait()
	seen := make(map[int]bool)
	for i := range schemas {
		seen[ids[0][i]] = true
		for w := range writers {
			if ids[w][i] != ids[0][i] {
				t.Errorf("schema %d: writer %d got id %d, writer 0 got %d", i, w, ids[w][i], ids[0][i])
			}
		}
	}
	if len(seen) != schemas {
		t.Errorf("got %d ids, want %d", len(seen), schemas)
	}
}

func registerDirectly(t *testing.T, reg http.Handler, subject string, i int) int {
	schema := fmt.Sprintf(`{"type":"record","name":"R","doc":"%d","fields":[]}`, i)
	req := httptest.NewRequest(http.MethodPost, "/subjects/"+subject+"/versions", strings.NewReader(carry(t, schema)))
	rec := httptest.NewRecorder()
	reg.ServeHTTP(rec, req)
	var answer struct{ ID int }
	if err := json.Unmarshal(rec.Body.Bytes(), &answer); err != nil || rec.Code != http.StatusOK {
		t.Errorf("registering: %d %s", rec.Code, rec.Body)
	}
	return answer.ID
}

func FuzzRegister(f *testing.F) {
	for _, schema := range []string{userV1, userV2, userSpaced, `"int"`, `["null","string"]`, `{"type":"array","items":"User"}`, `{`} {
		f.Add(carry(f, schema))
	}
	f.Add(`{"schema":"\"int\"","references":[{"name":"a","subject":"s","version":-1}]}`)
	f.Add(`{"schema":"{\"type\":{\"type\":{\"type\":\"int\"}}}"}`)
	f.Fuzz(func(t *testing.T, body string) {
		reg, err := embedded.New(embedded.Config{})
		if err != nil {
			t.Fatal(err)
		}
		post := func() (int, string) {
			rec := httptest.NewRecorder()
			reg.ServeHTTP(rec, httptest.NewRequest(http.MethodPost, "/subjects/s/versions", strings.NewReader(body)))
			return rec.Code, rec.Body.String()
		}
		status, answer := post()
		if status == http.StatusInternalServerError {
			t.Fatalf("got %d %s", status, answer)
		}
		again, same := post()
		if again != status {
			t.Fatalf("the second time: got %d %s, want %d %s", again, same, status, answer)
		}
		if status != http.StatusOK {
			return // a schema with several faults may be refused for any of them
		}
		if same != answer {
			t.Fatalf("the second time: got %s, want %s", same, answer)
		}
		var kept struct{ Schema string }
		if err := json.Unmarshal([]byte(answer), &kept); err != nil || !json.Valid([]byte(kept.Schema)) {
			t.Fatalf("got %s, want a schema in JSON (%v)", answer, err)
		}
	})
}
