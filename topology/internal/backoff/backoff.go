// Package backoff waits longer each time for something that does not answer.
package backoff

import (
	"context"
	"time"
)

const (
	first = 100 * time.Millisecond
	last  = 5 * time.Second
)

// Backoff is the wait before the next try: 100 ms, then twice as long each
// time, up to 5 s. The zero value is ready. It is for one goroutine.
type Backoff struct{ tries int }

// Next returns how long Wait is going to wait.
func (b *Backoff) Next() time.Duration {
	wait := first
	for range b.tries {
		wait = min(2*wait, last)
	}
	return wait
}

// Wait waits, and returns the context's error if that ends before.
func (b *Backoff) Wait(ctx context.Context) error {
	timer := time.NewTimer(b.Next())
	defer timer.Stop()
	if b.Next() < last {
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
