package engine

import (
	"github.com/gokavro/gokavro/topology/internal/task"
)

// minBuffer is what a task may buffer however many there are.
const minBuffer = 1 << 20

// divide gives each task its part of the memory; mu is held.
func (w *work) divide() {
	memory := w.engine.cfg.Memory
	if memory.Buffer == 0 || len(w.tasks) == 0 {
		return
	}
	part := task.Share{Buffer: max(memory.Buffer/len(w.tasks), minBuffer), Cache: memory.Cache / len(w.tasks)}
	for _, m := range w.tasks {
		m.task.Share(part)
	}
}

// Pause leaves records of a topic in Kafka, in all partitions and those still to
// come, or takes them up again. Records that tasks have in hand are finished.
func (e *Engine) Pause(topic string, on bool) {
	e.mu.Lock()
	if on {
		e.paused[topic] = true
	} else {
		delete(e.paused, topic)
	}
	w := e.work
	e.mu.Unlock()
	if w == nil {
		return
	}
	for _, m := range w.members() {
		m.task.Pause(topic, on)
	}
}

// pause pauses what is paused in a new task. A pause that comes meanwhile finds
// the task, as mu is held.
func (w *work) pause(t *task.Task) {
	w.engine.mu.Lock()
	defer w.engine.mu.Unlock()
	for topic := range w.engine.paused {
		t.Pause(topic, true)
	}
}
