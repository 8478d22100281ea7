package task

import (
	"time"

	"github.com/gokavro/gokavro/topology/internal/store"
	"github.com/gokavro/gokavro/topology/kafka"
)

// Sealed is what the units that one commit takes did. The commit's goroutine
// uses it.
type Sealed struct {
	task       *Task
	buffer     *buffer
	generation *store.Generation // nil without tables
	records    []*kafka.Record
}

// Seal takes the units that are finished, nil when there are none. They are
// the commit's from then on; new ones fill another buffer meanwhile. Rows that
// have outlived their TTL go with them, and alone at the next Seal when nothing
// else has come.
func (t *Task) Seal() (*Sealed, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	expired, err := t.expire()
	if err != nil {
		return nil, err
	}
	if t.finished.empty() && !expired {
		return nil, nil
	}
	s := &Sealed{task: t, buffer: t.finished}
	if t.state.DB != nil {
		s.generation = t.state.DB.Seal()
	}
	s.age()
	s.records = s.buffer.all()
	t.finished = newBuffer()
	t.makeRoom()
	return s, nil
}

// Outputs takes the records that finished units write, to write them ahead of
// their commit, when there are at least so many.
func (t *Task) Outputs(least int) []*kafka.Record {
	t.mu.Lock()
	defer t.mu.Unlock()
	taken := t.finished.records
	if len(taken) == 0 || len(taken) < least {
		return nil
	}
	t.finished.records = nil
	return taken
}

// expire deletes rows that have outlived the TTL of their table, every now and
// then, and reports whether it did; mu is held.
func (t *Task) expire() (bool, error) {
	now := time.Now()
	if t.state.DB == nil || now.Before(t.swept.Add(sweepInterval)) {
		return false, nil
	}
	t.swept = now
	looked, err := t.state.DB.Expire(now, sweptAtOnce)
	return looked > 0, err
}

// age gives the changes of tables with a TTL the times that their rows age by,
// and adds the tombstones of those that were deleted because of their age, which
// are no unit's.
func (s *Sealed) age() {
	for _, spec := range s.task.cfg.Tables {
		if spec.TTL == 0 {
			continue
		}
		for change := range s.generation.Changes(spec.Name) {
			s.buffer.change(place{spec.Topic, s.task.cfg.Partition}, rowKey{spec.Name, change.Key}, change.Value, change.Time)
		}
	}
}

const (
	// sweepInterval is how often expired rows are looked for.
	sweepInterval = time.Second
	// sweptAtOnce bounds the rows that one commit deletes because of their age.
	sweptAtOnce = 1000
)

// Units returns how many units there are.
func (s *Sealed) Units() int { return s.buffer.units }

// Read returns how many of them are not of alarms, whose records were read before.
func (s *Sealed) Read() int { return s.buffer.units - s.buffer.alarms }

// Outputs returns how many records they write, those that were written ahead with
// them, changes of tables left out.
func (s *Sealed) Outputs() int { return s.buffer.outputs }

// Counts returns how their records that failed were dealt with.
func (s *Sealed) Counts() Counts { return s.buffer.counts }

// Records returns the records to write: outputs, and the changes of the
// tables, each key's last.
func (s *Sealed) Records() []*kafka.Record { return s.records }

// Offsets returns by topic the offset to go on from.
func (s *Sealed) Offsets() map[string]int64 { return s.buffer.offsets }

// Flush brings the changes to the disk once they are committed, with the place
// in the changelogs that they were written to, as far as the brokers told it.
func (s *Sealed) Flush() error {
	if s.generation == nil {
		return nil
	}
	next := map[string]int64{}
	for at, record := range s.buffer.rows {
		if record.Offset >= 0 {
			next[at.table] = max(next[at.table], record.Offset+1)
		}
	}
	return s.generation.Flush(next)
}
