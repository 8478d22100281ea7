package guard_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/topology/internal/guard"
)

func TestAMarkIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		mark guard.Mark
		want string
	}{
		{"nothing", guard.Mark{Record: guard.None}, ""},
		{"a start", guard.Mark{By: "P1", Starts: 1, Record: guard.None}, "gokavro/1 by=P1 starts=1"},
		{"a start that nobody has made", guard.Mark{Starts: 2, Record: guard.None}, "gokavro/1 by= starts=2"},
		{"a record", guard.Mark{By: "P1", Starts: 2, Record: 0, Live: true, Deaths: 1}, "gokavro/1 by=P1 starts=2 record=0 deaths=1 live=true"},
		{"a record that is not in hand", guard.Mark{By: "P2", Record: 1 << 40, Deaths: 3}, "gokavro/1 by=P2 starts=0 record=1099511627776 deaths=3 live=false"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := tt.mark.String(); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if diff := cmp.Diff(guard.Parse(tt.want), tt.mark); diff != "" {
				t.Errorf("read back (-got +want): %s", diff)
			}
		})
	}
}

func TestParseTakesNothingFromForeignTexts(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"empty":               "",
		"another program's":   "consumer-7 at 12:00",
		"our name only":       "gokavro/1",
		"another version":     "gokavro/2 by=P starts=1",
		"a negative number":   "gokavro/1 by=P starts=-1",
		"no number":           "gokavro/1 by=P starts=many",
		"no number of record": "gokavro/1 by=P starts=1 record=-1",
		"no truth":            "gokavro/1 by=P starts=1 live=perhaps",
		"a long name":         "gokavro/1 by=ppppppppppppppppppppppppppppppppppppp starts=1",
		"nothing to tell":     "gokavro/1 by=P starts=0 deaths=3 live=true",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(guard.Parse(text), guard.Mark{Record: guard.None}); diff != "" {
				t.Errorf("(-got +want): %s", diff)
			}
		})
	}
}

func TestParsePassesOverWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	got := guard.Parse("gokavro/1 by=P color=red starts=3")
	if diff := cmp.Diff(got, guard.Mark{By: "P", Starts: 3, Record: guard.None}); diff != "" {
		t.Errorf("(-got +want): %s", diff)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("")
	f.Add("gokavro/1 by=P1 starts=2 record=7 deaths=1 live=true")
	f.Add("gokavro/1 starts=4294967296")
	f.Add("gokavro/1 by=\xff starts=1")
	f.Fuzz(func(t *testing.T, text string) {
		m := guard.Parse(text)
		if m.Starts < 0 || m.Deaths < 0 || m.Record < guard.None {
			t.Errorf("got %+v of %q", m, text)
		}
		again := m.String()
		if len(again) > 200 {
			t.Errorf("%d bytes are more than a broker need take: %q", len(again), again)
		}
		if diff := cmp.Diff(guard.Parse(again), m); diff != "" {
			t.Errorf("read back of %q (-got +want): %s", again, diff)
		}
	})
}
