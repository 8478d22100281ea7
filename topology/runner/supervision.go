package runner

import (
	"sync"
	"sync/atomic"

	"github.com/gokavro/gokavro/topology/internal/health"
	"github.com/gokavro/gokavro/topology/internal/standby"
)

// State is what a runner does at the moment.
type State string

// The states of a runner.
const (
	// Starting is before the process has its share of the partitions: brokers and
	// registry are reached, topics and schemas are checked.
	Starting State = "starting"
	// Restoring is while a table of the process is read from its topic.
	Restoring State = "restoring"
	// Running is when all partitions of the process are worked on.
	Running State = "running"
	// Degraded is when something holds up the work that passes or can be mended.
	// The runner tries again until it does, and goes on by itself.
	Degraded State = "degraded"
	// Stopping is from the end of the context on, or from a fault that ends the
	// run.
	Stopping State = "stopping"
)

// watch follows the state of one runner.
type watch struct {
	cfg   Config
	board *health.Board

	standbys atomic.Pointer[standby.Standbys] // nil without any

	telling sync.Mutex // orders the events; taken before mu

	mu       sync.Mutex
	told     State
	phase    State // without troubles
	troubles string
	why      string // of the end
}

func newWatch(cfg Config) *watch {
	w := &watch{cfg: cfg, told: Starting, phase: Starting}
	w.board = health.New(func(why string) { w.update(func() { w.troubles = why }) })
	return w
}

// enter goes to another state, as far as there are no troubles. The end is the
// last one.
func (w *watch) enter(phase State) {
	w.update(func() {
		if w.phase != Stopping {
			w.phase = phase
		}
	})
}

// end says that the run is over, and why; nil for a stop that was asked for.
func (w *watch) end(err error) {
	w.update(func() {
		if w.phase = Stopping; err != nil {
			w.why = err.Error()
		}
	})
}

// state returns the state and what it is owed to; mu is held.
func (w *watch) state() (State, string) {
	switch {
	case w.phase == Stopping:
		return Stopping, w.why
	case w.troubles != "":
		return Degraded, w.troubles
	}
	return w.phase, ""
}

// update changes what the state comes from, and tells when it is another one.
func (w *watch) update(change func()) {
	w.telling.Lock()
	defer w.telling.Unlock()
	w.mu.Lock()
	change()
	from := w.told
	to, why := w.state()
	w.told = to
	w.mu.Unlock()
	if from == to {
		return
	}
	switch {
	case to == Degraded:
		w.cfg.Logger.Warn("the state has changed", "from", from, "to", to, "err", why)
	case why == "": // Run returns what has ended it
		w.cfg.Logger.Info("the state has changed", "from", from, "to", to)
	}
	if w.cfg.Events.State != nil {
		w.cfg.Events.State(from, to, why)
	}
}

// State returns what the runner does at the moment, and why: what a [Degraded]
// one waits for, or what has ended the run; "" otherwise. It is safe for
// concurrent use.
func (l *life) State() (state State, why string) {
	l.watch.mu.Lock()
	defer l.watch.mu.Unlock()
	return l.watch.state()
}
