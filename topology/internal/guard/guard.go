// Package guard keeps a record whose processing ends the process from ending it
// for ever. What it knows of earlier processes is in the metadata of the offsets
// that the group has committed.
//
// A task begins with batches: before each it commits, at the offset where the
// batch begins, that it has been started there. A start that finds such a mark
// has followed a process that died within a batch. It takes as many records as
// the smallest has one at a time, each after a commit that names it, and goes on
// in small batches. A record that is named when a start finds it is suspect: it
// is taken when the process has been well for a while, with all other tasks at
// rest. A process that dies then died of that record, and the next start sets it
// aside.
package guard

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

const (
	// batch is how many records the smallest batches have, and how many a start
	// takes one at a time that has followed a death.
	batch = 64
	// batches is how many a task begins with. The second half of them grows.
	batches = 8
	// batchesAfter is how many small ones it begins with after a death.
	batchesAfter = 32
	// fatal is how often a process has to die with a record in hand.
	fatal = 2
)

// Config says what a [Guard] works for.
type Config struct {
	// ID is the process. What it has written itself tells nothing of a death.
	ID string
	// Settled is when the process counts as well.
	Settled time.Time
	// Changed makes a commit due. It must not block.
	Changed func()
	// Alone brings all tasks but that of a partition to rest, and returns what lets
	// them go on.
	Alone func(ctx context.Context, partition int32) (release func())
	Log   *slog.Logger
}

// Guard watches over the starts of a process's tasks. It is safe for concurrent
// use; Metadata and Committed are for one commit after the other.
type Guard struct {
	cfg Config

	mu    sync.Mutex
	gates map[int32]*Gate
}

// New returns a guard without tasks.
func New(cfg Config) *Guard { return &Guard{cfg: cfg, gates: map[int32]*Gate{}} }

// Commit is what a group has committed in a partition of a topic.
type Commit struct {
	Offset   int64
	Metadata string
}

// Start returns the gate of a new task. It stays shut until [Gate.Load].
func (g *Guard) Start(partition int32) *Gate {
	gate := &Gate{guard: g, partition: partition, places: map[string]*place{}, found: map[string]int64{}, loaded: make(chan struct{}), changed: make(chan struct{})}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.gates[partition] = gate
	return gate
}

// Shut returns the gates that wait for Load, by partition.
func (g *Guard) Shut() map[int32]*Gate {
	g.mu.Lock()
	defer g.mu.Unlock()
	shut := map[int32]*Gate{}
	for partition, gate := range g.gates {
		if !gate.isLoaded() {
			shut[partition] = gate
		}
	}
	return shut
}

// IsShut reports whether the gate of a partition waits for Load. What is
// committed there must stay as it is until then.
func (g *Guard) IsShut(partition int32) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	gate := g.gates[partition]
	return gate != nil && !gate.isLoaded()
}

// Forget drops the gate of a partition whose task is given up.
func (g *Guard) Forget(partition int32) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.gates, partition)
}

// Leave has the next commit tell of the partitions what was found there, because
// they may go to others and this process has not died; nil stands for all. Their
// gates shut until Return. A suspect has one more try then.
func (g *Guard) Leave(partitions []int32) { g.away(partitions, true) }

// Return takes back a Leave for partitions that have stayed.
func (g *Guard) Return(partitions []int32) { g.away(partitions, false) }

func (g *Guard) away(partitions []int32, away bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if partitions == nil {
		for partition := range g.gates {
			partitions = append(partitions, partition)
		}
	}
	for _, partition := range partitions {
		if gate := g.gates[partition]; gate != nil && gate.away != away {
			gate.away = away
			if !gate.blank() || gate.wanted != gate.taken {
				gate.wanted++
			}
		}
	}
}

// Due reports whether there is something to commit.
func (g *Guard) Due() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, gate := range g.gates {
		if gate.wanted != gate.offered {
			return true
		}
	}
	return false
}

// Metadata returns the texts that belong to the offsets of the next commit, by
// topic and partition, those that are not empty. It adds offsets that have a
// text and are not there, and takes out those of partitions whose gates are
// shut.
func (g *Guard) Metadata(offsets map[string]map[int32]int64) map[string]map[int32]string {
	g.mu.Lock()
	defer g.mu.Unlock()
	texts := map[string]map[int32]string{}
	for _, gate := range g.gates {
		gate.offer(offsets, texts)
	}
	return texts
}

// Committed tells that the last offsets and texts are committed.
func (g *Guard) Committed() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, gate := range g.gates {
		gate.take()
	}
}
