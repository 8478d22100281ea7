package deadletters_test

import (
	"context"
	"testing"
	"time"

	"github.com/gokavro/gokavro/codecs"
	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/codecs/registry"
	"github.com/gokavro/gokavro/integration/devstack"
	"github.com/gokavro/gokavro/processors/dlq"
	"github.com/gokavro/gokavro/topology/kafka"
	"github.com/gokavro/gokavro/topology/runner/deadletters"
)

// patience bounds every wait of these tests.
const patience = 60 * time.Second

const retry = "flights-retry"

// testBundle is a stack with the dead letters of the topology flights.
type testBundle struct {
	deadletters.Config
	letters codecs.Codec[dlq.Letter]
	brokers []string
}

func setup(t *testing.T) *testBundle {
	t.Helper()
	stack, err := devstack.Start(t.Context(), devstack.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stack.Close() })
	b := &testBundle{brokers: stack.Brokers()}
	b.Topology = "flights"
	if b.Kafka, err = kafka.Dial(t.Context(), kafka.Config{Brokers: b.brokers, Timeout: patience}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Kafka.Close() })
	if b.Registry, err = registry.New(registry.Config{URLs: []string{stack.RegistryURL()}}); err != nil {
		t.Fatal(err)
	}
	b.topics(t, 2, "flights-dead-letters", retry)
	b.letters = avro.Typed[dlq.Letter](avro.Namespace(dlq.Namespace), avro.Name(dlq.Name),
		avro.Registry(b.Registry), avro.Topic("flights-dead-letters"), avro.AutoRegister())
	return b
}

func (b *testBundle) topics(t *testing.T, partitions int32, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := b.Kafka.CreateMissing(t.Context(), kafka.Topic{Name: name, Partitions: partitions}); err != nil {
			t.Fatal(err)
		}
	}
}

// bytesOf returns text as a letter has it.
func bytesOf(text string) *[]byte {
	data := []byte(text)
	return &data
}

// letter is one of a record of topic in, partition 1.
func letter(offset int64, key, value string) dlq.Letter {
	return dlq.Letter{
		Topic: "in", Partition: 1, Offset: offset, Time: time.UnixMilli(1000 * offset), Key: []byte(key), Value: bytesOf(value),
		Headers: []dlq.Header{{Key: "h", Value: []byte("v")}, {Key: "none", NoValue: true}}, Step: "count", Error: "it is broken", Attempts: 3,
	}
}

// write puts letters into partition 0 of their topic.
func (b *testBundle) write(t *testing.T, letters ...dlq.Letter) {
	t.Helper()
	w, err := kafka.NewWriter(kafka.Config{Brokers: b.brokers})
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range letters {
		data, err := b.letters.Append(nil, &l)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Write(t.Context(), kafka.Record{Topic: "flights-dead-letters", Key: l.Key, Value: data}, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// read returns all committed records of a topic.
func (b *testBundle) read(t *testing.T, topic string) (records []kafka.Record) {
	t.Helper()
	err := b.Kafka.Read(t.Context(), kafka.Query{Topic: topic, UntilEnd: true}, func(r kafka.Record) error {
		records = append(records, r)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return records
}

// list returns the letters of a filter as PLACE STATE.
func (b *testBundle) list(t *testing.T, f deadletters.Filter) []string {
	t.Helper()
	all := []string{}
	err := deadletters.List(t.Context(), b.Config, f, func(l *deadletters.Letter) error {
		all = append(all, l.Place.String()+" "+string(l.State))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func (b *testBundle) replay(t *testing.T, f deadletters.Filter, fix func(context.Context, *deadletters.Letter) error) int {
	t.Helper()
	n, err := deadletters.Replay(t.Context(), b.Config, f, fix)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
