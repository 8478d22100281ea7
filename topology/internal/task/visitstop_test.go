//go:build !race

package task_test

import (
	"context"
	"sync"
	"testing"

	"github.com/lovoo/goka"
)

// goka stands no visit while it starts or stops. Of one that is cut short it reads
// how far it came while a callback counts on, which the race detector sees.
func TestVisitsMayBeMadeWhileTasksStartAndStop(t *testing.T) {
	t.Parallel()
	for range 30 {
		b := start(t, nil, append(edges(appending), goka.Visitor("mark", func(goka.Context, any) {}))...)
		ctx, cancel := context.WithCancel(t.Context())
		var visitors sync.WaitGroup
		var once sync.Once
		visited := make(chan struct{})
		for range 4 {
			visitors.Go(func() {
				for ctx.Err() == nil {
					if n, err := b.Visit(ctx, "mark", nil); n > 0 && err == nil {
						once.Do(func() { close(visited) })
					}
				}
			})
		}
		b.put(t, message("in", 5, "a"))
		<-visited
		b.Kill()
		_ = b.end(t)
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		cancel()
		visitors.Wait()
	}
}
