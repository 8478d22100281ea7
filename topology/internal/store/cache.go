package store

import (
	"slices"
	"sync"
)

// caches are those that have to hear of rows that are dropped.
type caches struct {
	mu  sync.Mutex
	all []forgetful
}

type forgetful interface {
	forget(keys []string)
	forgetAll()
}

func (c *caches) list() []forgetful {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.all)
}

// forget makes the caches forget the keys of a buffer.
func (t *Table) forget(b *buffer) {
	for _, c := range t.caches.list() {
		c.forget(b.order())
	}
}

func (t *Table) forgetAll() {
	for _, c := range t.caches.list() {
		c.forgetAll()
	}
}

// slotBytes is about what an entry takes besides its key and value.
const slotBytes = 128

// Cache reads and writes a table's rows as decoded values, and keeps those that
// come often, so that they are not decoded each time. It gives up the ones that
// were not asked for lately when what it holds is more than its limit.
//
// Its methods are for the goroutine of the task: what Get returned may be taken
// and changed by the next record. Others read the [Table]. [DB.Drop] and
// [DB.Clear] may come from any goroutine.
type Cache[V any] struct {
	table  *Table
	limit  int
	decode func([]byte) (V, error)

	mu    sync.Mutex
	index map[string]int // into slots
	slots []slot[V]
	free  []int // slots that hold nothing
	hand  int   // the next slot to give up
	bytes int
}

// slot is one entry. One that is not full stands for a value that was taken.
type slot[V any] struct {
	key    string
	value  V
	millis int64
	bytes  int  // 0 if the slot is free
	full   bool // the value is here
	asked  bool // since the hand passed
}

// NewCache returns a cache for a table's rows that holds up to limit bytes,
// which it estimates from the lengths of keys and encoded values.
func NewCache[V any](t *Table, limit int, decode func([]byte) (V, error)) *Cache[V] {
	c := &Cache[V]{table: t, limit: limit, decode: decode, index: map[string]int{}}
	t.caches.mu.Lock()
	t.caches.all = append(t.caches.all, c)
	t.caches.mu.Unlock()
	return c
}

// Limit changes how many bytes the cache holds.
func (c *Cache[V]) Limit(bytes int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.limit = bytes
	c.shrink()
}

// shrink gives up what is over the limit; mu is held.
func (c *Cache[V]) shrink() {
	for c.bytes > c.limit && len(c.index) > 0 {
		c.giveUpOne()
	}
}

// Get returns the value of a key, false if there is none. It must not be
// changed. An error of decode is returned as it is.
func (c *Cache[V]) Get(key string) (V, bool, error) {
	if value, ok := c.kept(key, false); ok {
		return value, true, nil
	}
	value, found, ok, err := c.load(key)
	if ok {
		c.keep(slot[V]{key: key, value: value, millis: found.millis, bytes: len(found.value)})
	}
	return value, ok, err
}

// Take returns the value of a key as Get does, but the caller alone has it and
// may change it. Set brings it back, or PutBack if it is as it was; if neither
// ever comes, the next read finds the row as it was before.
func (c *Cache[V]) Take(key string) (V, bool, error) {
	if value, ok := c.kept(key, true); ok {
		return value, true, nil
	}
	value, found, ok, err := c.load(key)
	if ok {
		c.keep(slot[V]{key: key, millis: found.millis, bytes: len(found.value)})
		_, _ = c.kept(key, true)
	}
	return value, ok, err
}

// PutBack brings a value back that was taken and not changed.
func (c *Cache[V]) PutBack(key string, value V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if at, known := c.index[key]; known && !c.slots[at].full {
		c.slots[at].value, c.slots[at].full = value, true
	}
}

// Set writes a value to the table in its encoded form and keeps it. Neither may
// be changed afterwards, but by who takes it.
func (c *Cache[V]) Set(key string, value V, encoded []byte) {
	c.keep(slot[V]{key: key, value: value, millis: c.table.set(key, encoded), bytes: len(encoded)})
}

// Delete removes a key from the table.
func (c *Cache[V]) Delete(key string) {
	c.table.Delete(key)
	c.forget([]string{key})
}

// load reads a row from the table.
func (c *Cache[V]) load(key string) (value V, found row, ok bool, err error) {
	if found, ok, err = c.table.read(key); !ok {
		return value, found, false, err
	}
	value, err = c.decode(found.value)
	return value, found, err == nil, err
}

// kept returns a value that is here, and takes it out if told to.
func (c *Cache[V]) kept(key string, take bool) (value V, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	at, known := c.index[key]
	if !known || !c.slots[at].full {
		return value, false
	}
	s := &c.slots[at]
	if c.table.expired(row{millis: s.millis}) {
		c.release(at)
		return value, false
	}
	s.asked = true
	value = s.value
	if take {
		var none V
		s.value, s.full = none, false
	}
	return value, true
}

// keep puts a value into the slot of its key, or into one that is free.
func (c *Cache[V]) keep(s slot[V]) {
	s.bytes += len(s.key) + slotBytes
	s.full = true
	c.mu.Lock()
	defer c.mu.Unlock()
	at, known := c.index[s.key]
	switch {
	case known:
		c.bytes -= c.slots[at].bytes
		s.asked, s.key = c.slots[at].asked, c.slots[at].key
		c.slots[at] = s
	case len(c.free) > 0:
		at = c.free[len(c.free)-1]
		c.free = c.free[:len(c.free)-1]
		c.slots[at] = s
		c.index[s.key] = at
	default:
		c.index[s.key] = len(c.slots)
		c.slots = append(c.slots, s)
	}
	c.bytes += s.bytes
	c.shrink()
}

// giveUpOne moves the hand to the next entry that was not asked for since it
// passed there last.
func (c *Cache[V]) giveUpOne() {
	for {
		c.hand = (c.hand + 1) % len(c.slots)
		s := &c.slots[c.hand]
		if s.bytes > 0 && !s.asked {
			c.release(c.hand)
			return
		}
		s.asked = false
	}
}

func (c *Cache[V]) release(at int) {
	s := &c.slots[at]
	c.bytes -= s.bytes
	delete(c.index, s.key)
	*s = slot[V]{}
	c.free = append(c.free, at)
}

func (c *Cache[V]) forget(keys []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, key := range keys {
		if at, known := c.index[key]; known {
			c.release(at)
		}
	}
}

func (c *Cache[V]) forgetAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.index, c.slots, c.free, c.hand, c.bytes = map[string]int{}, nil, nil, 0, 0
}
