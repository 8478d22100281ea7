package standby_test

import (
	"context"
	"crypto/rand"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gokavro/gokavro/integration/devstack"
	"github.com/gokavro/gokavro/topology/internal/restore"
	"github.com/gokavro/gokavro/topology/internal/standby"
	"github.com/gokavro/gokavro/topology/internal/store"
	"github.com/gokavro/gokavro/topology/kafka"
	"github.com/gokavro/gokavro/topology/kafka/kafkatest"
)

// testBundle is a group's changelogs, of the tables a and, its rows living an
// hour, ttl, and standbys of it.
type testBundle struct {
	kafka    kafka.Config
	client   *kafka.Client
	store    store.Config
	standbys *standby.Standbys
	heard    *heard
}

// heard is what the events told.
type heard struct {
	mu       sync.Mutex
	caughtUp []standby.Progress
	cleared  []string
	// loading is called at each piece that is loaded.
	loading func()
}

func setup(t *testing.T, partitions int32) *testBundle {
	t.Helper()
	if named := os.Getenv("KAFKA_BROKERS"); named != "" {
		return setupOn(t, strings.Split(named, ","), partitions)
	}
	return setupOn(t, startStack(t, devstack.Config{NoRegistry: true}).Brokers(), partitions)
}

func startStack(t *testing.T, cfg devstack.Config) *devstack.Stack {
	t.Helper()
	stack, err := devstack.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stack.Close() })
	return stack
}

func setupOn(t *testing.T, brokers []string, partitions int32) *testBundle {
	t.Helper()
	group := "g-" + rand.Text()[:8]
	b := &testBundle{kafka: kafka.Config{Brokers: brokers, Timeout: kafkatest.Patience}, heard: &heard{}}
	b.store = store.Config{Dir: t.TempDir(), Owner: store.Owner{Group: group, Tables: []store.Spec{
		{Name: "a", Topic: group + "-a-changelog"}, {Name: "ttl", Topic: group + "-ttl-changelog", TTL: time.Hour},
	}}}
	b.client = kafkatest.Dial(t, b.kafka)
	for _, table := range b.store.Owner.Tables {
		kafkatest.Create(t, b.client, kafka.Topic{Name: table.Topic, Partitions: partitions})
	}
	b.standbys = b.start(t)
	return b
}

func (b *testBundle) start(t *testing.T) *standby.Standbys {
	t.Helper()
	standbys := standby.New(standby.Config{Client: b.client, Store: b.store, Events: b.heard.events()})
	t.Cleanup(func() {
		if err := standbys.Close(); err != nil {
			t.Error(err)
		}
	})
	return standbys
}

func (h *heard) events() standby.Events {
	return standby.Events{
		CaughtUp: func(p standby.Progress) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.caughtUp = append(h.caughtUp, p)
		},
		Restore: func() restore.Events {
			return restore.Events{
				Progressed: func(restore.Progress) {
					if h.loading != nil {
						h.loading()
					}
				},
				Cleared: func(_ restore.Table, reason string) {
					h.mu.Lock()
					defer h.mu.Unlock()
					h.cleared = append(h.cleared, reason)
				},
			}
		},
	}
}

// times returns how often a copy has caught up.
func (h *heard) times() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.caughtUp)
}

func (h *heard) reasons() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]string(nil), h.cleared...)
}

// topic returns the changelog of a table.
func (b *testBundle) topic(table string) string {
	return b.store.Owner.Group + "-" + table + "-changelog"
}

// write writes values by key to a changelog; "" is a tombstone.
func (b *testBundle) write(t *testing.T, table string, partition int32, pairs ...string) {
	t.Helper()
	var records []kafka.Record
	for i := 0; i < len(pairs); i += 2 {
		record := kafka.Record{Topic: b.topic(table), Partition: partition, Key: []byte(pairs[i])}
		if pairs[i+1] != "" {
			record.Value = []byte(pairs[i+1])
		}
		records = append(records, record)
	}
	kafkatest.Write(t, b.kafka, records...)
}

func (b *testBundle) end(t *testing.T, table string, iso kafka.Isolation) int64 {
	t.Helper()
	end, err := b.client.EndOffset(b.topic(table), 0, iso)
	if err != nil {
		t.Fatal(err)
	}
	return end
}

// awaitStable waits until partition 0's copy has come to the last stable offset.
func (b *testBundle) awaitStable(t *testing.T, table string) {
	t.Helper()
	kafkatest.Await(t, "the copy is up to date", func() bool {
		return b.standbys.Next(0, b.topic(table)) == b.end(t, table, kafka.ReadCommitted)
	})
}

// take takes partition 0's copy over, or opens its tables, as a task does. warm
// tells whether the copy was up to date.
func (b *testBundle) take(t *testing.T) (db *store.DB, warm bool) {
	t.Helper()
	b.standbys.Reserve(0)
	db, warm, err := b.standbys.Take(0)
	if err != nil {
		t.Fatal(err)
	}
	if db == nil {
		return b.open(t), warm
	}
	t.Cleanup(func() { _ = db.Close() })
	return db, warm
}

// promote takes partition 0's copy over and restores its tables. restored is how
// many records that had to read.
func (b *testBundle) promote(t *testing.T) (db *store.DB, restored int64) {
	t.Helper()
	db, _ = b.take(t)
	return db, b.restore(t, db)
}

// restore reads what partition 0's tables do not have yet.
func (b *testBundle) restore(t *testing.T, db *store.DB) (restored int64) {
	t.Helper()
	var mu sync.Mutex
	events := restore.Events{Finished: func(p restore.Progress) {
		mu.Lock()
		defer mu.Unlock()
		restored += p.Records
	}}
	var tables []restore.Table
	for _, spec := range b.store.Owner.Tables {
		tables = append(tables, restore.Table{DB: db, Name: spec.Name, Topic: spec.Topic})
	}
	ctx, cancel := context.WithTimeout(t.Context(), kafkatest.Patience)
	defer cancel()
	if err := restore.Run(ctx, restore.Config{Client: b.client, Events: events}, tables...); err != nil {
		t.Fatal(err)
	}
	return restored
}

// open opens partition 0's database.
func (b *testBundle) open(t *testing.T) *store.DB {
	t.Helper()
	db, err := store.Open(b.store)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func rows(t *testing.T, db *store.DB, table string) map[string]string {
	t.Helper()
	got := map[string]string{}
	for row, err := range db.Table(table).Range("", "") {
		if err != nil {
			t.Fatal(err)
		}
		got[row.Key] = string(row.Value)
	}
	return got
}
