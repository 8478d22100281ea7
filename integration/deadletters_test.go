package integration_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/processors"
	"github.com/gokavro/gokavro/topology"
	"github.com/gokavro/gokavro/topology/kafka"
	"github.com/gokavro/gokavro/topology/kafka/kafkatest"
	"github.com/gokavro/gokavro/topology/runner"
)

// order is what the tests of dead letters process.
type order struct {
	Name   string `avro:"name"`
	Amount int32  `avro:"amount"`
}

type orderCount struct {
	N int64 `avro:"n"`
}

func orderCodec(opts ...avro.Option) *avro.TypedCodec[order] {
	return avro.Typed[order](append([]avro.Option{avro.Namespace("gokavro.test"), avro.Name("Order")}, opts...)...)
}

// orders counts the orders of each key: orders → checked. As long as it is not
// mended, one of an amount below 0 fails.
func orders(mended bool) *topology.Topology {
	t := topology.New("orders")
	in := topology.Input(t, "placed", orderCodec())
	topology.Process(in, topology.Store(t, "order-counts", avro.Typed[orderCount]()),
		func(in processors.Record[order], row *processors.Row[orderCount], emit func(order)) error {
			if in.Value.Amount < 0 && !mended {
				return errors.New("the amount is below 0")
			}
			count, _ := row.Get()
			row.Set(orderCount{N: count.N + 1})
			emit(in.Value)
			return nil
		}).To("checked", orderCodec())
	return t
}

// runOrders runs the topology until the returned function is called.
func (c *cluster) runOrders(t *testing.T, mended bool, state string) (stop func()) {
	t.Helper()
	r, err := runner.New(orders(mended), runner.Config{
		Brokers: strings.Split(c.brokers, ","), Registry: []string{c.registry}, StateDir: state, CreateTopics: 4, TopicPrefix: c.prefix, Partitioner: runner.AnyPartitioner,
		Logger: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// checked waits until topic checked has an order of each name, and returns how
// often each is there.
func (c *cluster) checked(t *testing.T, names int) map[string]int {
	t.Helper()
	codec := orderCodec(avro.Registry(c.schemas), avro.Topic(c.topic("checked")))
	got := map[string]int{}
	kafkatest.Await(t, fmt.Sprintf("%d names in topic checked", names), func() bool {
		clear(got)
		for _, r := range c.committed(t, c.topic("checked")) {
			value, err := codec.Decode(r.Value)
			if err != nil {
				t.Fatal(err)
			}
			got[value.(*order).Name]++
		}
		return len(got) >= names
	})
	return got
}

// committed returns the committed records of a topic, none of one that is not
// there yet.
func (c *cluster) committed(t *testing.T, topic string) []kafka.Record {
	t.Helper()
	return kafkatest.Read(t, c.kafka, kafka.Query{Topic: topic})
}

// dlq runs `gokavro dlq` on the topology's letters.
func (c *cluster) dlq(t *testing.T, args ...string) (stdout, stderr string) {
	t.Helper()
	args = append([]string{"dlq"}, args...)
	stdout, stderr, code := run(t, "gokavro", c.args(append(args, "--topology", c.prefix+"orders")...)...)
	if code != 0 {
		t.Fatalf("%v: got exit code %d: %s", args, code, stderr)
	}
	return stdout, stderr
}

func TestDeadLettersAreMendedAndProcessedOnce(t *testing.T) {
	t.Parallel()
	onEachCluster(t, func(t *testing.T, c *cluster) {
		const good, negative, garbage = 40, 12, 5
		kafkatest.Create(t, c.kafka, kafka.Topic{Name: c.topic("placed"), Partitions: 4})
		codec := orderCodec(avro.Registry(c.schemas), avro.Topic(c.topic("placed")), avro.AutoRegister())
		var records []kafka.Record
		want := map[string]int{}
		for i := range good + negative {
			o := order{Name: fmt.Sprintf("o%02d", i), Amount: int32(i)}
			if i%4 == 1 && i < 4*negative {
				o.Amount = -1
			}
			want[o.Name] = 1
			data, err := codec.Encode(o)
			if err != nil {
				t.Fatal(err)
			}
			records = append(records, kafka.Record{Topic: c.topic("placed"), Partition: int32(i % 4), Key: fmt.Appendf(nil, "k%d", i%7), Value: data})
		}
		for i := range garbage {
			records = append(records, kafka.Record{Topic: c.topic("placed"), Partition: int32(i % 4), Key: []byte("bad"), Value: fmt.Appendf(nil, "bad%d", i)})
		}
		kafkatest.Write(t, c.kafka.Config(), records...)

		state := t.TempDir()
		stop := c.runOrders(t, false, state)
		c.checked(t, good)
		c.awaitLetters(t, negative+garbage)
		stop()

		// The code is mended, the bytes that are no order are mended by hand, and one
		// of them is given up.
		stop = c.runOrders(t, true, state)
		defer func() { stop() }()
		shown, _ := c.dlq(t, "show", "--json", "--step", "placed")
		var edits []string
		for i, line := range strings.Split(strings.TrimSpace(shown), "\n") {
			var letter map[string]any
			if err := json.Unmarshal([]byte(line), &letter); err != nil {
				t.Fatal(err)
			}
			if i == 0 {
				c.dlq(t, "drop", "--letter", letter["letter"].(string), "--execute")
				continue
			}
			name := fmt.Sprintf("mended%d", i)
			want[name] = 1
			delete(letter, "value_base64")
			letter["value"] = order{Name: name, Amount: 1}.json()
			edited, err := json.Marshal(letter)
			if err != nil {
				t.Fatal(err)
			}
			edits = append(edits, string(edited))
		}
		path := file(t, "letters.json", []byte(strings.Join(edits, "\n")))
		for range 2 { // the second time there is nothing left to replay
			c.dlq(t, "replay", "--edit", path, "--execute")
			c.dlq(t, "replay", "--execute")
		}
		c.checked(t, len(want))
		stop()
		stop = c.runOrders(t, true, t.TempDir()) // reads the state again, and nothing twice
		kafkatest.Write(t, c.kafka.Config(), records[0])
		want["o00"]++
		var got map[string]int
		kafkatest.Await(t, "o00 to be processed again", func() bool {
			got = c.checked(t, len(want))
			return got["o00"] >= 2
		})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("orders processed (-want +got):\n%s", diff)
		}
		if n := len(c.committed(t, c.topic("placed"))); n != len(records)+1 {
			t.Errorf("got %d records in the input, want the %d that were written there", n, len(records)+1)
		}
		if n := len(c.committed(t, c.topic("orders-dead-letters"))); n != negative+garbage {
			t.Errorf("got %d dead letters, want still %d", n, negative+garbage)
		}
	})
}

func (o order) json() map[string]any { return map[string]any{"name": o.Name, "amount": o.Amount} }

// awaitLetters waits until so many dead letters are there.
func (c *cluster) awaitLetters(t *testing.T, n int) {
	t.Helper()
	kafkatest.Await(t, fmt.Sprintf("there are %d dead letters", n), func() bool {
		return len(c.committed(t, c.topic("orders-dead-letters"))) >= n
	})
}
