package task

import (
	"context"
	"errors"
	"sync"
)

var (
	errNotRunning = errors.New("the task is not running")
	errVisitEnded = errors.New("the task has stopped or is restarted meanwhile: visit the rows again")
)

// visits are those of one run. goka panics at one that begins before its setup has
// ended, at one that is under way during its cleanup, and at two at once of which
// one ends early.
type visits struct {
	one  sync.Mutex // held during a visit
	mu   sync.Mutex
	life context.Context //nolint:containedctx // of the session in which visits may be made, nil outside of one
	end  context.CancelFunc
	all  sync.WaitGroup
}

// allow lets visits begin.
func (v *visits) allow() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.life, v.end = context.WithCancel(context.Background())
}

// forbid lets none begin any more, ends those that are under way, and waits for
// that.
func (v *visits) forbid() {
	v.mu.Lock()
	v.life = nil
	v.end()
	v.mu.Unlock()
	v.all.Wait()
}

// make makes a visit, which has to end with its context.
func (v *visits) make(ctx context.Context, visit func(context.Context) (int64, error)) (int64, error) {
	v.mu.Lock()
	life := v.life
	if life == nil {
		v.mu.Unlock()
		return 0, errNotRunning
	}
	v.all.Add(1)
	v.mu.Unlock()
	defer v.all.Done()
	bounded, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(life, cancel)()
	v.one.Lock()
	defer v.one.Unlock()
	visited, err := visit(bounded)
	if err != nil && ctx.Err() == nil && life.Err() != nil {
		err = errVisitEnded
	}
	return visited, err
}

// Visit runs a visitor of the group on every row, and returns how many.
func (t *Task) Visit(ctx context.Context, name string, meta any) (int64, error) {
	t.mu.Lock()
	r := t.run
	t.mu.Unlock()
	if r == nil {
		return 0, errNotRunning
	}
	visited, err := r.visits.make(ctx, func(ctx context.Context) (int64, error) {
		return r.processor.VisitAllWithStats(ctx, name, meta)
	})
	// All callbacks have returned when goka says that all rows were visited.
	if err == nil {
		t.visited(r)
	}
	return visited, err
}
