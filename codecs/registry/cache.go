package registry

import (
	"errors"
	"sync"
	"time"
)

const (
	missingFor = 10 * time.Second // how long it is remembered what there is not
	maxMissing = 10_000           // ids in broken records are arbitrary
)

// address is where a schema never changes: an id alone, a GUID alone, or a
// version of a subject.
type address struct {
	id      int
	guid    string
	subject string
	version int
}

// registered is the key of what Lookup and Register found.
type registered struct{ subject, text, refs string }

type missing struct {
	err   error
	until time.Time
}

type cache struct {
	now func() time.Time

	mu       sync.RWMutex
	schemas  map[address]Schema
	missing  map[address]missing
	subjects map[registered]Schema
}

func newCache() *cache {
	return &cache{
		now:      time.Now,
		schemas:  make(map[address]Schema),
		missing:  make(map[address]missing),
		subjects: make(map[registered]Schema),
	}
}

func (c *cache) at(a address) (found Schema, ok bool, err error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if found, ok = c.schemas[a]; ok {
		return found, true, nil
	}
	gone, ok := c.missing[a]
	if !ok || !c.now().Before(gone.until) {
		return Schema{}, false, nil
	}
	return Schema{}, true, gone.err
}

// keep remembers a schema, or that the registry has none there; other errors
// are not remembered.
func (c *cache) keep(a address, found Schema, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil {
		c.schemas[a] = found
		delete(c.missing, a)
		return
	}
	if _, ok := errors.AsType[*NotFoundError](err); !ok {
		return
	}
	if len(c.missing) >= maxMissing {
		clear(c.missing)
	}
	c.missing[a] = missing{err: err, until: c.now().Add(missingFor)}
}

func (c *cache) bySubject(key registered) (Schema, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	found, ok := c.subjects[key]
	return found, ok
}

func (c *cache) keepSubject(key registered, found Schema) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.subjects[key] = found
}
