package guard_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/topology/internal/guard"
)

const topic = "in"

// world is a group's partition over the lives of its processes.
type world struct {
	records   int64
	committed guard.Commit
	starts    int
	processed []int64         // committed, in their order
	aside     map[int64]int   // deaths by the records that were set aside
	poison    map[int64]bool  // they end the process that processes them
	kill      func(step) bool // ends the process from outside
	settled   bool            // whether processes live long enough to count as well
	alone     int             // how often the others of the last process are at rest
}

// step is where a process may be killed.
type step string

const (
	loaded   step = "loaded"
	marked   step = "marked" // and the batch is not begun
	finished step = "finished"
	through  step = "through" // and committed
)

func newWorld(records int64, poison ...int64) *world {
	w := &world{records: records, aside: map[int64]int{}, poison: map[int64]bool{}, settled: true}
	w.committed.Offset = -1
	w.kill = func(step) bool { return false }
	for _, offset := range poison {
		w.poison[offset] = true
	}
	return w
}

// process is one life of a process.
type process struct {
	*world
	guard  *guard.Guard
	gate   *guard.Gate
	done   []int64 // and not committed
	offset int64
}

func (w *world) start() *process {
	w.starts++
	w.alone = 0
	p := &process{world: w, offset: max(w.committed.Offset, 0)}
	settled := time.Now()
	if !w.settled {
		settled = settled.Add(time.Hour)
	}
	p.guard = guard.New(guard.Config{
		ID: fmt.Sprintf("P%d", w.starts), Settled: settled, Changed: p.commit, Log: slog.New(slog.DiscardHandler),
		Alone: func(context.Context, int32) func() { w.alone++; return func() { w.alone-- } },
	})
	p.gate = p.guard.Start(0)
	commits := map[string]guard.Commit{}
	if w.committed.Offset >= 0 {
		commits[topic] = w.committed
	}
	p.gate.Load(commits)
	return p
}

// commit commits what the process has finished.
func (p *process) commit() {
	offsets := map[string]map[int32]int64{}
	if p.offset > 0 || p.committed.Offset >= 0 {
		offsets[topic] = map[int32]int64{0: p.offset}
	}
	texts := p.guard.Metadata(offsets)
	if offset, found := offsets[topic][0]; found {
		p.committed = guard.Commit{Offset: offset, Metadata: texts[topic][0]}
	}
	p.processed = append(p.processed, p.done...)
	p.done = nil
	p.guard.Committed()
}

// live processes records until all are or the process dies; false then.
func (p *process) live(t *testing.T) bool {
	t.Helper()
	if p.kill(loaded) {
		return false
	}
	ctx, cancel := context.WithCancel(t.Context())
	if !p.settled {
		cancel() // it is killed before it is settled
	}
	defer cancel()
	for p.offset < p.records {
		size, err := p.gate.Size(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		size = min(size, int(p.records-p.offset))
		if size == 0 {
			size = int(p.records - p.offset)
		} else {
			deaths, err := p.gate.Enter(ctx, topic, p.offset)
			if err != nil {
				p.gate.Leave(false)
				return false
			}
			if deaths > 0 {
				p.aside[p.offset] = deaths
				p.offset++
				p.gate.Leave(true)
				continue
			}
			if p.kill(marked) {
				return false
			}
		}
		for range size {
			if p.poison[p.offset] {
				return false
			}
			p.done = append(p.done, p.offset)
			p.offset++
		}
		p.gate.Leave(true)
		if p.kill(finished) {
			return false
		}
		p.commit()
		if p.kill(through) {
			return false
		}
	}
	return true
}

// liveOn starts processes until one gets to the end.
func (w *world) liveOn(t *testing.T, most int) {
	t.Helper()
	for w.starts < most {
		if p := w.start(); p.live(t) {
			p.commit()
			return
		}
	}
	t.Fatalf("no process got to the end in %d starts: %+v", most, w.committed)
}

// check holds what was processed to all records but some.
func (w *world) check(t *testing.T, aside map[int64]int) {
	t.Helper()
	var want []int64
	for offset := range w.records {
		if aside[offset] == 0 {
			want = append(want, offset)
		}
	}
	if diff := cmp.Diff(w.processed, want); diff != "" {
		t.Errorf("processed (-got +want): %s", diff)
	}
	if diff := cmp.Diff(w.aside, aside); diff != "" {
		t.Errorf("set aside (-got +want): %s", diff)
	}
	if w.committed.Metadata != "" {
		t.Errorf("at the end %q is left", w.committed.Metadata)
	}
	if w.alone != 0 {
		t.Errorf("others are at rest for ever")
	}
}

func TestARecordThatKillsIsSetAsideAfterAFewStarts(t *testing.T) {
	t.Parallel()
	for at, starts := range map[int64]int{0: 4, 1: 4, 63: 4, 64: 4, 255: 4, 300: 4, 383: 5, 700: 4, 800: 5, 2000: 5} {
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			t.Parallel()
			w := newWorld(3000, at)
			w.liveOn(t, 10)
			w.check(t, map[int64]int{at: 2})
			if w.starts != starts {
				t.Errorf("it took %d starts, want %d", w.starts, starts)
			}
		})
	}
}

// Behind the batches of the start a death is found out by the batches of the
// next one.
func TestARecordThatKillsLaterIsSetAsideToo(t *testing.T) {
	t.Parallel()
	w := newWorld(10_000, 5000)
	w.liveOn(t, 30)
	w.check(t, map[int64]int{5000: 2})
}

func TestSeveralRecordsThatKillAreSetAside(t *testing.T) {
	t.Parallel()
	w := newWorld(400, 0, 1, 50, 399)
	w.liveOn(t, 17)
	w.check(t, map[int64]int{0: 2, 1: 2, 50: 2, 399: 2})
}

func TestAProcessThatIsKilledOutsideItsRecordsSetsNothingAside(t *testing.T) {
	t.Parallel()
	for _, at := range []step{loaded, through} {
		t.Run(string(at), func(t *testing.T) {
			t.Parallel()
			w := newWorld(600)
			kills := 20
			w.kill = func(s step) bool {
				if s == at && kills > 0 {
					kills--
					return true
				}
				return false
			}
			w.liveOn(t, 21)
			w.check(t, map[int64]int{})
		})
	}
}

// A process that never lives long enough processes no suspect, so that whoever
// kills it does not make one.
func TestAProcessThatIsKilledSoonSetsNothingAside(t *testing.T) {
	t.Parallel()
	w := newWorld(600)
	w.settled = false
	kills := 50
	w.kill = func(s step) bool {
		kills--
		return s == marked && kills > 0
	}
	for range 60 {
		w.start().live(t)
	}
	w.settled = true
	w.liveOn(t, 62)
	w.check(t, map[int64]int{})
}

// Random kills, in and between records, that leave a process the time to
// process more than one record.
func TestRandomKillsSetNothingAside(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	w := newWorld(3000)
	left := 0
	w.kill = func(s step) bool {
		if s == loaded {
			left = 6 + random.IntN(300)
		}
		left--
		return left == 0
	}
	w.liveOn(t, 10_000)
	w.check(t, map[int64]int{})
}

// What a process hands over tells of other processes, not of itself.
func TestAProcessThatHandsOverHasNotDied(t *testing.T) {
	t.Parallel()
	for name, found := range map[string]string{
		"nothing":   "",
		"a death":   "gokavro/1 by= starts=1",
		"a suspect": "gokavro/1 by= starts=2 record=5 deaths=1 live=false",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(100)
			w.committed = guard.Commit{Offset: 5, Metadata: found}
			for range 10 {
				p := w.start()
				if _, err := p.gate.Enter(t.Context(), topic, 5); err != nil {
					t.Fatal(err)
				}
				p.gate.Leave(false)
				p.guard.Leave(nil)
				p.commit()
				if w.committed.Offset != 5 || w.committed.Metadata != found {
					t.Fatalf("got %+v after the hand-over", w.committed)
				}
			}
		})
	}
}

// A process that goes on after a fault reads marks of its own.
func TestAProcessThatGoesOnHasNotDied(t *testing.T) {
	t.Parallel()
	for name, found := range map[string]string{"nothing": "", "a death": "gokavro/1 by=P9 starts=1", "a suspect": "gokavro/1 by=P9 starts=2 record=0 deaths=0 live=true"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(100)
			w.committed = guard.Commit{Offset: 0, Metadata: found}
			var texts []string
			for range 5 {
				p := w.start()
				w.starts = 0 // the same process
				if _, err := p.gate.Enter(t.Context(), topic, 0); err != nil {
					t.Fatal(err)
				}
				texts = append(texts, w.committed.Metadata)
				p.gate.Leave(false)
			}
			if len(slices.Compact(texts)) != 1 {
				t.Errorf("got the marks %q, want one", texts)
			}
		})
	}
}

// Between Leave and Return a record that is marked is not processed.
func TestAGateIsShutWhileItsPartitionMayGo(t *testing.T) {
	t.Parallel()
	w := newWorld(10)
	p := w.start()
	p.guard.Leave(nil)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := p.gate.Enter(ctx, topic, 0); err == nil {
		t.Error("the record may be processed")
	}
	p.guard.Return(nil)
	if !p.guard.Due() {
		t.Error("the mark is not to be committed")
	}
	if _, err := p.gate.Enter(t.Context(), topic, 0); err != nil {
		t.Error(err)
	}
	if want := "gokavro/1 by=P1 starts=1"; w.committed.Metadata != want {
		t.Errorf("got %q, want %q", w.committed.Metadata, want)
	}
}

// What others have committed stays as it is until it is read.
func TestAShutGateKeepsItsPartitionOutOfCommits(t *testing.T) {
	t.Parallel()
	g := guard.New(guard.Config{ID: "P", Log: slog.New(slog.DiscardHandler)})
	g.Start(1)
	offsets := map[string]map[int32]int64{topic: {0: 5, 1: 6}}
	if texts := g.Metadata(offsets); len(texts) > 0 {
		t.Errorf("got the texts %v", texts)
	}
	if diff := cmp.Diff(offsets, map[string]map[int32]int64{topic: {0: 5}}); diff != "" {
		t.Errorf("offsets (-got +want): %s", diff)
	}
	if !g.IsShut(1) || g.IsShut(0) || len(g.Shut()) != 1 {
		t.Error("want the gate of partition 1 to be shut and no other")
	}
	g.Forget(1)
	if g.IsShut(1) || g.Due() {
		t.Error("a partition that was given up is remembered")
	}
}
