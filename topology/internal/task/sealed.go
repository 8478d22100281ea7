package task

import (
	"github.com/IBM/sarama"

	"github.com/gokavro/gokavro/topology/internal/store"
)

// Sealed is what the units that one commit takes did. The commit's goroutine
// uses it.
type Sealed struct {
	task       *Task
	buffer     *buffer
	generation *store.Generation // nil without tables
	messages   []*sarama.ProducerMessage
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
	if t.state.DB != nil {
		s.generation = t.state.DB.Seal()
	}
	s.messages = s.buffer.all()
	t.finished = newBuffer()
	t.makeRoom()
	return s
}

// Units returns how many units there are.
func (s *Sealed) Units() int { return s.buffer.units }

// Outputs returns how many records they write, changes of tables left out.
func (s *Sealed) Outputs() int { return len(s.messages) - len(s.buffer.rows) }

// Messages returns the records to write: outputs, and the changes of the
// tables, each key's last.
func (s *Sealed) Messages() []*sarama.ProducerMessage { return s.messages }

// Offsets returns by topic the offset to go on from.
func (s *Sealed) Offsets() map[string]int64 { return s.buffer.offsets }

// Flush brings the changes to the disk once they are committed, with the place
// in the changelogs that they were written to.
func (s *Sealed) Flush() error {
	if s.generation == nil {
		return nil
	}
	next := map[string]int64{}
	for at, message := range s.buffer.rows {
		next[at.table] = max(next[at.table], message.Offset+1)
	}
	return s.generation.Flush(next)
}
