package replay

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/topology/kafka"
)

func TestTheNearestPositionCounts(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	p, err := ParseFrom("time:2026-11-01T00:00:00Z,flights=end,flights/1=offset:456")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{
		"another topic":     p.in("stops", 1).String(),
		"a topic":           p.in("flights", 0).String(),
		"a partition":       p.in("flights", 1).String(),
		"a longer number":   p.in("flights", 11).String(),
		"what is not named": must(ParseFrom("flights/0=end")).in("flights", 1).String(),
		"no end of it":      must(ParseUntil("flights/0=offset:1")).in("flights", 1).String(),
	}
	want := map[string]string{
		"another topic": kafka.Since(at).String(), "a topic": "end", "a partition": "offset:456", "a longer number": "end",
		"what is not named": "beginning", "no end of it": "end",
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("(-got +want): %s", diff)
	}
	if diff := cmp.Diff(p.Topics(), []string{"flights", "flights"}); diff != "" {
		t.Errorf("the topics (-got +want): %s", diff)
	}
}

func must(p Positions, err error) Positions {
	if err != nil {
		panic(err)
	}
	return p
}

func FuzzParsePositions(f *testing.F) {
	for _, text := range []string{"beginning", "end,in=offset:1,in/3=time:2026-11-01T00:00:00Z", "count:12", "in/=end", "=", ","} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		from, failed := ParseFrom(text)
		until, err := ParseUntil(text)
		if strings.HasPrefix(text, countWord) {
			if failed == nil || (err == nil) != (until.count > 0) {
				t.Errorf("got %v as a beginning, and a count of %d, %v", failed, until.count, err)
			}
			return
		}
		if (err == nil) != (failed == nil) {
			t.Fatalf("got %v as a beginning and %v as an end", failed, err)
		}
		for _, topic := range from.Topics() {
			if !strings.Contains(text, topic) || !slices.Contains(until.Topics(), topic) {
				t.Errorf("got topic %q out of %q", topic, text)
			}
		}
	})
}
