package restore

import (
	"fmt"
	"time"
)

// Events are told what a restore does, each from the goroutine of its table.
// Those that are nil are not called.
type Events struct {
	// Started is called when a table's reading begins, and again after Cleared.
	Started func(Progress)
	// Progressed is called each time that a piece of the changelog was read.
	Progressed func(Progress)
	// Waiting is called while a transaction before the changelog's end is open.
	Waiting func(Progress)
	// Cleared is called when the table is emptied and restored from the beginning,
	// with the reason.
	Cleared func(t Table, reason string)
	// Finished is called when a table is restored.
	Finished func(Progress)
}

func (e Events) started(p Progress)    { call(e.Started, p) }
func (e Events) progressed(p Progress) { call(e.Progressed, p) }
func (e Events) waiting(p Progress)    { call(e.Waiting, p) }
func (e Events) finished(p Progress)   { call(e.Finished, p) }

func call(f func(Progress), p Progress) {
	if f != nil {
		p.Took = time.Since(p.began)
		f(p)
	}
}

func (e Events) cleared(t Table, reason string) {
	if e.Cleared != nil {
		e.Cleared(t, reason)
	}
}

// Progress is how far the restore of a table has come.
type Progress struct {
	// Table is what is restored.
	Table Table
	// From, Next and End are changelog offsets: where it began, what it reads next,
	// and where it ends. Offsets have gaps where records were compacted.
	From, Next, End int64
	// Records and Bytes count what was read, the bytes of keys and values.
	Records, Bytes int64
	// Took is the time since the beginning.
	Took time.Duration

	began time.Time
}

// RecordsPerSecond returns the rate since the beginning.
func (p Progress) RecordsPerSecond() float64 {
	if p.Took <= 0 {
		return 0
	}
	return float64(p.Records) / p.Took.Seconds()
}

// Left estimates the time that is left from the offsets. It is 0 at the end, and
// less than 0 as long as nothing was read.
func (p Progress) Left() time.Duration {
	switch done, left := p.Next-p.From, p.End-p.Next; {
	case left <= 0:
		return 0
	case done <= 0:
		return -1
	default:
		return time.Duration(float64(p.Took) / float64(done) * float64(left))
	}
}

// String says it in one line.
func (p Progress) String() string {
	text := fmt.Sprintf("%s %s/%d: offset %d of %d, %d records, %d bytes, %.0f records/s",
		p.Table.Name, p.Table.Topic, p.Table.Partition, p.Next, p.End, p.Records, p.Bytes, p.RecordsPerSecond())
	if left := p.Left(); left > 0 {
		text += fmt.Sprintf(", %s left", left.Round(100*time.Millisecond))
	}
	return text
}
