package plan_test

import (
	"bufio"
	"bytes"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"testing"
	"unsafe"
)

//go:embed testdata/evolve.jsonl
var evolveCases []byte

type evolveCase struct {
	Name        string          `json:"name"`
	Writer      json.RawMessage `json:"writer"`
	Reader      json.RawMessage `json:"reader"`
	Encoded     string          `json:"encoded_hex"`
	Read        string          `json:"reader_hex"`
	Error       bool            `json:"error"`
	ImplDefined any             `json:"impl_defined"`
}

func readEvolveCases(t testing.TB) []evolveCase {
	t.Helper()
	var cases []evolveCase
	lines := bufio.NewScanner(bytes.NewReader(evolveCases))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var c evolveCase
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		cases = append(cases, c)
	}
	return cases
}

func TestDecodeResolvesAsJavaDoes(t *testing.T) {
	t.Parallel()
	run := 0
	for _, c := range readEvolveCases(t) {
		// Resolution is lazy here as in Java, so data_dependent cases hold too.
		if c.ImplDefined != nil {
			continue
		}
		run++
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			value, err := decode[any](t, string(c.Writer), string(c.Reader), c.Encoded)
			if c.Error {
				if err == nil {
					t.Fatalf("got %v, want an error", value)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			out, err := encoderOf[any](t, string(c.Reader)).Append(nil, unsafe.Pointer(&value))
			if got := hex.EncodeToString(out); err != nil || got != c.Read {
				t.Errorf("got %s of %#v, %v, want %s", got, value, err, c.Read)
			}
		})
	}
	if run < 90 {
		t.Errorf("ran %d cases, want 90 at least", run)
	}
}
