package kafka_test

import (
	"crypto/rand"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/gokavro/gokavro/topology/kafka"
	"github.com/gokavro/gokavro/topology/kafka/kafkatest"
)

// testBundle is a cluster and a client of it. The fake is nil on a real one.
type testBundle struct {
	fake   *kfake.Cluster
	cfg    kafka.Config
	client *kafka.Client
}

// setup starts a fake cluster, or takes the real one that KAFKA_BROKERS names.
func setup(t *testing.T) *testBundle {
	t.Helper()
	if named := os.Getenv("KAFKA_BROKERS"); named != "" {
		return dialBundle(t, nil, strings.Split(named, ","))
	}
	return setupFake(t, 1)
}

// setupFake starts a fake cluster, for tests that steer it.
func setupFake(t *testing.T, brokers int) *testBundle {
	t.Helper()
	fake, err := kfake.NewCluster(kfake.NumBrokers(brokers))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	return dialBundle(t, fake, fake.ListenAddrs())
}

func dialBundle(t *testing.T, fake *kfake.Cluster, brokers []string) *testBundle {
	t.Helper()
	b := &testBundle{fake: fake, cfg: kafka.Config{Brokers: brokers, Timeout: kafkatest.Patience}}
	client, err := kafka.Dial(t.Context(), b.cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
	b.client = client
	return b
}

// topicName returns a name that no other test and no other run uses.
func topicName(t *testing.T) string {
	words := strings.FieldsFunc(t.Name(), func(r rune) bool { return strings.ContainsRune("/_,' ", r) })
	return fmt.Sprintf("%s-%s", strings.Join(words, "."), rand.Text()[:8])
}

func (b *testBundle) topic(t *testing.T, partitions int32) string {
	t.Helper()
	name := topicName(t)
	kafkatest.Create(t, b.client, kafka.Topic{Name: name, Partitions: partitions})
	return name
}

// write writes the records and returns them as delivered, in their order.
func (b *testBundle) write(t *testing.T, records ...kafka.Record) []kafka.Record {
	t.Helper()
	w, err := kafka.NewWriter(b.cfg)
	if err != nil {
		t.Fatal(err)
	}
	delivered := make([]kafka.Record, len(records))
	for i, record := range records {
		err := w.Write(t.Context(), record, func(r kafka.Record, err error) {
			if err != nil {
				t.Errorf("record %d: %v", i, err)
			}
			delivered[i] = r
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return delivered
}

func (b *testBundle) end(t *testing.T, topic string, iso kafka.Isolation) int64 {
	t.Helper()
	end, err := b.client.EndOffset(topic, 0, iso)
	if err != nil {
		t.Fatal(err)
	}
	return end
}

// awaitStable waits until every transaction's marker is in partition 0: a real
// broker writes it some time after it has accepted the end of the transaction.
func (b *testBundle) awaitStable(t *testing.T, topic string) {
	t.Helper()
	kafkatest.Await(t, "all transactions are settled", func() bool {
		return b.end(t, topic, kafka.ReadCommitted) == b.end(t, topic, kafka.ReadUncommitted)
	})
}

func offsets(records []kafka.Record) []int64 {
	list := []int64{}
	for _, r := range records {
		list = append(list, r.Offset)
	}
	return list
}

func values(records []kafka.Record) []string {
	list := []string{}
	for _, r := range records {
		list = append(list, string(r.Value))
	}
	return list
}
