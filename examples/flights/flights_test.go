package flights_test

import (
	"errors"
	"io"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/examples/flights"
	"github.com/gokavro/gokavro/processors"
	"github.com/gokavro/gokavro/topology/topologytest"
)

func readAll[T any](t *testing.T, r io.Reader, codec *avro.TypedCodec[T]) []T {
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

func driver(t *testing.T) *topologytest.Driver {
	t.Helper()
	d, err := topologytest.New(flights.Topology())
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range readAll(t, flights.AirportsFile(), flights.AirportCodec()) {
		d.SetTable(flights.AirportsTopic, a.IATA, &a)
	}
	return d
}

func TestTheDataIsWhole(t *testing.T) {
	t.Parallel()
	airports := readAll(t, flights.AirportsFile(), flights.AirportCodec())
	all := readAll(t, flights.FlightsFile(), flights.FlightCodec())
	if len(airports) != 3376 || len(all) != 20000 {
		t.Fatalf("got %d airports and %d flights, want 3376 and 20000", len(airports), len(all))
	}
	for i := 1; i < len(all); i++ {
		if all[i].Date.Before(all[i-1].Date) {
			t.Fatalf("flight %d is before the one before it", i)
		}
	}
	first := flights.Flight{
		Date:  time.Date(2001, 1, 1, 0, 47, 0, 0, time.UTC),
		Delay: 66, Distance: 1750, Origin: "DTW", Destination: "LAS",
	}
	if diff := cmp.Diff(all[0], first); diff != "" {
		t.Error(diff)
	}
}

// TestAllFlightsAgainstAPlainLoop compares the topology with sums made in one
// loop over the same flights.
func TestAllFlightsAgainstAPlainLoop(t *testing.T) {
	t.Parallel()
	d := driver(t)
	want := map[string]flights.AirportStats{}
	all := readAll(t, flights.FlightsFile(), flights.FlightCodec())
	for _, f := range all {
		if err := d.Pipe(flights.FlightsTopic, f.Origin, f.Date, &f); err != nil {
			t.Fatal(err)
		}
		w := want[f.Origin]
		if w.Flights == 0 || f.Delay > w.DelayMax {
			w.DelayMax = f.Delay
		}
		if f.Delay > 15 {
			w.Delayed++
		}
		w.IATA, w.LastFlight = f.Origin, f.Date
		w.Flights++
		w.DelaySum += int64(f.Delay)
		w.DelayMean = float64(w.DelaySum) / float64(w.Flights)
		want[f.Origin] = w
	}
	got, err := topologytest.Rows[flights.AirportStats](d, flights.StatsTopic)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Error(diff)
	}
	if len(got) != 220 {
		t.Errorf("got %d origins, want 220", len(got))
	}
	out, err := topologytest.Outputs[flights.EnrichedFlight](d, flights.EnrichedTopic)
	if err != nil || len(out) != len(all) {
		t.Fatalf("got %d enriched flights, %v; want %d", len(out), err, len(all))
	}
	seen := map[string]int64{}
	for i, r := range out {
		seen[r.Key]++
		if r.Value.OriginFlights != seen[r.Key] {
			t.Fatalf("record %d: got %d flights of %s, want %d", i, r.Value.OriginFlights, r.Key, seen[r.Key])
		}
		if r.Value.OriginName == nil {
			t.Fatalf("record %d: origin %s is not named", i, r.Key)
		}
		if km := r.Value.GreatCircleKm; km == nil || math.Abs(*km-float64(r.Value.Distance)*1.609344) > 60 {
			t.Fatalf("record %d: the great circle of %s to %s is far from %d miles", i, r.Value.Origin, r.Value.Destination, r.Value.Distance)
		}
	}
}

func TestTheLastFlightIsTheLatest(t *testing.T) {
	t.Parallel()
	ancient, later := time.Date(-44, 3, 15, 0, 0, 0, 0, time.UTC), time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, tt := range map[string]struct {
		dates []time.Time
		want  time.Time
	}{
		"in order":          {[]time.Time{ancient, later}, later},
		"late":              {[]time.Time{later, ancient}, later},
		"before Go's years": {[]time.Time{ancient}, ancient},
	} {
		var stats flights.AirportStats
		for _, date := range tt.dates {
			stats = stats.Add(processors.Record[flights.Flight]{Key: "ROM", Value: flights.Flight{Date: date}})
		}
		if !stats.LastFlight.Equal(tt.want) {
			t.Errorf("%s: got %s, want %s", name, stats.LastFlight, tt.want)
		}
	}
}

func TestAnUnknownAirportGivesNulls(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name                string
		origin, destination string
		originKnown         bool
		destinationKnown    bool
	}{
		{name: "both known", origin: "DTW", destination: "LAS", originKnown: true, destinationKnown: true},
		{name: "destination unknown", origin: "DTW", destination: "???", originKnown: true},
		{name: "origin unknown", origin: "", destination: "LAS", destinationKnown: true},
		{name: "none known", origin: "???", destination: "!!!"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := driver(t)
			f := flights.Flight{Delay: -3, Origin: tt.origin, Destination: tt.destination}
			if err := d.Pipe(flights.FlightsTopic, tt.origin, time.Time{}, f); err != nil {
				t.Fatal(err)
			}
			out, err := topologytest.Outputs[flights.EnrichedFlight](d, flights.EnrichedTopic)
			if err != nil || len(out) != 1 {
				t.Fatalf("got %d records, %v; want 1", len(out), err)
			}
			got := out[0].Value
			known := [...]bool{
				got.OriginName != nil, got.OriginCity != nil, got.OriginState != nil, got.OriginLatitude != nil, got.OriginLongitude != nil,
				got.DestinationName != nil, got.DestinationCity != nil, got.DestinationState != nil, got.DestinationLatitude != nil, got.DestinationLongitude != nil,
				got.GreatCircleKm != nil,
			}
			o, d2 := tt.originKnown, tt.destinationKnown
			if want := [...]bool{o, o, o, o, o, d2, d2, d2, d2, d2, o && d2}; known != want {
				t.Errorf("got set fields %v, want %v", known, want)
			}
			if got.OriginDelayMax != -3 || got.OriginFlights != 1 || got.OriginDelayed != 0 {
				t.Errorf("got running state %+v, want one early flight", got)
			}
		})
	}
}

func TestSchemasAreThoseOfTheTopics(t *testing.T) {
	t.Parallel()
	tests := []struct {
		schema *avro.ParsedSchema
		want   string
	}{
		{flights.FlightCodec().Schema(), `{"name":"gokavro.flights.Flight","type":"record","fields":[{"name":"date","type":"long"},{"name":"delay","type":"int"},{"name":"distance","type":"int"},{"name":"origin","type":"string"},{"name":"destination","type":"string"}]}`},
		{flights.AirportCodec().Schema(), `{"name":"gokavro.flights.Airport","type":"record","fields":[{"name":"iata","type":"string"},{"name":"name","type":"string"},{"name":"city","type":"string"},{"name":"state","type":"string"},{"name":"country","type":"string"},{"name":"latitude","type":"double"},{"name":"longitude","type":"double"}]}`},
		{flights.StatsCodec().Schema(), `{"name":"gokavro.flights.AirportStats","type":"record","fields":[{"name":"iata","type":"string"},{"name":"flights","type":"long"},{"name":"delayed","type":"long"},{"name":"delay_sum","type":"long"},{"name":"delay_mean","type":"double"},{"name":"delay_max","type":"int"},{"name":"last_flight","type":"long"}]}`},
		{flights.EnrichedCodec().Schema(), `{"name":"gokavro.flights.EnrichedFlight","type":"record","fields":[{"name":"date","type":"long"},{"name":"delay","type":"int"},{"name":"distance","type":"int"},{"name":"origin","type":"string"},{"name":"destination","type":"string"},{"name":"origin_name","type":["null","string"]},{"name":"origin_city","type":["null","string"]},{"name":"origin_state","type":["null","string"]},{"name":"destination_name","type":["null","string"]},{"name":"destination_city","type":["null","string"]},{"name":"destination_state","type":["null","string"]},{"name":"origin_latitude","type":["null","double"]},{"name":"origin_longitude","type":["null","double"]},{"name":"destination_latitude","type":["null","double"]},{"name":"destination_longitude","type":["null","double"]},{"name":"great_circle_km","type":["null","double"]},{"name":"origin_flights","type":"long"},{"name":"origin_delayed","type":"long"},{"name":"origin_delay_sum","type":"long"},{"name":"origin_delay_mean","type":"double"},{"name":"origin_delay_max","type":"int"}]}`},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.schema.Canonical(), tt.want); diff != "" {
			t.Errorf("%s: %s", tt.schema.Name(), diff)
		}
	}
}
