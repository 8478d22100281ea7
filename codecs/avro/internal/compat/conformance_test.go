package compat_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/codecs/avro/internal/ast"
	"github.com/gokavro/gokavro/codecs/avro/internal/compat"
)

// pairCase is a line of compat.jsonl.
type pairCase struct {
	Name       string
	Reader     json.RawMessage
	Writer     json.RawMessage
	Compatible bool
	// Reasons are Java's, each with a kind as its first word.
	Reasons []string `json:"java_reasons"`
}

// levelCase is a line of compat_levels.jsonl.
type levelCase struct {
	Name       string
	Level      string
	New        json.RawMessage
	History    []json.RawMessage
	Compatible bool
}

// conformance reads the cases of a file of JSON lines.
func conformance[T any](tb testing.TB, file string) []T {
	tb.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		tb.Fatal(err)
	}
	var cases []T
	for lines := json.NewDecoder(bytes.NewReader(data)); lines.More(); {
		var one T
		if err := lines.Decode(&one); err != nil {
			tb.Fatal(err)
		}
		cases = append(cases, one)
	}
	if want := bytes.Count(data, []byte("\n")); len(cases) != want || want == 0 {
		tb.Fatalf("got %d cases in %s, want %d", len(cases), file, want)
	}
	return cases
}

func parse(tb testing.TB, text []byte) *ast.Node {
	tb.Helper()
	node, err := ast.Parse(string(text))
	if err != nil {
		tb.Fatalf("%s: %v", text, err)
	}
	return node
}

func TestCheckAgreesWithJava(t *testing.T) {
	t.Parallel()
	for _, tt := range conformance[pairCase](t, "compat.jsonl") {
		t.Run(tt.Name, func(t *testing.T) {
			t.Parallel()
			got := compat.Check(parse(t, tt.Writer), parse(t, tt.Reader))
			if (len(got) == 0) != tt.Compatible {
				t.Fatalf("%s: got compatible %v (%v), want %v\nreader %s\nwriter %s",
					tt.Name, len(got) == 0, got, tt.Compatible, tt.Reader, tt.Writer)
			}
			var kinds, want []string
			for _, fault := range got {
				kinds = append(kinds, fault.Kind)
			}
			for _, reason := range tt.Reasons {
				want = append(want, strings.Fields(reason)[0])
			}
			if diff := cmp.Diff(kinds, want); diff != "" {
				t.Errorf("%s: kinds of faults (-got +want):\n%s", tt.Name, diff)
			}
		})
	}
}

func TestCheckLevelAgreesWithRegistries(t *testing.T) {
	t.Parallel()
	for _, tt := range conformance[levelCase](t, "compat_levels.jsonl") {
		t.Run(tt.Name, func(t *testing.T) {
			t.Parallel()
			level, err := compat.ParseLevel(tt.Level)
			if err != nil {
				t.Fatal(err)
			}
			history := make([]*ast.Node, len(tt.History))
			for i, text := range tt.History {
				history[i] = parse(t, text)
			}
			got := compat.CheckLevel(level, parse(t, tt.New), history)
			if (len(got) == 0) != tt.Compatible {
				t.Errorf("%s: level %s: got compatible %v (%v), want %v\nnew %s\nhistory %s",
					tt.Name, level, len(got) == 0, got, tt.Compatible, tt.New, tt.History)
			}
		})
	}
}
