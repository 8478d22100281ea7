package source_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/gokavro/gokavro/cmd/gokavro/internal/source"
)

type named struct {
	Name json.RawMessage `json:"name"`
}

func TestADeepObjectKeepsItsName(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000)
	for line, want := range map[string]string{
		`{"x":` + deep + `,"name":"n"}`:       `"n"`,
		`{"name":{"a":[1]},"x":` + deep + `}`: `{"a":[1]}`,
		`{"x":` + deep + `}`:                  `null`,
		`{"x":` + deep:                        ``,
		deep:                                  ``,
		`{"x":`:                               ``,
	} {
		name, err := source.Object([]byte(line), new(named))
		if string(name) != want || errors.Is(err, source.ErrDeep) != (want != "") || err == nil {
			t.Errorf("%.20s: got %s and %v, want %s", line, name, err, want)
		}
	}
}

func FuzzObject(f *testing.F) {
	f.Add([]byte(`{"name":"a","x":[1,{"y":null}]}`))
	f.Add([]byte(`{"x":` + strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001) + `,"name":1}`))
	f.Add([]byte(`{"name":`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, line []byte) {
		var v named
		name, err := source.Object(line, &v)
		switch {
		case err == nil && !json.Valid(line):
			t.Fatalf("%s: got no error", line)
		case (name != nil) != errors.Is(err, source.ErrDeep):
			t.Fatalf("%s: got %s and %v", line, name, err)
		case name != nil && !json.Valid(name):
			t.Fatalf("%s: got the name %s", line, name)
		}
	})
}
