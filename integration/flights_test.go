package integration_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/examples/flights"
)

// readFile returns all values of a container file.
func readFile[T any](t *testing.T, r io.Reader, codec *avro.TypedCodec[T]) []T {
	t.Helper()
	file, err := avro.NewFileReader(r, codec.Schema())
	if err != nil {
		t.Fatal(err)
	}
	var all []T
	for {
		var value T
		err := file.Read(&value)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, value)
	}
}

func readPath[T any](t *testing.T, path string, codec *avro.TypedCodec[T]) []T {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	return readFile(t, file, codec)
}

// totals are what the statistics of an origin come to.
type totals struct {
	Flights, Delayed, DelaySum int64
	DelayMax                   int32
}

// expectedTotals sums the flights up in one plain loop.
func expectedTotals(all []flights.Flight) map[string]totals {
	sums := map[string]totals{}
	for _, f := range all {
		s := sums[f.Origin]
		if s.Flights == 0 || f.Delay > s.DelayMax {
			s.DelayMax = f.Delay
		}
		if f.Delay > flights.LateMinutes {
			s.Delayed++
		}
		s.Flights++
		s.DelaySum += int64(f.Delay)
		sums[f.Origin] = s
	}
	return sums
}

// checkResults compares enriched flights, each origin's in their order, and the
// table's records, of which the last of each origin counts, with the input.
func checkResults(t *testing.T, enriched []flights.EnrichedFlight, stats []flights.AirportStats) {
	t.Helper()
	input := readFile(t, flights.FlightsFile(), flights.FlightCodec())
	if len(enriched) != len(input) {
		t.Errorf("got %d enriched flights, want %d", len(enriched), len(input))
	}
	open := map[flights.Flight]int{}
	for _, f := range input {
		open[f]++
	}
	seen := map[string]int64{}
	for i, e := range enriched {
		seen[e.Origin]++
		if e.OriginFlights != seen[e.Origin] {
			t.Fatalf("record %d: got %d flights of %s so far, want %d", i, e.OriginFlights, e.Origin, seen[e.Origin])
		}
		f := flights.Flight{Date: e.Date.UTC(), Delay: e.Delay, Distance: e.Distance, Origin: e.Origin, Destination: e.Destination}
		if open[f]--; open[f] < 0 {
			t.Fatalf("record %d: %+v is not in the input, or came twice", i, f)
		}
	}
	got := map[string]totals{}
	for _, s := range stats {
		got[s.IATA] = totals{s.Flights, s.Delayed, s.DelaySum, s.DelayMax}
	}
	if diff := cmp.Diff(got, expectedTotals(input)); diff != "" {
		t.Errorf("the statistics differ (-got +want): %s", diff)
	}
}

// dataFile returns the absolute path of a file of the reference data.
func dataFile(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join(moduleRoot, "examples", "flights", "data", name))
	if err != nil {
		t.Fatal(err)
	}
	return path
}
