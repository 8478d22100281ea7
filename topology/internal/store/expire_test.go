package store_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/topology/internal/store"
)

func TestExpiredRowsAreNotSeen(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, b *testBundle) {
		table := b.db.Table("ttl")
		table.Set("flushed", []byte("1"))
		b.flush(t, 1)
		table.Set("written", []byte("1"))
		b.clock.advance(time.Hour - time.Millisecond)
		if got := sortedKeys(b.rows(t, "ttl")); !cmp.Equal(got, []string{"flushed", "written"}) {
			t.Errorf("got %q before the rows expire", got)
		}
		b.clock.advance(time.Millisecond)
		if rows := b.rows(t, "ttl"); len(rows) > 0 {
			t.Errorf("got %v after the rows have expired", rows)
		}
		for _, key := range []string{"flushed", "written"} {
			if got := b.get(t, "ttl", key); got != "(none)" {
				t.Errorf("got %s for %s", got, key)
			}
		}
	})
}

// expired sweeps, flushes, and returns the keys with tombstones.
func (b *testBundle) expired(t *testing.T) []string {
	t.Helper()
	const limit = 3
	for {
		looked, err := b.db.Expire(b.clock.now(), limit)
		if err != nil {
			t.Fatal(err)
		}
		if looked < limit {
			break
		}
	}
	g := b.db.Seal()
	keys := []string{}
	for change := range g.Changes("ttl") {
		if change.Value == nil {
			keys = append(keys, change.Key)
		}
	}
	if err := g.Flush(nil); err != nil {
		t.Fatal(err)
	}
	return keys
}

func TestExpireWritesATombstoneForEachRowOnce(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, b *testBundle) {
		table := b.db.Table("ttl")
		var want []string
		for i := range 10 {
			key := fmt.Sprintf("k%d", i)
			table.Set(key, []byte("1"))
			want = append(want, key)
		}
		b.flush(t, 1)
		if got := b.expired(t); len(got) > 0 {
			t.Errorf("got tombstones of %q before anything has expired", got)
		}
		b.clock.advance(2 * time.Hour)
		b.db.Table("ttl").Set("k3", []byte("again"))
		table.Delete("k4")
		b.flush(t, 2)
		want = append(want[:3], want[5:]...)
		if diff := cmp.Diff(want, b.expired(t)); diff != "" {
			t.Errorf("tombstones (-want +got):\n%s", diff)
		}
		if got := b.expired(t); len(got) > 0 {
			t.Errorf("got tombstones of %q a second time", got)
		}
		if got := b.get(t, "ttl", "k3"); got != "again" {
			t.Errorf("got %s for the row that was set again", got)
		}
	})
}

func TestARowThatIsSetAllTheTimeStays(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, b *testBundle) {
		for i := range 200 {
			b.db.Table("ttl").Set("k", fmt.Append(nil, i))
			b.flush(t, int64(i))
			if got := b.expired(t); len(got) > 0 {
				t.Fatalf("round %d: got tombstones of %q", i, got)
			}
			b.clock.advance(time.Minute)
		}
		b.clock.advance(2 * time.Hour)
		if got := b.expired(t); !cmp.Equal(got, []string{"k"}) {
			t.Errorf("got tombstones of %q, want k's", got)
		}
	})
}

func TestADroppedSweepIsDoneAgain(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, b *testBundle) {
		b.db.Table("ttl").Set("k", []byte("1"))
		b.flush(t, 1)
		b.clock.advance(2 * time.Hour)
		if looked, err := b.db.Expire(b.clock.now(), 10); looked != 1 || err != nil {
			t.Fatalf("got %d, %v", looked, err)
		}
		b.db.Seal()
		if looked, err := b.db.Expire(b.clock.now(), 10); looked != 0 || err != nil {
			t.Errorf("got %d, %v while the first sweep is on its way", looked, err)
		}
		b.db.Drop()
		if got := b.expired(t); !cmp.Equal(got, []string{"k"}) {
			t.Errorf("got tombstones of %q, want k's", got)
		}
	})
}

func TestTidyLeavesOnlyTheEntriesOfRowsThatWaitForTheirTombstone(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, b *testBundle) {
		loader, err := b.db.Load("ttl")
		if err != nil {
			t.Fatal(err)
		}
		load := func(key, value string) {
			loader.Add([]byte(key), []byte(value), b.clock.now())
			if err := loader.Commit(1); err != nil {
				t.Fatal(err)
			}
		}
		load("outlived", "1")
		for range 20 {
			b.clock.advance(10 * time.Minute)
			load("fresh", "1")
		}
		if err := b.db.Tidy(b.clock.now(), 1000); err != nil {
			t.Fatal(err)
		}
		if looked, err := b.db.Expire(b.clock.now(), 1000); looked != 1 || err != nil {
			t.Errorf("got %d, %v: want one entry, that of the row without a tombstone", looked, err)
		}
		if got := b.get(t, "ttl", "fresh"); got != "1" {
			t.Errorf("got %s for a row that was set again", got)
		}
		if got := b.expired(t); !cmp.Equal(got, []string{"outlived"}) {
			t.Errorf("got tombstones of %q, want of the row that was outlived", got)
		}
	})
}

func TestALoadThatComesAfterTheCloseIsRefused(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, b *testBundle) {
		loader, err := b.db.Load("a")
		if err != nil {
			t.Fatal(err)
		}
		loader.Add([]byte("k"), []byte("v"), time.Time{})
		if err := b.db.Close(); err != nil {
			t.Fatal(err)
		}
		_, unread := b.db.TopicID("a")
		for doing, err := range map[string]error{
			"reading the topic id": unread, "noting it": b.db.SetTopicID("a", "1"),
			"a load": loader.Commit(1), "clearing": b.db.Clear("a"), "tidying": b.db.Tidy(b.clock.now(), 1),
		} {
			if !errors.Is(err, store.ErrClosed) {
				t.Errorf("%s: got %v, want %v", doing, err, store.ErrClosed)
			}
		}
	})
}
