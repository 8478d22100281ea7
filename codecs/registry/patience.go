package registry

import (
	"context"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// patience collects in one round what nodes say in Retry-After: how long to
// leave them alone.
type patience struct {
	mu       sync.Mutex
	asked    int // nodes that said so
	shortest time.Duration
}

type patienceKey struct{}

// withPatience lets the transport report to p.
func withPatience(ctx context.Context, p *patience) context.Context {
	return context.WithValue(ctx, patienceKey{}, p)
}

// note takes down what an answer asks for.
func note(resp *http.Response, now time.Time) {
	p, ok := resp.Request.Context().Value(patienceKey{}).(*patience)
	if !ok || resp.StatusCode != http.StatusTooManyRequests && resp.StatusCode != http.StatusServiceUnavailable {
		return
	}
	pause, ok := retryAfter(resp.Header.Get("Retry-After"), now)
	if !ok {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.asked == 0 || pause < p.shortest {
		p.shortest = pause
	}
	p.asked++
}

// after returns the pause before the next round: the usual one, unless all
// nodes have asked for a longer one.
func (p *patience) after(usual time.Duration, nodes int) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.asked < nodes {
		return usual
	}
	// wait takes half to the whole of it.
	return max(usual, 2*p.shortest)
}

// maxRetryAfter is beyond every time-out; a larger number would overflow.
const maxRetryAfter = 24 * time.Hour

// retryAfter reads a number of seconds or a date.
func retryAfter(text string, now time.Time) (time.Duration, bool) {
	if seconds, err := strconv.Atoi(text); err == nil {
		return time.Duration(min(max(seconds, 0), int(maxRetryAfter/time.Second))) * time.Second, true
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0, false
	}
	return min(max(at.Sub(now), 0), maxRetryAfter), true
}
