package engine

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/gokavro/gokavro/topology/internal/backoff"
	"github.com/gokavro/gokavro/topology/internal/guard"
	"github.com/gokavro/gokavro/topology/internal/task"
)

const (
	// settleTime is how long a process runs before it takes a record that may be
	// what earlier ones died of. Who kills processes sooner after their start has
	// none set aside.
	settleTime = 5 * time.Second
	// restPatience bounds the wait for the callbacks of other tasks before such a
	// record is taken.
	restPatience = 10 * time.Second
)

// newGuard returns the guard of a work.
func (w *work) newGuard() *guard.Guard {
	e := w.engine
	return guard.New(guard.Config{ID: e.id, Settled: e.settled, Changed: e.changed, Alone: w.alone, Log: e.cfg.Log})
}

// gate returns what the records of a new task go through.
func (w *work) gate(partition int32) task.Gate {
	if w.engine.cfg.Commits == nil {
		return nil
	}
	return w.guard.Start(partition)
}

// loadCommits tells the gates of new tasks what the group has committed. It ends
// with ctx.
func (w *work) loadCommits(ctx context.Context, gates map[int32]*guard.Gate) {
	if len(gates) == 0 {
		return
	}
	of := map[string][]int32{}
	for _, topic := range w.engine.cfg.Topics {
		of[topic] = slices.Sorted(maps.Keys(gates))
	}
	var wait backoff.Backoff
	commits, err := w.engine.cfg.Commits(ctx, of)
	defer w.engine.cfg.Board.Clear(aboutOffsets)
	for err != nil && ctx.Err() == nil {
		w.engine.cfg.Board.Set(aboutOffsets, err)
		w.engine.cfg.Log.Warn("reading what the group has committed again", "group", w.engine.cfg.Group, "retry_in", wait.Next(), "err", err)
		_ = wait.Wait(ctx) // its only error is the end of the loop
		commits, err = w.engine.cfg.Commits(ctx, of)
	}
	if err != nil {
		return
	}
	for partition, gate := range gates {
		own := map[string]guard.Commit{}
		for topic, in := range commits {
			if commit, found := in[partition]; found {
				own[topic] = guard.Commit(commit)
			}
		}
		gate.Load(own)
	}
}

// alone brings all tasks but that of a partition to rest, one such partition at
// a time, and returns what ends that. Tasks that begin meanwhile begin at rest. A
// callback that does not return in time is waited for no longer.
func (w *work) alone(ctx context.Context, partition int32) (release func()) {
	select {
	case w.turn <- struct{}{}:
	case <-ctx.Done():
		return func() {}
	}
	ctx, cancel := context.WithTimeout(ctx, restPatience)
	defer cancel()
	for _, t := range w.hush(partition) {
		t.Hold(ctx)
	}
	return func() {
		for _, t := range w.wake() {
			t.Resume()
		}
		<-w.turn
	}
}

// hush returns the tasks that are to rest while a partition is alone, and has
// those that begin from now on join them.
func (w *work) hush(partition int32) []*task.Task {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.single = true
	for _, m := range w.tasks {
		if m.task.Partition() != partition {
			w.resting = append(w.resting, m.task)
		}
	}
	return slices.Clone(w.resting)
}

// wake returns all tasks that rest, and lets no more join them.
func (w *work) wake() []*task.Task {
	w.mu.Lock()
	defer w.mu.Unlock()
	resting := w.resting
	w.single, w.resting = false, nil
	return resting
}

// rest brings a task that has not begun to rest while another partition is alone;
// mu is held.
func (w *work) rest(t *task.Task) {
	if w.single {
		t.Hold(w.life) // which has nothing in hand to wait for
		w.resting = append(w.resting, t)
	}
}

// quit ends the work for good over a fault of a task. The process does not die
// of it, so what the guard has noted is cleared before.
func (w *work) quit(err error) {
	w.guard.Leave(nil)
	w.commit()
	w.fail(&taskError{err})
}
