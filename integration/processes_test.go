package integration_test

import (
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/examples/flights"
	"github.com/gokavro/gokavro/processors/dlq"
	"github.com/gokavro/gokavro/topology/kafka"
	"github.com/gokavro/gokavro/topology/kafka/kafkatest"
)

const partitions = 6

// produce feeds a file with the operator's tool.
func (c *cluster) produce(t *testing.T, topic, key string) {
	t.Helper()
	mustRun(t, "gokavro", c.args("produce", "--topic", c.topic(topic), "--key", key, "--input", dataFile(t, topic+".avro"),
		"--create-topics", strconv.Itoa(partitions))...)
}

// startFlights starts cmd/flights on the test's topics.
func (c *cluster) startFlights(t *testing.T, state string) *process {
	t.Helper()
	return start(t, "flights", c.args("--topic-prefix", c.prefix, "--state", state, "--create-topics", strconv.Itoa(partitions))...)
}

// results consumes with the operator's tool what the topology wrote.
func (c *cluster) results(t *testing.T) ([]flights.EnrichedFlight, []flights.AirportStats) {
	t.Helper()
	dir := t.TempDir()
	enriched, stats := filepath.Join(dir, "enriched.avro"), filepath.Join(dir, "stats.avro")
	mustRun(t, "gokavro", c.args("consume", "--topic", c.topic(flights.EnrichedTopic), "--until-end", "--out", enriched)...)
	mustRun(t, "gokavro", c.args("consume", "--topic", c.topic(flights.StatsTopic), "--until-end", "--out", stats)...)
	return readPath(t, enriched, flights.EnrichedCodec()), readPath(t, stats, flights.StatsCodec())
}

func TestOneProcessEnrichesEveryFlightOnce(t *testing.T) {
	t.Parallel()
	onEachCluster(t, func(t *testing.T, c *cluster) {
		c.produce(t, flights.AirportsTopic, "iata")
		c.produce(t, flights.FlightsTopic, "origin")
		p := c.startFlights(t, t.TempDir())
		p.awaitLog(t, "msg=running")
		c.await(t, 20000, c.topic(flights.EnrichedTopic))
		p.stop(t)
		enriched, stats := c.results(t)
		checkResults(t, enriched, stats)
	})
}

func TestProcessesShareThePartitionsAndHandThemOver(t *testing.T) {
	t.Parallel()
	onEachCluster(t, func(t *testing.T, c *cluster) {
		c.produce(t, flights.AirportsTopic, "iata")
		stays, leaves := c.startFlights(t, t.TempDir()), c.startFlights(t, t.TempDir())
		stays.awaitLog(t, "msg=running")
		leaves.awaitLog(t, "msg=running")
		c.produce(t, flights.FlightsTopic, "origin")
		c.await(t, 5000, c.topic(flights.EnrichedTopic))
		leaves.stop(t)
		joins := c.startFlights(t, t.TempDir())
		c.await(t, 20000, c.topic(flights.EnrichedTopic))
		joins.awaitLog(t, "msg=running")
		joins.stop(t)
		stays.stop(t)
		enriched, stats := c.results(t)
		checkResults(t, enriched, stats)
	})
}

func TestStateIsRestoredByAProcessWithAnEmptyFolder(t *testing.T) {
	t.Parallel()
	onEachCluster(t, func(t *testing.T, c *cluster) {
		c.produce(t, flights.AirportsTopic, "iata")
		c.produce(t, flights.FlightsTopic, "origin")
		first := c.startFlights(t, t.TempDir())
		c.awaitTopic(t, first, flights.EnrichedTopic, 20000)
		first.stop(t)
		c.produce(t, flights.FlightsTopic, "origin")
		second := c.startFlights(t, t.TempDir())
		c.await(t, 40000, c.topic(flights.EnrichedTopic))
		second.stop(t)
		_, stats := c.results(t)
		last := map[string]int64{}
		for _, s := range stats {
			last[s.IATA] = s.Flights
		}
		want := map[string]int64{}
		for origin, sums := range expectedTotals(readFile(t, flights.FlightsFile(), flights.FlightCodec())) {
			want[origin] = 2 * sums.Flights
		}
		if diff := cmp.Diff(last, want); diff != "" {
			t.Errorf("the counts did not go on from the first run (-got +want): %s", diff)
		}
	})
}

// awaitTopic waits for a topic that the process may have yet to create.
func (c *cluster) awaitTopic(t *testing.T, p *process, topic string, n int) {
	t.Helper()
	p.awaitLog(t, "msg=running")
	c.await(t, n, c.topic(topic))
}

func TestRecordsThatDoNotDecodeAreKeptAndTheRestGoesOn(t *testing.T) {
	t.Parallel()
	onEachCluster(t, func(t *testing.T, c *cluster) {
		c.produce(t, flights.AirportsTopic, "iata")
		p := c.startFlights(t, t.TempDir())
		p.awaitLog(t, "msg=running")
		known, err := c.schemas.Latest(t.Context(), c.topic(flights.AirportsTopic)+"-value")
		if err != nil {
			t.Fatal(err)
		}
		bad := map[string][]byte{ // by a part of the reason
			"too few for the Confluent wire format": []byte("junk"),
			"starts with 0x00":                      []byte("not framed at all"),
			"schema id 999999":                      avro.AppendConfluent(nil, 999999),
			"gokavro.flights.Airport":               append(avro.AppendConfluent(nil, known.ID), 0),
			"tombstone":                             nil,
		}
		c.write(t, c.topic(flights.FlightsTopic), bad)
		c.produce(t, flights.FlightsTopic, "origin")
		c.await(t, 20000, c.topic(flights.EnrichedTopic))
		c.await(t, len(bad), c.topic(flights.DeadLetters))
		p.stop(t)
		enriched, stats := c.results(t)
		checkResults(t, enriched, stats)

		letters := c.letters(t)
		if len(letters) != len(bad) {
			t.Fatalf("got %d dead letters, want %d", len(letters), len(bad))
		}
		for reason, value := range bad {
			letter, ok := letters[reason]
			if !ok || !strings.Contains(letter.Error, reason) {
				t.Errorf("record %q: got the reason %q", reason, letter.Error)
			}
			var kept []byte
			if letter.Value != nil {
				kept = *letter.Value
			}
			if diff := cmp.Diff(kept, value); diff != "" || letter.Topic != c.topic(flights.FlightsTopic) {
				t.Errorf("record %q: got topic %s and other bytes: %s", reason, letter.Topic, diff)
			}
		}
	})
}

// write puts values under their keys into a topic.
func (c *cluster) write(t *testing.T, topic string, values map[string][]byte) {
	t.Helper()
	kafkatest.Fill(t, c.kafka.Config(), func(put func(kafka.Record)) {
		for key, value := range values {
			put(kafka.Record{Topic: topic, Partition: -1, Key: []byte(key), Value: value})
		}
	})
}

// letters returns the dead letters by key.
func (c *cluster) letters(t *testing.T) map[string]dlq.Letter {
	t.Helper()
	codec := avro.Typed[dlq.Letter](avro.Namespace(dlq.Namespace), avro.Name(dlq.Name), avro.Registry(c.schemas))
	letters := map[string]dlq.Letter{}
	for _, r := range kafkatest.Read(t, c.kafka, kafka.Query{Topic: c.topic(flights.DeadLetters)}) {
		var letter dlq.Letter
		if err := codec.Read(r.Value, &letter); err != nil {
			t.Fatal(err)
		}
		letters[string(r.Key)] = letter
	}
	return letters
}

func TestTwoProcessesMayCreateTheTopicsAtOnce(t *testing.T) {
	t.Parallel()
	onEachCluster(t, func(t *testing.T, c *cluster) {
		var both sync.WaitGroup
		for range 2 {
			p := c.startFlights(t, t.TempDir())
			both.Go(func() {
				p.awaitLog(t, "msg=running")
				p.stop(t)
			})
		}
		both.Wait()
		for _, topic := range []string{flights.AirportsTopic, flights.FlightsTopic, flights.EnrichedTopic, flights.StatsTopic, flights.DeadLetters} {
			if got, err := c.kafka.Partitions(c.topic(topic)); err != nil || got != partitions {
				t.Errorf("topic %s: got %d partitions, %v; want %d", topic, got, err, partitions)
			}
		}
		subjects, err := c.schemas.Subjects(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]bool{}
		for _, subject := range subjects {
			if own, ok := strings.CutPrefix(subject, c.prefix); ok {
				got[own] = true
			}
		}
		want := map[string]bool{
			"airports-value": true, "flights-enriched-value": true, "airport-stats-value": true, "flights-dead-letters-value": true,
		}
		if diff := cmp.Diff(got, want); diff != "" {
			t.Errorf("the registered subjects differ (-got +want): %s", diff)
		}
	})
}
