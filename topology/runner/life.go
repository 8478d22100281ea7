package runner

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gokavro/gokavro/codecs/registry"
	"github.com/gokavro/gokavro/codecs/registry/dirlock"
	"github.com/gokavro/gokavro/topology/internal/backoff"
	"github.com/gokavro/gokavro/topology/internal/engine"
	"github.com/gokavro/gokavro/topology/internal/store"
	"github.com/gokavro/gokavro/topology/kafka"
)

// life is the one run that a runner has.
type life struct {
	cfg       Config
	watch     *watch
	pauses    *pauses
	disk      store.FS // of the tables, nil for the machine's
	ready     chan struct{}
	readyOnce sync.Once
	ran       atomic.Bool
}

func newLife(cfg Config) life {
	return life{cfg: cfg, watch: newWatch(cfg), pauses: &pauses{steps: map[string][]string{}}, ready: make(chan struct{})}
}

// Ready returns a channel that is closed once the tables are loaded and the
// process has its first share of the partitions.
func (l *life) Ready() <-chan struct{} { return l.ready }

// assigned is called at each assignment of partitions.
func (l *life) assigned(group string) {
	l.readyOnce.Do(func() {
		close(l.ready)
		l.cfg.Logger.Info("running", "group", group, "delivery", l.cfg.Delivery)
	})
	l.watch.enter(Running)
}

// live holds the state folder while run works. What comes of the end of ctx is
// no error.
func (l *life) live(ctx context.Context, run func() error) error {
	if l.ran.Swap(true) {
		return errors.New("runner: Run was called twice: make a new Runner for another run")
	}
	lock, err := dirlock.Take(l.cfg.StateDir)
	if errors.Is(err, dirlock.ErrTaken) {
		return fmt.Errorf("state folder %s is in use by another process: give each its own with --state", l.cfg.StateDir)
	}
	if err != nil {
		return fmt.Errorf("state folder %s cannot be used: %w: give another with --state", l.cfg.StateDir, err)
	}
	defer context.AfterFunc(ctx, func() { l.watch.end(nil) })()
	err = run()
	// The network's timers may be ahead of the context's own.
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
		<-ctx.Done()
	}
	if _, fault := errors.AsType[*processorError](err); ctx.Err() != nil && !fault {
		err = nil
	}
	l.watch.end(err)
	// A processor that is stuck may yet write there: the folder stays held until
	// the process ends.
	if _, stuck := errors.AsType[*engine.StopError](err); stuck {
		return err
	}
	return errors.Join(err, lock.Release())
}

// starting tells what is about to run, once nothing is in its way.
func (l *life) starting(group string) {
	l.cfg.Logger.Info("starting", "group", group, "config", l.cfg.String())
	if inTemp(l.cfg.StateDir) {
		l.cfg.Logger.Warn("the state folder is a temporary one: when it is cleared, the whole state is read from its topics again", "state", l.cfg.StateDir)
	}
}

// inTemp reports whether a folder is below one that the system clears: its
// temporary one, or one that most systems have.
func inTemp(dir string) bool {
	return slices.ContainsFunc([]string{os.TempDir(), "/tmp", "/var/tmp"}, func(temp string) bool {
		below, err := filepath.Rel(resolved(temp), resolved(dir))
		return err == nil && filepath.IsLocal(below)
	})
}

// resolved returns where a path leads, as far as that can be told.
func resolved(path string) string {
	if absolute, err := filepath.Abs(path); err == nil {
		path = absolute
	}
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	return path
}

// patiently does what the start needs brokers and registry for: if the start is
// to wait for them, again and again while they are away.
func (l *life) patiently(ctx context.Context, do func() error) error {
	const about = "starting"
	defer l.watch.board.Clear(about)
	var wait backoff.Backoff
	for {
		err := do()
		if err == nil || !l.cfg.Wait || !isAway(err) {
			return err
		}
		l.watch.board.Set(about, err)
		l.cfg.Logger.Warn("waiting to start", "retry_in", wait.Next(), "err", err)
		if wait.Wait(ctx) != nil {
			return err
		}
	}
}

// isAway reports whether brokers or registry do not answer.
func isAway(err error) bool {
	_, brokers := errors.AsType[*kafka.UnreachableError](err)
	_, schemas := errors.AsType[*registry.UnavailableError](err)
	return brokers || schemas
}
