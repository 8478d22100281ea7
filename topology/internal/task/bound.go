package task

import "github.com/IBM/sarama"

// Share is the part of the process's memory that a task may take, in bytes.
type Share struct {
	// Buffer is for records that wait or are worked on, and for what they did
	// until it is committed.
	Buffer int
	// Cache is for rows that are kept decoded.
	Cache int
}

// Share bounds the task from now on. At least one record is always worked on.
func (t *Task) Share(s Share) {
	t.inbox.bound(s.Buffer / 4)
	t.mu.Lock()
	defer t.mu.Unlock()
	// One buffer fills while a commit takes the other.
	t.cfg.Limits.Bytes = s.Buffer * 3 / 8
	t.cfg.Limits.Cache = s.Cache
	for _, rows := range t.rows {
		rows.Limit(s.Cache / max(len(t.cfg.Tables), 1))
	}
}

// Pause leaves the records of a topic waiting, or takes them up again. What was
// handed over before is finished.
func (t *Task) Pause(topic string, on bool) { t.inbox.pause(topic, on) }

// bound says how many bytes of records may be here: half of them wait, half are
// worked on.
func (b *inbox) bound(bytes int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.room = bytes
	b.wake()
}

// share returns the bytes of a topic that may wait; mu is held.
func (b *inbox) share() int { return max(b.room/2/len(b.topics), 1) }

// mayFly reports whether one more record may be handed over; mu is held.
func (b *inbox) mayFly() bool {
	b.cramped = len(b.flight) > 0 && b.flying >= b.room/2
	return !b.cramped
}

// launch takes the first record of a queue to hand it over; mu is held.
func (b *inbox) launch(q *topicQueue) *sarama.ConsumerMessage {
	message := q.waiting[0]
	q.waiting[0] = nil
	q.waiting = q.waiting[1:]
	q.bytes -= sizeOf(message)
	b.fly(message)
	return message
}

// fly notes that a record is handed over; mu is held.
func (b *inbox) fly(message *sarama.ConsumerMessage) {
	b.flying += sizeOf(message)
	b.flight = append(b.flight, message)
}

func (b *inbox) pause(topic string, on bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if q := b.of(topic); q != nil {
		q.paused = on
		b.wake()
	}
}

// messageOverhead is about what a record takes beside its bytes.
const messageOverhead = 128

// sizeOf is about the memory that a record holds.
func sizeOf(message *sarama.ConsumerMessage) int {
	size := messageOverhead + len(message.Key) + len(message.Value)
	for _, h := range message.Headers {
		size += len(h.Key) + len(h.Value)
	}
	return size
}
