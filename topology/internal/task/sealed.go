package task

import (
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
// the commit's from then on; new ones fill another buffer meanwhile.
func (t *Task) Seal() *Sealed {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.finished.empty() {
		return nil
	}
	s := &Sealed{task: t, buffer: t.finished}
	if t.db != nil {
		s.generation = t.db.Seal()
	}
	s.records = s.buffer.all()
	t.finished = newBuffer()
	t.makeRoom()
	return s
}

// Units returns how many units there are.
func (s *Sealed) Units() int { return s.buffer.units }

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
