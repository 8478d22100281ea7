package registry

import (
	"errors"
	"sync"
	"time"
)

const (
	missingFor = 10 * time.Second // how long an unknown id is remembered
	maxMissing = 10_000           // ids in broken records are arbitrary
)

// registered is the key of what Lookup and Register found.
type registered struct{ subject, text string }

type missing struct {
	err   error
	until time.Time
}

type cache struct {
	now func() time.Time

	mu       sync.RWMutex
	ids      map[int]Schema
	missing  map[int]missing
	subjects map[registered]Schema
}

func newCache() *cache {
	return &cache{
		now:      time.Now,
		ids:      make(map[int]Schema),
		missing:  make(map[int]missing),
		subjects: make(map[registered]Schema),
	}
}

func (c *cache) byID(id int) (found Schema, ok bool, err error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if found, ok = c.ids[id]; ok {
		return found, true, nil
	}
	gone, ok := c.missing[id]
	if !ok || !c.now().Before(gone.until) {
		return Schema{}, false, nil
	}
	return Schema{}, true, gone.err
}

// keepID remembers a schema, or that the registry does not know the id; other
// errors are not remembered.
func (c *cache) keepID(id int, found Schema, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil {
		c.ids[id] = found
		delete(c.missing, id)
		return
	}
	if _, ok := errors.AsType[*NotFoundError](err); !ok {
		return
	}
	if len(c.missing) >= maxMissing {
		clear(c.missing)
	}
	c.missing[id] = missing{err: err, until: c.now().Add(missingFor)}
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
