package store_test

import (
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/gokavro/gokavro/topology/internal/store"
)

// counted is a cache of numbers that counts how often it decodes.
type counted struct {
	*store.Cache[int]
	decoded int
}

func newCounted(t *store.Table, limit int) *counted {
	c := &counted{}
	c.Cache = store.NewCache(t, limit, func(stored []byte) (int, error) {
		c.decoded++
		return strconv.Atoi(string(stored))
	})
	return c
}

func (c *counted) set(key string, value int) {
	c.Set(key, value, strconv.AppendInt(nil, int64(value), 10))
}

func (c *counted) want(t *testing.T, key string, want int) {
	t.Helper()
	if got, ok, err := c.Get(key); got != want || !ok || err != nil {
		t.Errorf("key %s: got %d, %v, %v, want %d", key, got, ok, err, want)
	}
}

func TestCacheDecodesOnce(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, b *testBundle) {
		b.db.Table("a").Set("k", []byte("1"))
		c := newCounted(b.db.Table("a"), 1<<20)
		for range 3 {
			c.want(t, "k", 1)
		}
		for i := range 5 {
			if got, _, err := c.Take("k"); got != i+1 || err != nil {
				t.Errorf("got %d, %v, want %d", got, err, i+1)
			}
			c.set("k", i+2)
		}
		if c.decoded != 1 {
			t.Errorf("decoded %d times, want once", c.decoded)
		}
		if got := b.get(t, "a", "k"); got != "6" {
			t.Errorf("got %s in the table, want 6", got)
		}
	})
}

func TestAValueThatIsTakenAndNotSetIsReadAgain(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	c := newCounted(b.db.Table("a"), 1<<20)
	c.set("k", 1)
	if _, ok, err := c.Take("k"); !ok || err != nil {
		t.Fatal(ok, err)
	}
	c.want(t, "k", 1)
	if c.decoded != 1 {
		t.Errorf("decoded %d times, want once", c.decoded)
	}
}

func TestCacheForgetsWhatIsDropped(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	c := newCounted(b.db.Table("a"), 1<<20)
	c.set("k", 1)
	c.set("other", 1)
	b.flush(t, 1)
	c.set("k", 2)
	b.db.Drop()
	c.want(t, "k", 1)
	c.want(t, "other", 1)
	if c.decoded != 1 {
		t.Errorf("decoded %d times, want only the key that was dropped", c.decoded)
	}
	c.Delete("k")
	if _, ok, err := c.Get("k"); ok || err != nil {
		t.Errorf("got %v, %v of a deleted key", ok, err)
	}
}

func TestCacheIsBounded(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	const entries, entryBytes = 100, 150
	c := newCounted(b.db.Table("a"), entries*entryBytes)
	for i := range 10 * entries {
		c.set(fmt.Sprintf("k%04d", i), i)
		c.want(t, "k0000", 0) // is asked for all the time
	}
	if c.decoded != 0 {
		t.Errorf("decoded %d times: a key that is asked for all the time was given up", c.decoded)
	}
	for i := range 10 * entries {
		c.want(t, fmt.Sprintf("k%04d", i), i)
	}
	if c.decoded < 9*entries-2 {
		t.Errorf("decoded %d of %d, so more was kept than the limit allows", c.decoded, 10*entries)
	}
}

func TestCacheWithoutRoomStillReads(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	c := newCounted(b.db.Table("a"), 0)
	c.set("k", 1)
	c.want(t, "k", 1)
	c.want(t, "k", 1)
	if c.decoded != 2 {
		t.Errorf("decoded %d times, want each time", c.decoded)
	}
}

func TestCachedRowsExpireToo(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	c := newCounted(b.db.Table("ttl"), 1<<20)
	b.db.Table("ttl").Set("read", []byte("1"))
	b.clock.advance(30 * time.Minute)
	c.set("written", 2)
	c.want(t, "read", 1)
	b.clock.advance(30 * time.Minute)
	c.want(t, "written", 2)
	if _, ok, err := c.Get("read"); ok || err != nil {
		t.Errorf("got %v, %v of an expired row", ok, err)
	}
}

func TestCacheReturnsTheErrorOfDecode(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	want := errors.New("not a number")
	b.db.Table("a").Set("k", []byte("x"))
	c := store.NewCache(b.db.Table("a"), 1, func([]byte) (int, error) { return 0, want })
	if _, ok, err := c.Get("k"); ok || !errors.Is(err, want) {
		t.Errorf("got %v, %v, want %v", ok, err, want)
	}
}
