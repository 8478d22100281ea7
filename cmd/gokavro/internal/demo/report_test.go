package demo

import (
	"bytes"
	"strings"
	"testing"

	"github.com/gokavro/gokavro/examples/flights"
)

func TestOddOriginsDoNotBreakTheTable(t *testing.T) {
	t.Parallel()
	origins := map[string]string{
		"JFK": "  JFK ", "日本": "  日本 ", "": `  "" `, "a\nb": `  "a\nb" `, "\x1b[2J": `  "\x1b[2J" `,
		strings.Repeat("x", 5000): `  "xxxxxxxxxxxxxxxxxxxx" `,
	}
	var r result
	for origin := range origins {
		r.stats = append(r.stats, flights.AirportStats{IATA: origin, Flights: 1, DelayMean: 20})
	}
	var out bytes.Buffer
	if err := r.writeWorst(&out); err != nil {
		t.Fatal(err)
	}
	for origin, want := range origins {
		if !strings.Contains(out.String(), "\n"+want) {
			t.Errorf("%.20q: got\n%s\nwant a line that begins with %q", origin, out.String(), want)
		}
	}
	const heading = 3
	if got, want := strings.Count(out.String(), "\n"), heading+len(origins); got != want {
		t.Errorf("got %d lines, want %d:\n%s", got, want, out.String())
	}
}
