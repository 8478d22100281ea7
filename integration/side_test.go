package integration_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/gokavro/gokavro/examples/flights"
	"github.com/gokavro/gokavro/topology/kafka"
)

// A run beside production gives the same results out of the same records, ends
// behind the transactions that its inputs end with, and changes nothing of
// production's.
func TestASideRunComputesTheSameAndLeavesProductionAlone(t *testing.T) {
	t.Parallel()
	onEachCluster(t, func(t *testing.T, c *cluster) {
		c.produce(t, flights.AirportsTopic, "iata")
		c.produce(t, flights.FlightsTopic, "origin")
		state := t.TempDir()
		p := c.startFlights(t, state)
		c.awaitTopic(t, p, flights.EnrichedTopic, 20000)
		p.stop(t)
		c.abort(t, c.topic(flights.FlightsTopic))
		before := c.production(t)
		aside := c.args("--topic-prefix", c.prefix, "--state", state, "--side", "fix")
		stdout, stderr, code := run(t, "flights", append(aside, "--until", "end")...)
		if code != 0 || !strings.Contains(stderr, "until=end in=20000 out=20000 dead_letters=0") {
			t.Fatalf("got exit code %d, standard output %q and log %s", code, stdout, stderr)
		}
		// fix is the cluster as the side run writes it.
		fix := *c
		fix.prefix += "fix."
		enriched, stats := fix.results(t)
		checkResults(t, enriched, stats)
		mustRun(t, "flights", append(aside, "--side-drop")...)
		if diff := cmp.Diff(c.production(t), before); diff != "" {
			t.Errorf("production has changed (-got +want): %s", diff)
		}
	})
}

// production returns what a side run may not change: where the group is, and how
// far each topic goes.
func (c *cluster) production(t *testing.T) map[string]map[int32]int64 {
	t.Helper()
	found := map[string]map[int32]int64{}
	committed, err := c.kafka.Committed(c.topic("flights"))
	if err != nil {
		t.Fatal(err)
	}
	for topic, offsets := range committed {
		found["committed of "+topic] = offsets
	}
	for _, topic := range []string{flights.AirportsTopic, flights.FlightsTopic, flights.EnrichedTopic, flights.StatsTopic, flights.DeadLetters} {
		found[topic] = map[int32]int64{}
		for partition := range int32(partitions) {
			if found[topic][partition], err = c.kafka.EndOffset(c.topic(topic), partition, kafka.ReadUncommitted); err != nil {
				t.Fatal(err)
			}
		}
	}
	return found
}

// abort writes a record into each partition and takes it back: what is left is
// what nobody is handed.
func (c *cluster) abort(t *testing.T, topic string) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(c.brokers, ",")...), kgo.TransactionalID(topic), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	for partition := range int32(partitions) {
		client.Produce(t.Context(), &kgo.Record{Topic: topic, Partition: partition, Value: []byte("taken back")}, func(_ *kgo.Record, err error) {
			if err != nil {
				t.Errorf("writing to %s: %v", topic, err)
			}
		})
	}
	if err := client.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := client.EndTransaction(context.WithoutCancel(t.Context()), kgo.TryAbort); err != nil {
		t.Fatal(err)
	}
}
