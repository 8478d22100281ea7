package letter

import (
	"log/slog"
	"sync"
	"time"
)

const (
	// loudLines is how many warnings of records are logged at once; after them one
	// a loudPause.
	loudLines = 20
	loudPause = time.Second
)

// Loud keeps a flood of bad records from flooding the log. The zero value is
// ready. It is safe for concurrent use.
type Loud struct {
	mu     sync.Mutex
	lines  int // logged, less one for each loudPause since
	last   time.Time
	silent int // left out since the last line
}

// Warn logs a warning, unless there were too many; the next line says how many
// were left out.
func (l *Loud) Warn(log *slog.Logger, message string, attrs ...any) {
	left, ok := l.take(time.Now())
	if !ok {
		return
	}
	if left > 0 {
		attrs = append(attrs, "left_out", left)
	}
	log.Warn(message, attrs...)
}

func (l *Loud) take(now time.Time) (leftOut int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if gone := now.Sub(l.last) / loudPause; gone > 0 {
		l.lines = max(0, l.lines-int(min(gone, loudLines)))
		l.last = now
	}
	if l.lines >= loudLines {
		l.silent++
		return 0, false
	}
	l.lines++
	leftOut, l.silent = l.silent, 0
	return leftOut, true
}
