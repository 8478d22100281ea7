package restore_test

import (
	"context"
	"crypto/rand"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokavro/gokavro/integration/devstack"
	"github.com/gokavro/gokavro/topology/internal/restore"
	"github.com/gokavro/gokavro/topology/internal/store"
	"github.com/gokavro/gokavro/topology/kafka"
)

// patience bounds every wait of these tests.
const patience = 60 * time.Second

// testBundle is a changelog and a database for each of its partitions.
type testBundle struct {
	cfg    kafka.Config
	client *kafka.Client
	topic  string
	dir    string
	dbs    []*store.DB
}

func setup(t testing.TB, partitions int32) *testBundle {
	t.Helper()
	b := &testBundle{topic: "changelog-" + rand.Text()[:8], dir: t.TempDir()}
	b.cfg = kafka.Config{Brokers: brokers(t), Timeout: patience}
	client, err := kafka.Dial(t.Context(), b.cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	b.client = client
	b.create(t, partitions)
	for partition := range partitions {
		b.dbs = append(b.dbs, b.open(t, partition))
	}
	t.Cleanup(func() {
		for _, db := range b.dbs {
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	return b
}

// brokers takes the cluster that KAFKA_BROKERS names, or starts one.
func brokers(t testing.TB) []string {
	t.Helper()
	if named := os.Getenv("KAFKA_BROKERS"); named != "" {
		return strings.Split(named, ",")
	}
	stack, err := devstack.Start(t.Context(), devstack.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stack.Close() })
	return stack.Brokers()
}

func (b *testBundle) create(t testing.TB, partitions int32) {
	t.Helper()
	if _, err := b.client.CreateMissing(t.Context(), kafka.Topic{Name: b.topic, Partitions: partitions}); err != nil {
		t.Fatal(err)
	}
}

func (b *testBundle) open(t testing.TB, partition int32) *store.DB {
	t.Helper()
	db, err := store.Open(store.Config{Dir: b.dir, Owner: store.Owner{
		Group: "g", Partition: partition, Tables: []store.Spec{{Name: "t", Topic: b.topic}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// write writes values by key; "" is a tombstone.
func (b *testBundle) write(t testing.TB, partition int32, pairs ...string) {
	t.Helper()
	w, err := kafka.NewWriter(b.cfg)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(pairs); i += 2 {
		record := kafka.Record{Topic: b.topic, Partition: partition, Key: []byte(pairs[i])}
		if pairs[i+1] != "" {
			record.Value = []byte(pairs[i+1])
		}
		if err := w.Write(t.Context(), record, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func (b *testBundle) tables() []restore.Table {
	var tables []restore.Table
	for i, db := range b.dbs {
		tables = append(tables, restore.Table{DB: db, Name: "t", Topic: b.topic, Partition: int32(i)})
	}
	return tables
}

// heard is what the events told.
type heard struct {
	mu       sync.Mutex
	finished []restore.Progress
	cleared  []string
	waiting  chan struct{} // closed at the first wait
	once     sync.Once
}

func (h *heard) events() restore.Events {
	h.waiting = make(chan struct{})
	return restore.Events{
		Waiting: func(restore.Progress) { h.once.Do(func() { close(h.waiting) }) },
		Cleared: func(_ restore.Table, reason string) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.cleared = append(h.cleared, reason)
		},
		Finished: func(p restore.Progress) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.finished = append(h.finished, p)
		},
	}
}

func (b *testBundle) restore(t testing.TB) *heard {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	h := &heard{}
	if err := restore.Run(ctx, restore.Config{Client: b.client, Events: h.events(), Parallel: 2}, b.tables()...); err != nil {
		t.Fatal(err)
	}
	return h
}

func (b *testBundle) rows(t testing.TB, partition int) map[string]string {
	t.Helper()
	got := map[string]string{}
	for row, err := range b.dbs[partition].Table("t").Range("", "") {
		if err != nil {
			t.Fatal(err)
		}
		got[row.Key] = string(row.Value)
	}
	return got
}

func (b *testBundle) end(t testing.TB, partition int32) int64 {
	t.Helper()
	end, err := b.client.EndOffset(b.topic, partition, kafka.ReadUncommitted)
	if err != nil {
		t.Fatal(err)
	}
	return end
}

// transactor returns a producer with a transaction begun.
func (b *testBundle) transactor(t testing.TB) sarama.SyncProducer {
	t.Helper()
	conf := b.cfg.Sarama()
	conf.Producer.Transaction.ID = b.topic + rand.Text()
	conf.Producer.Partitioner = sarama.NewManualPartitioner
	producer, err := sarama.NewSyncProducer(b.cfg.Brokers, conf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = producer.Close() })
	if err := producer.BeginTxn(); err != nil {
		t.Fatal(err)
	}
	return producer
}

func (b *testBundle) send(t testing.TB, producer sarama.SyncProducer, key, value string) {
	t.Helper()
	_, _, err := producer.SendMessage(&sarama.ProducerMessage{
		Topic: b.topic, Key: sarama.StringEncoder(key), Value: sarama.StringEncoder(value),
	})
	if err != nil {
		t.Fatal(err)
	}
}

// deleteBefore removes the records of partition 0 before an offset.
func (b *testBundle) deleteBefore(t testing.TB, offset int64) {
	t.Helper()
	admin, err := sarama.NewClusterAdminFromClient(b.client.Sarama())
	if err != nil {
		t.Fatal(err)
	}
	if err := admin.DeleteRecords(b.topic, map[int32]int64{0: offset}); err != nil {
		t.Fatal(err)
	}
}

// remake deletes the changelog and makes it again.
func (b *testBundle) remake(t testing.TB) {
	t.Helper()
	admin, err := sarama.NewClusterAdminFromClient(b.client.Sarama())
	if err != nil {
		t.Fatal(err)
	}
	before, err := b.client.TopicID(t.Context(), b.topic)
	if err != nil {
		t.Fatal(err)
	}
	if err := admin.DeleteTopic(b.topic); err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := b.client.CreateMissing(t.Context(), kafka.Topic{Name: b.topic, Partitions: int32(len(b.dbs))}); err != nil {
			t.Fatal(err)
		}
		// The deletion takes its time to be known.
		if id, err := b.client.TopicID(t.Context(), b.topic); err == nil && id != before {
			return
		}
	}
}
