package demo

import (
	"context"
	"sync"
)

// tasks are what runs in the background of a demo. The first of them to fail
// cancels ctx with its error.
type tasks struct {
	ctx    context.Context //nolint:containedctx // one run's scope
	cancel context.CancelCauseFunc

	running sync.WaitGroup
	ends    []context.CancelFunc
}

// start runs task until it returns or stop is called.
func (t *tasks) start(task func(context.Context) error) {
	ctx, end := context.WithCancel(t.ctx)
	t.ends = append(t.ends, end)
	t.running.Go(func() {
		if err := task(ctx); err != nil {
			t.cancel(err)
		}
	})
}

// stop ends all tasks and waits for them.
func (t *tasks) stop() {
	for _, end := range t.ends {
		end()
	}
	t.running.Wait()
}
