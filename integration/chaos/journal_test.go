package chaos_test

import (
	"fmt"
	"strings"
	"sync"
	"time"
)

// journal is what was done to a cluster, and when. It is safe for concurrent
// use.
type journal struct {
	began time.Time
	mu    sync.Mutex
	lines []string
}

func (j *journal) add(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	at := time.Since(j.began).Seconds()
	j.lines = append(j.lines, fmt.Sprintf("%7.2f s  ", at)+fmt.Sprintf(format, args...))
}

// String returns the lines, the oldest first.
func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Join(j.lines, "\n")
}
