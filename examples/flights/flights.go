// Package flights is the reference topology: flights in, each enriched by what
// is known of its two airports and by the running delays of its origin, out
// again as Avro.
//
//	airports (table) ─────────────────┐
//	flights ── airport-stats (state) ─┴── flights-enriched
package flights

import (
	"time"

	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/processors"
	"github.com/gokavro/gokavro/processors/aggregate"
	"github.com/gokavro/gokavro/processors/enrich"
	"github.com/gokavro/gokavro/topology"
)

// The topics of the topology. All values are Avro, all keys the field's text.
const (
	// AirportsTopic holds the table of airports, keyed by iata.
	AirportsTopic = "airports"
	// FlightsTopic is the stream of flights, keyed by origin.
	FlightsTopic = "flights"
	// EnrichedTopic is the stream of enriched flights, keyed by origin.
	EnrichedTopic = "flights-enriched"
	// StatsTopic holds the table of statistics, keyed by origin.
	StatsTopic = "airport-stats"
	// DeadLetters holds the flights that could not be processed.
	DeadLetters = "flights-dead-letters"
)

// LateMinutes is the arrival delay above which a flight counts as delayed.
const LateMinutes = 15

// Topology declares the topology.
func Topology() *topology.Topology {
	t := topology.New("flights")
	airports := topology.LookupTable(t, AirportsTopic, AirportCodec())
	arrivals := topology.Input(t, FlightsTopic, FlightCodec())
	stats := topology.Store(t, StatsTopic, StatsCodec())

	counted := topology.Process(arrivals, stats, aggregate.Fold(AirportStats.Add, startEnriched))
	leaving := topology.Lookup(counted, airports, enrich.Left(origin, withOrigin))
	arriving := topology.Lookup(leaving, airports, enrich.Left(destination, withDestination))
	arriving.To(EnrichedTopic, EnrichedCodec())
	return t
}

// FlightCodec returns the codec of the flights topic.
func FlightCodec(opts ...avro.Option) *avro.TypedCodec[Flight] {
	return avro.Typed[Flight](inNamespace(opts)...)
}

// AirportCodec returns the codec of the airports topic.
func AirportCodec(opts ...avro.Option) *avro.TypedCodec[Airport] {
	return avro.Typed[Airport](inNamespace(opts)...)
}

// EnrichedCodec returns the codec of the flights-enriched topic.
func EnrichedCodec(opts ...avro.Option) *avro.TypedCodec[EnrichedFlight] {
	return avro.Typed[EnrichedFlight](inNamespace(opts)...)
}

// StatsCodec returns the codec of the airport-stats topic.
func StatsCodec(opts ...avro.Option) *avro.TypedCodec[AirportStats] {
	return avro.Typed[AirportStats](inNamespace(opts)...)
}

func inNamespace(opts []avro.Option) []avro.Option {
	return append([]avro.Option{avro.Namespace("gokavro.flights")}, opts...)
}

// Add returns the statistics of an airport after one more flight from it.
func (s AirportStats) Add(in processors.Record[Flight]) AirportStats {
	sum := aggregate.Summary{
		Count: s.Flights, Over: s.Delayed, Sum: s.DelaySum, Mean: s.DelayMean, Max: int64(s.DelayMax),
	}.Add(int64(in.Value.Delay), LateMinutes)
	return AirportStats{
		IATA: in.Key, Flights: sum.Count, Delayed: sum.Over, DelaySum: sum.Sum,
		DelayMean: sum.Mean, DelayMax: int32(sum.Max), LastFlight: latest(s, in.Value.Date),
	}
}

func latest(s AirportStats, date time.Time) time.Time {
	if s.Flights > 0 && s.LastFlight.After(date) {
		return s.LastFlight
	}
	return date
}

func startEnriched(f Flight, s AirportStats) EnrichedFlight {
	return EnrichedFlight{
		Date: f.Date, Delay: f.Delay, Distance: f.Distance, Origin: f.Origin, Destination: f.Destination,
		OriginFlights: s.Flights, OriginDelayed: s.Delayed, OriginDelaySum: s.DelaySum,
		OriginDelayMean: s.DelayMean, OriginDelayMax: s.DelayMax,
	}
}

func origin(f EnrichedFlight) string { return f.Origin }

func destination(f EnrichedFlight) string { return f.Destination }

func withOrigin(f EnrichedFlight, a *Airport) EnrichedFlight {
	if a == nil {
		return f
	}
	f.OriginName, f.OriginCity, f.OriginState = &a.Name, &a.City, &a.State
	f.OriginLatitude, f.OriginLongitude = &a.Latitude, &a.Longitude
	return f
}

func withDestination(f EnrichedFlight, a *Airport) EnrichedFlight {
	if a == nil {
		return f
	}
	f.DestinationName, f.DestinationCity, f.DestinationState = &a.Name, &a.City, &a.State
	f.DestinationLatitude, f.DestinationLongitude = &a.Latitude, &a.Longitude
	if f.OriginLatitude == nil {
		return f
	}
	km := enrich.GreatCircleKm(
		enrich.Point{Latitude: *f.OriginLatitude, Longitude: *f.OriginLongitude},
		enrich.Point{Latitude: a.Latitude, Longitude: a.Longitude},
	)
	f.GreatCircleKm = &km
	return f
}
