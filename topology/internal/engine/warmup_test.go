package engine_test

import (
	"slices"
	"sync"
	"testing"
)

// copies are those of one process, warm when the test says so.
type copies struct {
	mu         sync.Mutex
	kept, warm []int32
	reserved   []int32
}

func (c *copies) Assign(partitions []int32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kept = slices.Clone(partitions)
}

func (c *copies) Reserve(partition int32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if at := slices.Index(c.warm, partition); at >= 0 {
		c.warm = slices.Delete(c.warm, at, at+1)
		c.reserved = append(c.reserved, partition)
	}
}

func (c *copies) Release(int32) error { return nil }

func (c *copies) Warm() []int32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.warm)
}

func (c *copies) Cold() []int32 {
	warm := c.Warm()
	return slices.DeleteFunc([]int32{0, 1, 2, 3}, func(p int32) bool { return slices.Contains(warm, p) })
}

func (c *copies) Files() []int32 { return nil }

// keeps reports whether so many copies are kept.
func (c *copies) keeps(n int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.kept) == n
}

func (c *copies) warmUp(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.warm = slices.Clone(c.kept[:n])
}

// keeping has a named engine keep copies.
func (n *named) keeping(t *testing.T, c *copies) *running {
	t.Helper()
	n.standby = c
	return n.start(t)
}

// A process that joins gets partitions when it has warm copies of their tables.
func TestAPartitionMovesWhenItsCopyIsWarm(t *testing.T) {
	t.Parallel()
	b := setup(t)
	host, guest := b.named(t, "a"), b.named(t, "b")
	var ofHost, ofGuest copies
	r := host.keeping(t, &ofHost)
	b.write(t, 0, 20)
	b.await(t, 20*partitions)
	joined := guest.keeping(t, &ofGuest)
	b.until(t, "the guest makes copies", func() bool { return ofGuest.keeps(partitions / 2) })
	b.write(t, 20, 20)
	b.await(t, 40*partitions)
	if shares := b.settled(t, 2); len(shares["b"]["in"]) > 0 || guest.begun.Load() > 0 || guest.assigned.Load() {
		t.Errorf("the guest has %v without a warm copy, ready: %t", shares["b"], guest.assigned.Load())
	}
	ofGuest.warmUp(partitions / 2)
	b.until(t, "half of the partitions have moved", func() bool { return len(b.settled(t, 2)["b"]["in"]) == partitions/2 })
	b.until(t, "the guest is ready", guest.assigned.Load)
	b.write(t, 40, 20)
	b.await(t, 60*partitions)
	joined.stop(t)
	r.stop(t)
	b.checkExact(t, 60)
	if host.begun.Load() != partitions || guest.begun.Load() != partitions/2 {
		t.Errorf("they began %d and %d tasks, want %d and %d", host.begun.Load(), guest.begun.Load(), partitions, partitions/2)
	}
	if len(ofGuest.reserved) != partitions/2 {
		t.Errorf("warm copies of %v were taken over, want all", ofGuest.reserved)
	}
}
