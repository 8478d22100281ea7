package store_test

import (
	"strconv"
	"testing"
)

// TestATaskWritesWhileACommitterFlushes counts with a cache while generations
// are sealed, read for the changelog and flushed.
func TestATaskWritesWhileACommitterFlushes(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, b *testBundle) {
		const records, keys = 6000, 7
		done := make(chan struct{})
		go func() {
			defer close(done)
			count(t, newCounted(b.db.Table("a"), 4*200), records, keys)
		}()
		changelog := map[string]string{}
		commit := func(offset int64) {
			g := b.db.Seal()
			for change := range g.Changes("a") {
				changelog[change.Key] = string(change.Value)
			}
			if err := g.Flush(map[string]int64{"a": offset}); err != nil {
				t.Error(err)
			}
			_ = b.rows(t, "a")
		}
		offset := int64(0)
		for running := true; running; offset++ {
			select {
			case <-done:
				running = false
			default:
			}
			commit(offset)
		}
		total := 0
		for key, value := range b.rows(t, "a") {
			if changelog[key] != value {
				t.Errorf("key %s: the changelog has %s, the table %s", key, changelog[key], value)
			}
			n, err := strconv.Atoi(value)
			if err != nil {
				t.Fatal(err)
			}
			total += n
		}
		if total != records {
			t.Errorf("got a sum of %d, want %d", total, records)
		}
		if looked, err := b.db.Expire(b.clock.now(), 1); looked != 0 || err != nil {
			t.Errorf("got %d, %v of a table without times", looked, err)
		}
	})
}

func count(t *testing.T, c *counted, records, keys int) {
	for i := range records {
		key := strconv.Itoa(i % keys)
		n, _, err := c.Take(key)
		if err != nil {
			t.Error(err)
			return
		}
		c.set(key, n+1)
	}
}
