package bench_test

import (
	"context"
	"crypto/rand"
	"errors"
	"hash"
	"io"
	"strings"
	"testing"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/codecs/registry"
	"github.com/gokavro/gokavro/examples/flights"
	"github.com/gokavro/gokavro/integration/devstack"
	"github.com/gokavro/gokavro/topology/kafka"
)

const (
	groupName  = "flights"
	partitions = 8
)

// input is what every contestant reads.
type input struct {
	records  int
	flights  []flights.Flight // repeated until they are enough
	airports []flights.Airport
}

func loadInput(t *testing.T) *input {
	t.Helper()
	return &input{
		records:  *recordsFlag,
		flights:  readAll(t, flights.FlightsFile(), flights.FlightCodec()),
		airports: readAll(t, flights.AirportsFile(), flights.AirportCodec()),
	}
}

func readAll[T any](t *testing.T, r io.Reader, codec *avro.TypedCodec[T]) []T {
	t.Helper()
	file, err := avro.NewFileReader(r, codec.Schema())
	if err != nil {
		t.Fatal(err)
	}
	var all []T
	for {
		var value T
		switch err := file.Read(&value); {
		case errors.Is(err, io.EOF):
			return all
		case err != nil:
			t.Fatal(err)
		}
		all = append(all, value)
	}
}

// site is the topics of one contestant, filled.
type site struct {
	brokers, registryURL, prefix string
	client                       *kafka.Client
	schemas                      *registry.Client
	writer                       *kgo.Client
	hasher                       hash.Hash32
}

// prepare creates the topics, fills the inputs and lets the group begin at their
// beginning: goka's default would be their end.
func prepare(t *testing.T, c contestant, brokers string, in *input) *site {
	t.Helper()
	stack, err := devstack.Start(t.Context(), devstack.Config{NoKafka: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stack.Close() })
	s := &site{
		brokers: brokers, registryURL: stack.RegistryURL(), hasher: c.hasher(),
		prefix: "bench-" + strings.ToLower(rand.Text()[:8]) + "-",
	}
	if s.schemas, err = registry.New(registry.Config{URLs: []string{s.registryURL}}); err != nil {
		t.Fatal(err)
	}
	if s.client, err = kafka.Dial(t.Context(), kafka.Config{Brokers: strings.Split(brokers, ",")}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.client.Close() })
	if s.writer, err = kgo.NewClient(kgo.SeedBrokers(strings.Split(brokers, ",")...),
		kgo.RecordPartitioner(kgo.ManualPartitioner())); err != nil {
		t.Fatal(err)
	}
	defer s.writer.Close()
	if err := s.fill(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *site) fill(ctx context.Context, in *input) error {
	topic := func(name string, compact bool) kafka.Topic {
		return kafka.Topic{Name: s.prefix + name, Partitions: partitions, Compact: compact}
	}
	_, err := s.client.CreateMissing(ctx,
		topic(flights.AirportsTopic, true), topic(flights.StatsTopic, true), topic(groupName+"-table", true),
		topic(flights.FlightsTopic, false), topic(flights.EnrichedTopic, false), topic(flights.DeadLetters, false))
	if err != nil {
		return err
	}
	airports := filled{site: s, name: s.prefix + flights.AirportsTopic, records: len(in.airports)}
	if err := write(ctx, airports, flights.AirportCodec(), in.airports, func(a *flights.Airport) string { return a.IATA }); err != nil {
		return err
	}
	arrivals := filled{site: s, name: s.prefix + flights.FlightsTopic, records: in.records}
	if err := write(ctx, arrivals, flights.FlightCodec(), in.flights, func(f *flights.Flight) string { return f.Origin }); err != nil {
		return err
	}
	return s.commitBeginning()
}

// filled is a topic that gets that many records.
type filled struct {
	*site
	name    string
	records int
}

// write fills a topic with the values, over and over if need be, each in the
// partition in which the contestant looks for its key.
func write[T any](ctx context.Context, to filled, codec *avro.TypedCodec[T], values []T, key func(*T) string) error {
	bound, _ := codec.Bind(avro.Binding{Registry: to.schemas, Subject: to.name + "-value", AutoRegister: true}).(*avro.TypedCodec[T])
	var failed error
	for i := range to.records {
		value := &values[i%len(values)]
		data, err := bound.Append(nil, value)
		if err != nil {
			return err
		}
		record := &kgo.Record{Topic: to.name, Partition: to.partition(key(value)), Key: []byte(key(value)), Value: data}
		to.writer.Produce(ctx, record, func(_ *kgo.Record, err error) {
			if err != nil {
				failed = err // the callbacks come one after the other, before the flush ends
			}
		})
	}
	if err := to.writer.Flush(ctx); err != nil {
		return err
	}
	return failed
}

// partition is how sarama and goka choose a partition by a hash.
func (s *site) partition(key string) int32 {
	s.hasher.Reset()
	_, _ = s.hasher.Write([]byte(key)) // never fails
	partition := int32(s.hasher.Sum32()) % partitions
	return max(partition, -partition)
}

func (s *site) commitBeginning() error {
	manager, err := sarama.NewOffsetManagerFromClient(s.prefix+groupName, s.client.Sarama())
	if err != nil {
		return err
	}
	var faults []error
	for partition := range int32(partitions) {
		of, err := manager.ManagePartition(s.prefix+flights.FlightsTopic, partition)
		if err != nil {
			return err
		}
		of.ResetOffset(0, "")
		of.MarkOffset(0, "")
		faults = append(faults, of.Close())
	}
	manager.Commit()
	return errors.Join(append(faults, manager.Close())...)
}

// outputs returns how many outputs are visible, give or take the markers of
// transactions.
func (s *site) outputs() (sum int64, err error) {
	for partition := range int32(partitions) {
		end, err := s.client.EndOffset(s.prefix+flights.EnrichedTopic, partition, kafka.ReadCommitted)
		if err != nil {
			return 0, err
		}
		sum += end
	}
	return sum, nil
}
