package integration_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/examples/flights"
	"github.com/gokavro/gokavro/topology/kafka"
	"github.com/gokavro/gokavro/topology/kafka/kafkatest"
)

// carrierFlight is a later version of a flight.
type carrierFlight struct {
	Carrier     string    `avro:"carrier,default=unknown"`
	Origin      string    `avro:"origin"`
	Destination string    `avro:"destination"`
	Distance    int32     `avro:"distance"`
	Delay       int32     `avro:"delay"`
	Date        time.Time `avro:"date,timestamp-millis"`
}

// feeder writes flights of numbered delays.
type feeder struct {
	*cluster
	n int32
}

// write writes flights that encode makes bytes of.
func (f *feeder) write(t *testing.T, count int, encode func(delay int32) ([]byte, error)) {
	t.Helper()
	var records []kafka.Record
	for range count {
		f.n++
		data, err := encode(f.n)
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, kafka.Record{Topic: f.topic(flights.FlightsTopic), Partition: -1, Key: fmt.Appendf(nil, "A%d", f.n%5), Value: data})
	}
	kafkatest.Write(t, f.kafka.Config(), records...)
}

func TestProducersSwitchSchemasWhileAProcessRuns(t *testing.T) {
	t.Parallel()
	onEachCluster(t, func(t *testing.T, c *cluster) {
		p := c.startFlights(t, t.TempDir())
		p.awaitLog(t, "msg=running")
		place := []avro.Option{avro.Registry(c.schemas), avro.Subject(c.topic(flights.FlightsTopic) + "-value"), avro.AutoRegister()}
		feed := &feeder{cluster: c}
		v1 := func(opts ...avro.Option) func(int32) ([]byte, error) {
			codec := flights.FlightCodec(append(place, opts...)...)
			return func(delay int32) ([]byte, error) {
				return codec.Encode(flights.Flight{Origin: "A", Destination: "B", Delay: delay, Date: time.UnixMilli(0)})
			}
		}
		v2 := func(opts ...avro.Option) func(int32) ([]byte, error) {
			codec := avro.Typed[carrierFlight](append(append(place, avro.Namespace("gokavro.flights"), avro.Name("Flight")), opts...)...)
			return func(delay int32) ([]byte, error) {
				return codec.Encode(carrierFlight{Carrier: "X", Origin: "A", Destination: "B", Delay: delay, Date: time.UnixMilli(0)})
			}
		}
		single := avro.Format(avro.SingleObject)
		for _, encode := range []func(int32) ([]byte, error){v1(), v2(), v1(), v2(single), v1(single)} {
			feed.write(t, 100, encode)
			c.await(t, int(feed.n), c.topic(flights.EnrichedTopic))
		}
		p.stop(t)
		if got := c.held(t, c.topic(flights.DeadLetters)); got != 0 {
			t.Errorf("got %d dead letters, want none", got)
		}
		enriched, stats := c.results(t)
		seen := map[int32]int{}
		for _, flight := range enriched {
			seen[flight.Delay]++
		}
		want := map[int32]int{}
		for delay := int32(1); delay <= feed.n; delay++ {
			want[delay] = 1
		}
		if diff := cmp.Diff(seen, want); diff != "" {
			t.Errorf("flights by their delay (-got +want): %s", diff)
		}
		rows := map[string]int64{}
		for _, row := range stats {
			rows[row.IATA] = row.Flights
		}
		if diff := cmp.Diff(rows, map[string]int64{"A0": 100, "A1": 100, "A2": 100, "A3": 100, "A4": 100}); diff != "" {
			t.Errorf("flights by origin (-got +want): %s", diff)
		}
		stdout := mustRun(t, "flights", c.args("--schemas", "--topic-prefix", c.prefix)...)
		for _, part := range []string{"1, 2", "same as version 1", c.topic(flights.StatsTopic), "dead letters"} {
			if !strings.Contains(stdout, part) {
				t.Errorf("got the report %s, want %q in it", stdout, part)
			}
		}
	})
}
