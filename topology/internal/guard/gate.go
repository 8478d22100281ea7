package guard

import (
	"context"
	"time"
)

// Gate is what the records of one task go through after its start. A task that
// is begun has one batch after the other go in and out, until the gate is open.
// Its methods are for the goroutine that feeds the task; the guard's lock holds
// what they share with commits.
type Gate struct {
	guard     *Guard
	partition int32
	loaded    chan struct{} // closed when places are known
	release   func()        // ends the rest of the other tasks, nil when there is none

	found   map[string]int64  // by topic, the offsets of Load
	places  map[string]*place // by topic, what is to be committed
	guarded bool              // records go one at a time
	died    bool              // a process has died here
	left    int               // batches until the gate is open, or until they are of more than one record
	inside  bool              // a batch is being processed
	parked  bool              // it is of parked records
	away    bool              // the partition may be about to go to another process

	// The numbers of the last change, of that in the last commit and of that which
	// is committed.
	wanted, offered, taken int64
	changed                chan struct{} // closed and replaced when taken moves
}

// place is a mark and the offset that it belongs to.
type place struct {
	Mark
	at int64
}

func (g *Gate) isLoaded() bool {
	select {
	case <-g.loaded:
		return true
	default:
		return false
	}
}

// Load tells what is committed, by topic, once.
func (g *Gate) Load(commits map[string]Commit) {
	g.guard.mu.Lock()
	defer g.guard.mu.Unlock()
	if g.isLoaded() {
		return
	}
	for topic, commit := range commits {
		if commit.Offset >= 0 {
			g.found[topic] = commit.Offset
		}
		g.load(topic, commit.Offset, Parse(commit.Metadata))
		g.load(Parked, commit.Offset, ParseParked(commit.Metadata))
	}
	g.left = batches
	if g.guarded {
		g.died, g.left = true, batch
	}
	close(g.loaded)
}

// load takes in a mark that is committed; the guard's lock is held.
func (g *Gate) load(topic string, offset int64, m Mark) {
	own := m.By == g.guard.cfg.ID
	if own {
		m = m.alive(m.By)
	} else if m.Live {
		m.Deaths++
	}
	m.Live = false
	if m.empty() {
		return
	}
	g.places[topic] = &place{m, offset}
	g.guarded = true
	if !own {
		g.guard.cfg.Log.Warn("a process has died before it got any further: records are taken one at a time", "topic", topic,
			"partition", g.partition, "offset", offset, "starts", m.Starts, "suspect", m.Record, "deaths", m.Deaths, "parked", topic == Parked)
	}
}

// Size returns how many records may go in at once, 0 when the gate is open. It
// waits until that is known, or ctx ends.
func (g *Gate) Size(ctx context.Context) (int, error) {
	select {
	case <-g.loaded:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	g.guard.mu.Lock()
	defer g.guard.mu.Unlock()
	switch {
	case g.left == 0:
		return 0, nil
	case g.guarded:
		return 1, nil
	case g.died:
		return batch, nil
	}
	return batch << max(0, batches/2-g.left+1), nil
}

// Enter waits until a batch that begins with this record may be processed, or
// ctx ends. The topic may be [Parked]. The record must be set aside, as the only
// one of its batch, when processes have died of it, and deaths tells how many.
func (g *Gate) Enter(ctx context.Context, topic string, offset int64) (deaths int, err error) {
	before := g.begin(topic, offset)
	if before >= fatal {
		return before, nil
	}
	if before > 0 {
		if err := g.alone(ctx); err != nil {
			return 0, err
		}
	}
	return 0, g.await(ctx, g.enter(topic, offset))
}

// begin begins a batch, and returns how often a process has died of its first
// record.
func (g *Gate) begin(topic string, offset int64) (deaths int) {
	g.guard.mu.Lock()
	defer g.guard.mu.Unlock()
	g.parked = topic == Parked
	if p := g.places[topic]; p != nil && p.Record == offset {
		return p.Deaths
	}
	return 0
}

// alone waits until nothing else than a suspect can end the process.
func (g *Gate) alone(ctx context.Context) error {
	settled := time.NewTimer(time.Until(g.guard.cfg.Settled))
	defer settled.Stop()
	select {
	case <-settled.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	g.release = g.guard.cfg.Alone(ctx, g.partition)
	return ctx.Err()
}

// enter marks a batch, and returns the number of that change.
func (g *Gate) enter(topic string, offset int64) int64 {
	g.guard.mu.Lock()
	defer g.guard.mu.Unlock()
	g.inside = true
	p := g.places[topic]
	if p == nil {
		p = &place{Mark{Record: None}, offset}
		g.places[topic] = p
	}
	if p.By != g.guard.cfg.ID {
		p.By = g.guard.cfg.ID
		p.Starts++
	}
	if !g.guarded {
		p.Starts = 1
	} else {
		if p.Record != offset {
			p.Deaths = 0
		}
		p.Record, p.Live = offset, true
	}
	g.wanted++
	return g.wanted
}

// await waits until a change is committed.
func (g *Gate) await(ctx context.Context, change int64) error {
	for {
		g.guard.mu.Lock()
		taken, changed := g.taken, g.changed
		g.guard.mu.Unlock()
		if taken >= change {
			return nil
		}
		g.guard.cfg.Changed()
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Leave ends a batch; done says that all of it is processed. What is not comes
// again.
func (g *Gate) Leave(done bool) {
	if g.release != nil {
		g.release()
		g.release = nil
	}
	g.guard.mu.Lock()
	defer g.guard.mu.Unlock()
	parked := g.parked
	g.parked = false
	if !done {
		return
	}
	for _, p := range g.places {
		p.Live = false
	}
	if parked {
		delete(g.places, Parked) // what was in front of it is done, as a moved offset tells of others
	}
	g.inside = false
	g.left--
	if g.left == 0 {
		clear(g.places)
		if g.guarded {
			g.guarded, g.left = false, batchesAfter
		}
	}
	g.wanted++ // a commit that was under way may have told that the batch is inside
}

// Open opens the gate for good.
func (g *Gate) Open() {
	g.guard.mu.Lock()
	defer g.guard.mu.Unlock()
	g.left = 0
	clear(g.places)
	g.wanted++
}

// blank reports whether there is nothing to tell; the guard's lock is held.
func (g *Gate) blank() bool {
	for _, p := range g.places {
		if !p.empty() {
			return false
		}
	}
	return true
}

// offer adds what is to be committed; the guard's lock is held.
func (g *Gate) offer(offsets map[string]map[int32]int64, texts map[string]map[int32]string) {
	if !g.isLoaded() {
		for _, of := range offsets {
			delete(of, g.partition)
		}
		return
	}
	g.offered = g.wanted
	for topic, p := range g.places {
		if topic == Parked {
			continue
		}
		offset, known := offsets[topic][g.partition]
		if !known {
			offset = p.at
			set(offsets, topic, g.partition, offset)
		}
		g.move(p, offset)
		if text := g.told(p).String(); text != "" {
			set(texts, topic, g.partition, text)
		}
	}
	g.offerParked(offsets, texts)
}

// move brings a mark to the offset that is committed: what was in front of it is
// done. Within a batch of a task that has begun well, its start counts there
// too.
func (g *Gate) move(p *place, offset int64) {
	if offset > p.at && (g.guarded || !g.inside) {
		p.Starts = 0
	}
	p.at = max(p.at, offset)
	if p.Record < offset {
		p.Record, p.Deaths, p.Live = None, 0, false
	}
}

// take tells whoever waits that the last offer is committed; the guard's lock is
// held.
func (g *Gate) take() {
	if g.away || g.taken == g.offered {
		return
	}
	g.taken = g.offered
	close(g.changed)
	g.changed = make(chan struct{})
}
