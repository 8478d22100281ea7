package chaos_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/gokavro/gokavro/integration/worker"
)

// restartDelay is how long a worker that ended by itself stays away, as under
// any supervisor.
const restartDelay = time.Second

// fleet keeps workers running, except while an event has one of them.
type fleet struct {
	journal *journal
	launch  worker.Launch // of every worker, its files left out
	faulty  []string      // environment of the first process of each
	dir     string        // for their files

	mu      sync.Mutex
	workers []*member
	closed  bool
	ends    int // of workers by themselves
}

// member is one worker through all of its processes. Its fields
// are guarded by the fleet's lock.
type member struct {
	number  int
	launch  worker.Launch
	process *worker.Process
	held    bool // by an event or a restart
	retired bool
}

// add starts one more worker with a state folder of its own.
func (f *fleet) add() (*member, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	w := &member{number: len(f.workers) + 1, launch: f.launch}
	name := fmt.Sprintf("worker-%d", w.number)
	w.launch.State = filepath.Join(f.dir, name+"-state")
	w.launch.Log = filepath.Join(f.dir, name+".log")
	if err := f.start(w, f.faulty...); err != nil {
		return nil, err
	}
	f.workers = append(f.workers, w)
	return w, nil
}

// start starts the worker's next process, with that added to its environment.
// The caller holds the lock.
func (f *fleet) start(w *member, env ...string) error {
	if f.closed {
		return errors.New("the fleet is closed")
	}
	launch := w.launch
	launch.Env = append(env, launch.Env...)
	p, err := worker.Start(launch)
	if err != nil {
		return fmt.Errorf("starting worker %d: %w", w.number, err)
	}
	w.process = p
	go f.watch(w, p)
	return nil
}

// watch starts a worker again that ended by itself. Who holds a worker sees to
// its end.
func (f *fleet) watch(w *member, p *worker.Process) {
	<-p.Exited()
	if !f.hold(w, p) {
		return
	}
	f.journal.add("worker %d ended by itself with code %d: %s", w.number, p.Code(), p.LastLines(1))
	_ = pause(context.Background(), restartDelay)
	f.release(w)
}

func (f *fleet) hold(w *member, p *worker.Process) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed || w.held || w.retired || w.process != p {
		return false
	}
	w.held = true
	f.ends++
	return true
}

// take hands a worker to an event, one that has its share of the partitions.
// The number chooses among them.
func (f *fleet) take(ctx context.Context, number int) (*member, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		if w := f.pick(number); w != nil {
			return w, nil
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return nil, fmt.Errorf("waiting for a worker that runs: %w", err)
		}
	}
}

func (f *fleet) pick(number int) *member {
	f.mu.Lock()
	defer f.mu.Unlock()
	var free []*member
	for _, w := range f.workers {
		if !w.held && !w.retired && !w.process.Ended() && w.process.IsRunning() {
			free = append(free, w)
		}
	}
	if len(free) == 0 {
		return nil
	}
	w := free[number%len(free)]
	w.held = true
	return w
}

// release gives a worker back and starts it if its process has ended.
func (f *fleet) release(w *member) {
	f.mu.Lock()
	defer f.mu.Unlock()
	w.held = false
	if f.closed || w.retired {
		return
	}
	if !w.process.Ended() {
		go f.watch(w, w.process) // the first watch may have found it held
		return
	}
	if err := f.start(w); err != nil {
		f.journal.add("%v", err)
	}
}

// retire gives a worker up for good.
func (f *fleet) retire(w *member) {
	f.mu.Lock()
	defer f.mu.Unlock()
	w.retired = true
}

// awaitRunning waits until every worker has its share of the partitions.
func (f *fleet) awaitRunning(ctx context.Context) error {
	for !f.allRunning() {
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return fmt.Errorf("waiting for the workers to run: %w: %s", err, f.lastLines(5))
		}
	}
	return nil
}

func (f *fleet) allRunning() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, w := range f.workers {
		if !w.retired && !w.process.IsRunning() {
			return false
		}
	}
	return true
}

// stop ends all workers gracefully and returns what is wrong with that.
func (f *fleet) stop() error {
	f.mu.Lock()
	f.closed = true
	workers := f.workers
	f.mu.Unlock()
	faults := make([]error, len(workers))
	var all sync.WaitGroup
	for i, w := range workers {
		if w.process.Ended() {
			continue
		}
		all.Go(func() {
			code, err := w.process.Stop(patience)
			if err == nil && code != 0 {
				err = fmt.Errorf("got exit code %d: %s", code, w.process.LastLines(3))
			}
			if err != nil {
				faults[i] = fmt.Errorf("stopping worker %d at the end: %w", w.number, err)
			}
		})
	}
	all.Wait()
	return errors.Join(faults...)
}

// close ends all workers at once, stopped ones as well.
func (f *fleet) close() {
	f.mu.Lock()
	f.closed = true
	workers := f.workers
	f.mu.Unlock()
	for _, w := range workers {
		_ = w.process.Signal(syscall.SIGKILL)
		<-w.process.Exited()
	}
}

func (f *fleet) endedByThemselves() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ends
}

func (f *fleet) lastLines(n int) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var lines []string
	for _, w := range f.workers {
		lines = append(lines, fmt.Sprintf("worker %d: %s", w.number, w.process.LastLines(n)))
	}
	return strings.Join(lines, "\n")
}
