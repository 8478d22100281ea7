package compat_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/codecs/avro/internal/ast"
	"github.com/gokavro/gokavro/codecs/avro/internal/compat"
)

func TestParseLevelTakesTheWordsOfRegistries(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"NONE", "BACKWARD", "BACKWARD_TRANSITIVE", "FORWARD", "FORWARD_TRANSITIVE", "FULL", "FULL_TRANSITIVE",
	} {
		for _, text := range []string{name, strings.ToLower(name)} {
			if level, err := compat.ParseLevel(text); err != nil || string(level) != name {
				t.Errorf("%s: got %q and %v", text, level, err)
			}
		}
	}
	for _, text := range []string{"", "SOME", "FULL ", "_TRANSITIVE"} {
		if level, err := compat.ParseLevel(text); err == nil || level != "" || !strings.Contains(err.Error(), `"FULL_TRANSITIVE"`) {
			t.Errorf("%q: got %q and %v, want an error that lists the levels", text, level, err)
		}
	}
}

func TestCheckLevelComparesTheVersionsThatTheLevelNames(t *testing.T) {
	t.Parallel()
	// The new schema reads the last two, and is read by the middle one.
	history := []*ast.Node{parseAny(t, `"string"`), parseAny(t, `"long"`), parseAny(t, `"int"`)}
	next := parseAny(t, `"long"`)
	for _, tt := range []struct {
		level string
		want  []string
	}{
		{"NONE", nil},
		{"BACKWARD", nil},
		{"FORWARD", []string{"2 FORWARD"}},
		{"FULL", []string{"2 FORWARD"}},
		{"BACKWARD_TRANSITIVE", []string{"0 BACKWARD"}},
		{"FORWARD_TRANSITIVE", []string{"0 FORWARD", "2 FORWARD"}},
		{"FULL_TRANSITIVE", []string{"0 BACKWARD", "0 FORWARD", "2 FORWARD"}},
		{"what", []string{"0 BACKWARD", "0 FORWARD", "2 FORWARD"}},
	} {
		t.Run(tt.level, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, fault := range compat.CheckLevel(compat.Level(tt.level), next, history) {
				got = append(got, string(rune('0'+fault.Version))+" "+string(fault.Direction))
			}
			if diff := cmp.Diff(got, tt.want); diff != "" {
				t.Errorf("-got +want:\n%s", diff)
			}
			if got := compat.CheckLevel(compat.Level(tt.level), next, nil); len(got) > 0 {
				t.Errorf("no history: got %v", got)
			}
		})
	}
}

// Forwards the older schema is the reader and cannot be changed any more.
func TestCheckLevelGivesAdviceForTheNewSchema(t *testing.T) {
	t.Parallel()
	old := parseAny(t, record("R", field("gone", `"int"`), field("wide", `"long"`), field("fix", `{"type":"fixed","name":"F","size":2}`),
		field("pick", `{"type":"enum","name":"E","symbols":["A"]}`), field("one", `["null","int"]`), field("item", record("I"))))
	next := parseAny(t, record("R", field("wide", `"string"`), field("fix", `{"type":"fixed","name":"F","size":3}`),
		field("pick", `{"type":"enum","name":"E","symbols":["B"]}`), field("one", `["null","string"]`), field("item", record("J"))))
	got := compat.CheckLevel(compat.Forward, next, []*ast.Node{old})
	var advice []string
	for _, fault := range got {
		advice = append(advice, fault.Path+" "+fault.Message[strings.Index(fault.Message, "; ")+2:])
	}
	want := []string{
		"gone keep writing the field",
		"wide write long or int",
		"fix keep the size, or use a new fixed under a new name",
		"pick leave new symbols out until all readers know them or have a default symbol",
		"one.string write only what the union has",
		"item keep the name I",
	}
	if diff := cmp.Diff(advice, want); diff != "" {
		t.Errorf("-got +want:\n%s", diff)
	}
	const first = "the older schema cannot read the new one's records: gone: the reader's field gone"
	if text := got[0].String(); !strings.HasPrefix(text, first) {
		t.Errorf("got %q, want it to start with %q", text, first)
	}
	const back = "the new schema cannot read the older one's records: wide: the reader has string, the writer long; read it as"
	if text := compat.CheckLevel(compat.Full, next, []*ast.Node{old})[0].String(); !strings.HasPrefix(text, back) {
		t.Errorf("got %q, want it to start with %q", text, back)
	}
}
