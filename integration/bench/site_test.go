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
	failed                       error // of a record that was not written
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
	t.Cleanup(s.writer.Close)
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
	if err := write(ctx, s.airports(), in.airports, len(in.airports)); err != nil {
		return err
	}
	if err := write(ctx, s.flights(), in.flights, in.records); err != nil {
		return err
	}
	return s.commitBeginning()
}

// filler writes values to a topic, each to the partition in which the contestant
// looks for its key.
type filler[T any] struct {
	*site
	topic string
	codec *avro.TypedCodec[T]
	key   func(*T) string
}

func (s *site) airports() *filler[flights.Airport] {
	return newFiller(s, flights.AirportsTopic, flights.AirportCodec(), func(a *flights.Airport) string { return a.IATA })
}

func (s *site) flights() *filler[flights.Flight] {
	return newFiller(s, flights.FlightsTopic, flights.FlightCodec(), func(f *flights.Flight) string { return f.Origin })
}

func newFiller[T any](s *site, name string, codec *avro.TypedCodec[T], key func(*T) string) *filler[T] {
	topic := s.prefix + name
	bound, _ := codec.Bind(avro.Binding{Registry: s.schemas, Subject: topic + "-value", AutoRegister: true}).(*avro.TypedCodec[T])
	return &filler[T]{site: s, topic: topic, codec: bound, key: key}
}

// produce hands one value over and returns its partition.
func (f *filler[T]) produce(ctx context.Context, value *T) (int32, error) {
	data, err := f.codec.Append(nil, value)
	if err != nil {
		return 0, err
	}
	key := f.key(value)
	record := &kgo.Record{Topic: f.topic, Partition: f.partition(key), Key: []byte(key), Value: data}
	f.writer.Produce(ctx, record, func(_ *kgo.Record, err error) {
		if err != nil {
			f.failed = err // the callbacks come one after the other, before the flush ends
		}
	})
	return record.Partition, nil
}

// flush waits for everything that was handed over.
func (s *site) flush(ctx context.Context) error {
	if err := s.writer.Flush(ctx); err != nil {
		return err
	}
	return s.failed
}

// write writes n values, the given ones over and over.
func write[T any](ctx context.Context, to *filler[T], values []T, n int) error {
	for i := range n {
		if _, err := to.produce(ctx, &values[i%len(values)]); err != nil {
			return err
		}
	}
	return to.flush(ctx)
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
