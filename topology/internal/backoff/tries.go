package backoff

import (
	"time"

	"github.com/gokavro/gokavro/topology/graph"
)

// Tries counts the tries of one record. The zero value is at the first. It is
// for one goroutine.
type Tries struct {
	failed int
	began  time.Time
	wait   Backoff
}

// Begin notes when the first try begins. Later calls do nothing.
func (t *Tries) Begin() {
	if t.began.IsZero() {
		t.began = time.Now()
	}
}

// Failed is how many have failed.
func (t *Tries) Failed() int { return t.failed }

// Again notes a try that failed, and returns the pause before the next one. ok is
// false when there is to be none.
func (t *Tries) Again(retry graph.Retry) (pause time.Duration, ok bool) {
	t.Begin()
	retry = retry.WithDefaults()
	t.failed++
	if retry.Attempts > 0 && t.failed >= retry.Attempts {
		return 0, false
	}
	t.wait.First, t.wait.Last, t.wait.Jitter = retry.Backoff, retry.MaxBackoff, true
	pause = t.wait.Take()
	return pause, retry.Budget == 0 || time.Since(t.began)+pause <= retry.Budget
}

// After is the pause, as Again gives it, of a record that was tried so often.
func After(retry graph.Retry, tried int) time.Duration {
	retry = retry.WithDefaults()
	wait := Backoff{First: retry.Backoff, Last: retry.MaxBackoff, Jitter: true, tries: max(tried-1, 0)}
	return wait.Take()
}
