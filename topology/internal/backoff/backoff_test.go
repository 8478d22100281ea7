package backoff_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/topology/internal/backoff"
)

func TestWaitGrowsToFiveSecondsAndStartsOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var b backoff.Backoff
		var waited []time.Duration
		for range 8 {
			start, next := time.Now(), b.Next()
			if err := b.Wait(t.Context()); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(start); took != next {
				t.Errorf("got a wait of %s, want the announced %s", took, next)
			}
			waited = append(waited, next/time.Millisecond)
		}
		if diff := cmp.Diff(waited, []time.Duration{100, 200, 400, 800, 1600, 3200, 5000, 5000}); diff != "" {
			t.Errorf("waits in milliseconds: %s", diff)
		}
		b.Reset()
		if got := b.Next(); got != 100*time.Millisecond {
			t.Errorf("got %s after Reset, want 100ms", got)
		}
	})
}

func TestWaitGrowsBetweenTheGivenBounds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := backoff.Backoff{First: 5 * time.Millisecond, Last: 12 * time.Millisecond}
		var waited []time.Duration
		for range 4 {
			start := time.Now()
			if err := b.Wait(t.Context()); err != nil {
				t.Fatal(err)
			}
			waited = append(waited, time.Since(start)/time.Millisecond)
		}
		if diff := cmp.Diff(waited, []time.Duration{5, 10, 12, 12}); diff != "" {
			t.Errorf("waits in milliseconds: %s", diff)
		}
	})
}

func TestWaitEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		var b backoff.Backoff
		start := time.Now()
		if err := b.Wait(ctx); !errors.Is(err, context.Canceled) || time.Since(start) != 0 {
			t.Errorf("got %v after %s, want context.Canceled at once", err, time.Since(start))
		}
	})
}
