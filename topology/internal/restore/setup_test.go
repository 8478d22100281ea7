package restore_test

import (
	"context"
	"crypto/rand"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/IBM/sarama"

	"github.com/gokavro/gokavro/integration/devstack"
	"github.com/gokavro/gokavro/topology/internal/restore"
	"github.com/gokavro/gokavro/topology/internal/store"
	"github.com/gokavro/gokavro/topology/kafka"
	"github.com/gokavro/gokavro/topology/kafka/kafkatest"
)

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
	b.cfg = kafka.Config{Brokers: brokers(t), Timeout: kafkatest.Patience}
	b.client = kafkatest.Dial(t, b.cfg)
	kafkatest.Create(t, b.client, kafka.Topic{Name: b.topic, Partitions: partitions})
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
	var records []kafka.Record
	for i := 0; i < len(pairs); i += 2 {
		record := kafka.Record{Topic: b.topic, Partition: partition, Key: []byte(pairs[i])}
		if pairs[i+1] != "" {
			record.Value = []byte(pairs[i+1])
		}
		records = append(records, record)
	}
	kafkatest.Write(t, b.cfg, records...)
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
	ctx, cancel := context.WithTimeout(t.Context(), kafkatest.Patience)
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
