package engine

import (
	"context"
	"slices"
	"time"

	"github.com/gokavro/gokavro/topology/internal/assign"
)

const (
	// warmLook is how often it is looked whether copies are warm.
	warmLook = 200 * time.Millisecond
	// warmPatience is how long those that are warm wait for the rest: each time that
	// the group is joined again interrupts what the process reads.
	warmPatience = time.Minute
	// rejoinPause is the least time between two such times, as a copy may fall behind
	// again before it is its owner's.
	rejoinPause = 10 * time.Second
)

// tables says what the process has of which partitions' tables.
func (w *work) tables() assign.Tables {
	standby := w.engine.cfg.Standby
	if standby == nil {
		return assign.Tables{}
	}
	tables := assign.Tables{Warm: standby.Warm(), Files: standby.Files()}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, partition := range standby.Cold() {
		if m := w.tasks[partition]; m == nil || !m.isReady() {
			tables.Cold = append(tables.Cold, partition)
		}
	}
	return tables
}

// isReady reports whether the task has its tables.
func (m *member) isReady() bool {
	select {
	case <-m.task.Ready():
		return true
	default:
		return false
	}
}

// awaitWarm joins the group again when the copies are warm that it waits for: of
// partitions which this process is to get in place of their owners. Those that do
// not become warm stay where they are.
func (w *work) awaitWarm(session context.Context, number int32, warming []int32) {
	tick := time.NewTicker(warmLook)
	defer tick.Stop()
	for began := time.Now(); ; {
		select {
		case <-session.Done():
			return
		case <-tick.C:
		}
		warm := 0
		for _, partition := range w.engine.cfg.Standby.Warm() {
			if slices.Contains(warming, partition) {
				warm++
			}
		}
		due := warm == len(warming) || warm > 0 && time.Since(began) > warmPatience
		if ended := w.rejoinWarm(number, due, warm); ended {
			return
		}
	}
}

// rejoinWarm joins the group again if that is due, and reports whether the
// generation of this number has ended or is about to.
func (w *work) rejoinWarm(number int32, due bool, warm int) (ended bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.generation.number != number || w.generation.joining {
		return true
	}
	if !due || time.Since(w.warmed) < rejoinPause {
		return false
	}
	w.warmed = time.Now()
	w.engine.cfg.Log.Info("joining the group again for partitions of whose tables there are copies now", "group", w.engine.cfg.Group, "partitions", warm)
	w.rejoin()
	return true
}
