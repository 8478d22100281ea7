// Package backoff waits longer each time for something that does not answer.
package backoff

import (
	"cmp"
	"context"
	"math/rand/v2"
	"time"
)

const (
	first = 100 * time.Millisecond
	last  = 5 * time.Second
)

// Backoff is the wait before the next try: First, then twice as long each time,
// up to Last. The zero value is ready. It is for one goroutine.
type Backoff struct {
	// First is the shortest wait. The default is 100 ms.
	First time.Duration
	// Last is the longest wait. The default is 5 s.
	Last time.Duration
	// Jitter leaves up to a third of each wait to chance, so that many who wait for
	// the same do not come back at once.
	Jitter bool

	tries int
}

// Next returns how long Wait is going to wait.
func (b *Backoff) Next() time.Duration {
	wait := cmp.Or(b.First, first)
	for range b.tries {
		wait = min(2*wait, b.last())
	}
	return wait
}

func (b *Backoff) last() time.Duration { return cmp.Or(b.Last, last) }

// Wait waits, and returns the context's error if that ends before.
func (b *Backoff) Wait(ctx context.Context) error {
	if !Pause(ctx, b.Take()) {
		return ctx.Err()
	}
	return nil
}

// Pause waits for d, and reports false when ctx ends before.
func Pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// Take returns how long to wait now, as Wait does, and makes the next wait longer.
func (b *Backoff) Take() time.Duration {
	wait := b.Next()
	if wait < b.last() {
		b.tries++
	}
	if b.Jitter {
		wait -= rand.N(wait/3 + 1)
	}
	return wait
}

// Reset starts over with the shortest wait.
func (b *Backoff) Reset() { b.tries = 0 }
