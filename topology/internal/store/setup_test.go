package store_test

import (
	"maps"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/gokavro/gokavro/topology/internal/store"
)

// testBundle is a folder and the database in it.
type testBundle struct {
	cfg   store.Config
	db    *store.DB
	clock *clock
}

// clock is what the rows age by.
type clock struct{ millis atomic.Int64 }

func (c *clock) now() time.Time          { return time.UnixMilli(c.millis.Load()) }
func (c *clock) advance(d time.Duration) { c.millis.Add(d.Milliseconds()) }

// onEach runs a test on the disk and in memory: both are to behave the same.
func onEach(t *testing.T, test func(t *testing.T, b *testBundle)) {
	t.Helper()
	for name, fs := range map[string]vfs.FS{"disk": nil, "memory": vfs.NewMem()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, setup(t, fs))
		})
	}
}

// setup opens a database with the tables a, b and, its rows living an hour, ttl.
func setup(t testing.TB, fs vfs.FS) *testBundle {
	t.Helper()
	c := &clock{}
	c.millis.Store(1_700_000_000_000)
	b := &testBundle{clock: c, cfg: store.Config{
		Dir: t.TempDir(), FS: fs, Now: c.now,
		Owner: store.Owner{Group: "g", Partition: 3, Tables: []store.Spec{
			{Name: "a", Topic: "g-a-changelog"},
			{Name: "b", Topic: "g-b-changelog"},
			{Name: "ttl", Topic: "g-ttl-changelog", TTL: time.Hour},
		}},
	}}
	b.open(t)
	t.Cleanup(func() {
		if err := b.db.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

func (b *testBundle) open(t testing.TB) {
	t.Helper()
	db, err := store.Open(b.cfg)
	if err != nil {
		t.Fatal(err)
	}
	if healed := db.Healed(); healed != "" {
		t.Errorf("the store was emptied: %s", healed)
	}
	b.db = db
}

func (b *testBundle) reopen(t testing.TB) {
	t.Helper()
	if err := b.db.Close(); err != nil {
		t.Fatal(err)
	}
	b.open(t)
}

// flush seals and flushes, with the same offset for all tables.
func (b *testBundle) flush(t testing.TB, offset int64) {
	t.Helper()
	offsets := map[string]int64{"a": offset, "b": offset, "ttl": offset}
	if err := b.db.Seal().Flush(offsets); err != nil {
		t.Fatal(err)
	}
}

// get returns a value, "(none)" if there is none.
func (b *testBundle) get(t testing.TB, table, key string) string {
	t.Helper()
	value, ok, err := b.db.Table(table).Get(key)
	if err != nil {
		t.Fatal(err)
	}
	if !ok {
		return "(none)"
	}
	return string(value)
}

func (b *testBundle) rows(t testing.TB, table string) map[string]string {
	t.Helper()
	got := map[string]string{}
	for row, err := range b.db.Table(table).Range("", "") {
		if err != nil {
			t.Fatal(err)
		}
		got[row.Key] = string(row.Value)
	}
	return got
}

func keysOf(t testing.TB, rows func(func(store.Row, error) bool)) []string {
	t.Helper()
	keys := []string{}
	for row, err := range rows {
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, row.Key)
	}
	return keys
}

func sortedKeys[V any](m map[string]V) []string {
	keys := slices.AppendSeq([]string{}, maps.Keys(m))
	slices.Sort(keys)
	return keys
}
