package kafka_test

import (
	"testing"
	"time"

	"github.com/gokavro/gokavro/topology/kafka"
)

func TestParsePositionReadsWhatStringWrites(t *testing.T) {
	t.Parallel()
	utc := time.Date(2024, 2, 29, 12, 30, 0, 0, time.UTC)
	for text, want := range map[string]kafka.Position{
		"beginning":                           kafka.Beginning(),
		"end":                                 kafka.End(),
		"offset:0":                            kafka.At(0),
		"offset:9223372036854775807":          kafka.At(1<<63 - 1),
		"time:2024-02-29T12:30:00Z":           kafka.Since(utc),
		"time:2024-02-29T12:30:00.000000001Z": kafka.Since(utc.Add(1)),
	} {
		got, err := kafka.ParsePosition(text)
		if err != nil {
			t.Errorf("ParsePosition(%q): %v", text, err)
		}
		if got != want {
			t.Errorf("ParsePosition(%q) = %v, want %v", text, got, want)
		}
		if want.String() != text {
			t.Errorf("String() = %q, want %q", want.String(), text)
		}
	}
}

func TestParsePositionKeepsTheZone(t *testing.T) {
	t.Parallel()
	got, err := kafka.ParsePosition("time:2024-02-29T12:30:00+02:00")
	if err != nil || got.String() != "time:2024-02-29T12:30:00+02:00" {
		t.Errorf("position %v, %v, want the same time in the same zone", got, err)
	}
}

func TestParsePositionRejectsOtherText(t *testing.T) {
	t.Parallel()
	for text, fault := range map[string]string{
		"":                           "use beginning, end, offset:N or time:",
		"start":                      "use beginning, end, offset:N or time:",
		"end:":                       "use beginning, end, offset:N or time:",
		"Beginning":                  "use beginning, end, offset:N or time:",
		"offset":                     "the offset must be a number of 0 or more",
		"offset:":                    "the offset must be a number of 0 or more",
		"offset:-1":                  "the offset must be a number of 0 or more",
		"offset:+1":                  "the offset must be a number of 0 or more",
		"offset:1.5":                 "the offset must be a number of 0 or more",
		"offset:9223372036854775808": "the offset must be a number of 0 or more",
		"time:yesterday":             "write the time like",
		"time:2024-02-30T00:00:00Z":  "write the time like",
		"time:2024-02-01":            "write the time like",
	} {
		_, err := kafka.ParsePosition(text)
		checkFault(t, err, fault)
	}
}

func TestParseIsolationTakesKafkasWords(t *testing.T) {
	t.Parallel()
	for _, want := range []kafka.Isolation{kafka.ReadCommitted, kafka.ReadUncommitted} {
		if got, err := kafka.ParseIsolation(string(want)); err != nil || got != want {
			t.Errorf("ParseIsolation(%q) = %q, %v", want, got, err)
		}
	}
	for _, text := range []string{"", "committed", "READ_COMMITTED"} {
		_, err := kafka.ParseIsolation(text)
		checkFault(t, err, "use read_committed or read_uncommitted")
	}
}

func FuzzParsePosition(f *testing.F) {
	for _, seed := range []string{
		"beginning", "end", "offset:0", "offset:-1", "offset:00012", "offset:99999999999999999999", "time:",
		"time:2024-02-29T12:30:00Z", "time:0000-01-01T00:00:00+23:59", "time:9999-12-31T23:59:59.999999999-23:59", ":", "x:y",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		position, err := kafka.ParsePosition(text)
		if err != nil {
			return
		}
		again, err := kafka.ParsePosition(position.String())
		if err != nil {
			t.Fatalf("%q became %q, which is no position: %v", text, position, err)
		}
		if again.String() != position.String() {
			t.Fatalf("%q became %q, and that %q", text, position, again)
		}
	})
}
