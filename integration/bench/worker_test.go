package bench_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"testing"

	"github.com/lovoo/goka"

	"github.com/gokavro/gokavro/codecs"
	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/codecs/registry"
	"github.com/gokavro/gokavro/examples/flights"
	"github.com/gokavro/gokavro/integration/worker"
	"github.com/gokavro/gokavro/processors"
	"github.com/gokavro/gokavro/processors/enrich"
	"github.com/gokavro/gokavro/topology/runner"
)

// What a worker runs the topology with.
const (
	onRunner    = "runner"
	onPlainGoka = "goka"
)

func TestMain(m *testing.M) {
	kind := worker.Kind()
	if kind == "" {
		os.Exit(m.Run())
	}
	code := work(kind, os.Args[1:])
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	fmt.Fprintf(os.Stdout, usageFormat+"\n", memory.Mallocs, memory.TotalAlloc)
	os.Exit(code)
}

// usageFormat is the last line of a worker's log.
const usageFormat = "allocations %d bytes %d"

func work(kind string, args []string) int {
	if kind == onRunner {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		defer stop()
		return runner.Command(ctx, flights.Topology, args, os.Stdout, os.Stderr)
	}
	if err := worker.PlainGoka(args, gokaGroup); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return runner.ExitFault
	}
	return runner.ExitOK
}

// gokaGroup is the topology of examples/flights as one writes it for goka, with
// the same codecs.
func gokaGroup(cfg runner.Config) (*goka.GroupGraph, error) {
	schemas, err := registry.New(registry.Config{URLs: cfg.Registry})
	if err != nil {
		return nil, err
	}
	at := func(topic string) []avro.Option {
		return []avro.Option{avro.Registry(schemas), avro.Subject(cfg.TopicPrefix + topic + "-value"), avro.AutoRegister()}
	}
	airports := goka.Table(cfg.TopicPrefix + flights.AirportsTopic)
	enriched := goka.Stream(cfg.TopicPrefix + flights.EnrichedTopic)
	return goka.DefineGroup(goka.Group(cfg.TopicPrefix+groupName),
		goka.Input(goka.Stream(cfg.TopicPrefix+flights.FlightsTopic), flights.FlightCodec(at(flights.FlightsTopic)...),
			func(ctx goka.Context, msg any) {
				flight, ok := msg.(*flights.Flight)
				if !ok {
					ctx.Fail(errors.New("not a flight"))
				}
				stats, err := codecs.Value[flights.AirportStats](ctx.Value())
				if err != nil && ctx.Value() != nil {
					ctx.Fail(err)
				}
				stats = stats.Add(processors.Record[flights.Flight]{Key: ctx.Key(), Time: ctx.Timestamp(), Value: *flight})
				ctx.SetValue(&stats)
				origin, _ := ctx.Lookup(airports, flight.Origin).(*flights.Airport)
				destination, _ := ctx.Lookup(airports, flight.Destination).(*flights.Airport)
				ctx.Emit(enriched, ctx.Key(), widen(flight, stats, origin, destination))
			}),
		goka.Lookup(airports, flights.AirportCodec(at(flights.AirportsTopic)...)),
		goka.Output(enriched, flights.EnrichedCodec(at(flights.EnrichedTopic)...)),
		goka.Persist(flights.StatsCodec(at(flights.StatsTopic)...)),
	), nil
}

func widen(f *flights.Flight, s flights.AirportStats, origin, destination *flights.Airport) *flights.EnrichedFlight {
	e := &flights.EnrichedFlight{
		Date: f.Date, Delay: f.Delay, Distance: f.Distance, Origin: f.Origin, Destination: f.Destination,
		OriginFlights: s.Flights, OriginDelayed: s.Delayed, OriginDelaySum: s.DelaySum,
		OriginDelayMean: s.DelayMean, OriginDelayMax: s.DelayMax,
	}
	if a := origin; a != nil {
		e.OriginName, e.OriginCity, e.OriginState = &a.Name, &a.City, &a.State
		e.OriginLatitude, e.OriginLongitude = &a.Latitude, &a.Longitude
	}
	if a := destination; a != nil {
		e.DestinationName, e.DestinationCity, e.DestinationState = &a.Name, &a.City, &a.State
		e.DestinationLatitude, e.DestinationLongitude = &a.Latitude, &a.Longitude
	}
	if origin != nil && destination != nil {
		km := enrich.GreatCircleKm(enrich.Point{Latitude: origin.Latitude, Longitude: origin.Longitude},
			enrich.Point{Latitude: destination.Latitude, Longitude: destination.Longitude})
		e.GreatCircleKm = &km
	}
	return e
}
