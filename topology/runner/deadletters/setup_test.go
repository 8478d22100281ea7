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
	"github.com/gokavro/gokavro/topology/kafka/kafkatest"
	"github.com/gokavro/gokavro/topology/runner/deadletters"
)

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
	b.Kafka = kafkatest.Dial(t, kafka.Config{Brokers: b.brokers, Timeout: kafkatest.Patience})
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
		kafkatest.Create(t, b.Kafka, kafka.Topic{Name: name, Partitions: partitions})
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
	var records []kafka.Record
	for _, l := range letters {
		data, err := b.letters.Append(nil, &l)
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, kafka.Record{Topic: "flights-dead-letters", Key: l.Key, Value: data})
	}
	kafkatest.Write(t, kafka.Config{Brokers: b.brokers}, records...)
}

// read returns all committed records of a topic.
func (b *testBundle) read(t *testing.T, topic string) []kafka.Record {
	t.Helper()
	return kafkatest.Read(t, b.Kafka, kafka.Query{Topic: topic})
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
