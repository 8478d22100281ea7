package registrytest

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/gokavro/gokavro/codecs/registry"
)

func checkOwnLevel(t *testing.T, b *bench) {
	subject := b.subject("value")
	b.register(t, subject, b.record("A", fieldID))
	b.setLevel(t, subject, "FULL")
	level, err := b.client.Level(t.Context(), subject)
	if err != nil || level != "FULL" {
		t.Errorf("got %q and %v, want FULL", level, err)
	}
	other := b.subject("other")
	b.register(t, other, b.record("A", fieldID))
	if level, err = b.client.Level(t.Context(), other); err != nil || level == "FULL" {
		t.Errorf("another subject: got %q and %v, want the level of all", level, err)
	}
}

func checkUnknownLevel(t *testing.T, b *bench) {
	err := b.admin.Do(t.Context(), "PUT", "/config/"+"conformance-"+b.own, map[string]string{"compatibility": "SOME"}, nil)
	if answer, ok := errors.AsType[*sr.ResponseError](err); !ok || answer.StatusCode/100 != 4 {
		t.Errorf("got %v, want a refusal", err)
	}
}

// change is one kind of change, and the levels that allow it.
type change struct {
	name     string
	from, to []string // fields
	allowed  map[string]bool
}

func changes() []change {
	backward := map[string]bool{"BACKWARD": true, "BACKWARD_TRANSITIVE": true}
	forward := map[string]bool{"FORWARD": true, "FORWARD_TRANSITIVE": true}
	all := map[string]bool{
		"BACKWARD": true, "BACKWARD_TRANSITIVE": true, "FORWARD": true, "FORWARD_TRANSITIVE": true,
		"FULL": true, "FULL_TRANSITIVE": true,
	}
	return []change{
		{"a field with a default", []string{fieldID}, []string{fieldID, fieldAgeZero}, all},
		{"a field without a default", []string{fieldID}, []string{fieldID, fieldAge}, forward},
		{"a field less", []string{fieldID, fieldAge}, []string{fieldID}, backward},
		{"another type", []string{fieldID}, []string{fieldIDText}, nil},
	}
}

func checkLevels(t *testing.T, b *bench) {
	for _, level := range []string{
		"NONE", "BACKWARD", "BACKWARD_TRANSITIVE", "FORWARD", "FORWARD_TRANSITIVE", "FULL", "FULL_TRANSITIVE",
	} {
		if level == "NONE" && b.NoneIsUnset {
			continue
		}
		for _, c := range changes() {
			subject := b.subject(level + " " + c.name)
			b.register(t, subject, b.record("A", c.from...))
			b.setLevel(t, subject, level)
			_, err := b.client.Register(t.Context(), subject, b.record("A", c.to...))
			refusal, incompatible := errors.AsType[*registry.IncompatibleError](err)
			switch want := level == "NONE" || c.allowed[level]; {
			case want && err != nil:
				t.Errorf("%s, %s: got %v, want it registered", level, c.name, err)
			case !want && !incompatible:
				t.Errorf("%s, %s: got %v, want an IncompatibleError", level, c.name, err)
			case !want && (len(refusal.Reasons) == 0 || refusal.Reasons[0] == ""):
				t.Errorf("%s, %s: got no reason", level, c.name)
			}
		}
	}
}

// LevelCase is a new schema after a history, and whether a level allows it.
type LevelCase struct {
	Name       string            `json:"name"`
	Level      string            `json:"level"`
	New        json.RawMessage   `json:"new"`
	History    []json.RawMessage `json:"history"` // the oldest first
	Compatible bool              `json:"compatible"`
}

// RunLevels offers the new schema of each case to the registry at url after its
// history, and compares the verdicts. A case whose history the registry cannot
// be brought to take, such as one with a schema that it finds invalid, is skipped.
func RunLevels(t *testing.T, url string, features Features, cases []LevelCase) {
	t.Helper()
	b := newBench(t, url, features)
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			subject := b.subject(c.Name)
			if c.Level == "NONE" && b.NoneIsUnset {
				t.Skip("the registry has no level NONE for a subject")
			}
			for i, old := range c.History {
				if !b.force(t, subject, string(old)) {
					t.Skipf("the registry does not take version %d of the history", i+1)
				}
			}
			b.setLevel(t, subject, c.Level)
			_, err := b.client.Register(t.Context(), subject, string(c.New))
			if err != nil && !refused(err) {
				t.Fatal(err)
			}
			if got := err == nil; got != c.Compatible {
				t.Errorf("got compatible %t (%v), want %t", got, err, c.Compatible)
			}
		})
	}
}

// force registers a schema under the first level that allows it.
func (b *bench) force(t *testing.T, subject, schema string) bool {
	t.Helper()
	for _, level := range []string{"NONE", "BACKWARD", "FORWARD"} {
		if level == "NONE" && b.NoneIsUnset {
			continue
		}
		b.setLevel(t, subject, level)
		_, err := b.client.Register(t.Context(), subject, schema)
		if err == nil {
			return true
		}
		if !refused(err) {
			t.Fatal(err)
		}
	}
	return false
}

// refused says whether the registry has judged a schema, be it incompatible or
// no schema at all.
func refused(err error) bool {
	_, incompatible := errors.AsType[*registry.IncompatibleError](err)
	answer, ok := errors.AsType[*sr.ResponseError](err)
	return incompatible || ok && answer.ErrorCode == sr.ErrInvalidSchema.Code
}
