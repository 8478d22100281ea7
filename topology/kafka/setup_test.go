package kafka_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/gokavro/gokavro/topology/kafka"
)

// patience bounds every wait of these tests.
const patience = 60 * time.Second

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
	b := &testBundle{fake: fake, cfg: kafka.Config{Brokers: brokers, Timeout: patience}}
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
	if _, err := b.client.CreateMissing(t.Context(), kafka.Topic{Name: name, Partitions: partitions}); err != nil {
		t.Fatal(err)
	}
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

// read returns what a reading until the end hands over.
func (b *testBundle) read(t *testing.T, q kafka.Query) []kafka.Record {
	t.Helper()
	q.UntilEnd = true
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var got []kafka.Record
	if err := b.client.Read(ctx, q, func(r kafka.Record) error {
		got = append(got, r)
		return nil
	}); err != nil {
		t.Fatalf("reading %+v: %v", q, err)
	}
	return got
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
	eventually(t, "all transactions are settled", func() bool {
		return b.end(t, topic, kafka.ReadCommitted) == b.end(t, topic, kafka.ReadUncommitted)
	})
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(patience)
	for !holds() {
		select {
		case <-ticker.C:
		case <-deadline:
			t.Fatalf("still not true after %s: %s", patience, what)
		}
	}
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

// transactor writes transactions into partition 0 of a topic.
type transactor struct {
	producer sarama.SyncProducer
	topic    string
}

func (b *testBundle) transactor(t *testing.T, topic, id string) *transactor {
	t.Helper()
	conf := b.cfg.Sarama()
	conf.Producer.Transaction.ID = topic + "-" + id
	conf.Producer.Partitioner = sarama.NewManualPartitioner
	producer, err := sarama.NewSyncProducer(b.cfg.Brokers, conf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = producer.Close() })
	return &transactor{producer: producer, topic: topic}
}

func (x *transactor) begin(t *testing.T) {
	t.Helper()
	if err := x.producer.BeginTxn(); err != nil {
		t.Fatal(err)
	}
}

// write returns the offset of the record.
func (x *transactor) write(t *testing.T, value string) int64 {
	t.Helper()
	_, offset, err := x.producer.SendMessage(&sarama.ProducerMessage{Topic: x.topic, Value: sarama.StringEncoder(value)})
	if err != nil {
		t.Fatal(err)
	}
	return offset
}

func (x *transactor) commit(t *testing.T) {
	t.Helper()
	if err := x.producer.CommitTxn(); err != nil {
		t.Fatal(err)
	}
}

func (x *transactor) abort(t *testing.T) {
	t.Helper()
	if err := x.producer.AbortTxn(); err != nil {
		t.Fatal(err)
	}
}
