// Package backoff waits longer each time for something that does not answer.
package backoff

import (
	"cmp"
	"context"
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
	timer := time.NewTimer(b.Next())
	defer timer.Stop()
	if b.Next() < b.last() {
		b.tries++
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// Reset starts over with the shortest wait.
func (b *Backoff) Reset() { b.tries = 0 }
