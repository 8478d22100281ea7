package task

import (
	"context"
	"sync"
	"time"

	"github.com/IBM/sarama"
)

// inbox holds the records of one partition between the consumer and the
// processor: those that wait, by topic, and those that were handed over and
// are not done, so that they can be handed over again when the processor is
// restarted. It is safe for concurrent use.
type inbox struct {
	limit   int           // records that may wait, by topic
	maxIdle time.Duration // how long an empty topic is waited for

	mu      sync.Mutex
	changed chan struct{} // closed and replaced when something changes
	topics  []*topicQueue
	flight  []*sarama.ConsumerMessage // in the order in which they were handed over
	flying  int                       // bytes of them
	room    int                       // bytes that all may hold, see bound
	watched bool                      // whether somebody waits for records to be done
	cramped bool                      // whether somebody waits for less to be in flight
	alarm   *alarm                    // nil without one
	rang    bool                      // whether the last that was handed over was an alarm

	deferred bool // whether the group decides when its records are done
}

// topicQueue is what waits of one topic.
type topicQueue struct {
	name    string
	waiting []*sarama.ConsumerMessage
	bytes   int   // of them
	paused  bool  // whether none of them is handed over
	next    int64 // the offset behind the last record taken in, noOffset before the first
	end     int64 // the end of the partition as far as it is known
	idle    time.Time
}

func newInbox(topics []string, l Limits) *inbox {
	b := &inbox{limit: l.Records, room: l.Inbox, maxIdle: l.MaxIdle, changed: make(chan struct{})}
	for _, name := range topics {
		b.topics = append(b.topics, &topicQueue{name: name, next: noOffset})
	}
	return b
}

// wake tells whoever waits that something has changed; mu is held.
func (b *inbox) wake() {
	close(b.changed)
	b.changed = make(chan struct{})
}

func (b *inbox) of(topic string) *topicQueue {
	for _, q := range b.topics {
		if q.name == topic {
			return q
		}
	}
	return nil
}

// put takes records of a topic in. Those that it has had already, from an
// earlier session, are left out. It blocks while too many wait, until ctx ends.
func (b *inbox) put(ctx context.Context, topic string, end int64, messages []*sarama.ConsumerMessage) error {
	for {
		b.mu.Lock()
		q := b.of(topic)
		if len(q.waiting) < b.limit && q.bytes < b.share() {
			q.take(end, messages)
			b.wake()
			b.mu.Unlock()
			return nil
		}
		changed := b.changed
		b.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (q *topicQueue) take(end int64, messages []*sarama.ConsumerMessage) {
	for _, message := range messages {
		if message.Offset < q.next {
			continue
		}
		q.waiting = append(q.waiting, message)
		q.bytes += sizeOf(message)
		q.next = message.Offset + 1
	}
	q.end = max(q.end, end)
}

// next returns the records that are to be handed over next, at least one, in
// their order. It blocks until there are some or ctx ends.
func (b *inbox) next(ctx context.Context, most int) ([]*sarama.ConsumerMessage, error) {
	for {
		b.mu.Lock()
		batch, wait := b.take(time.Now(), most)
		if len(batch) > 0 {
			b.wake()
			b.mu.Unlock()
			return batch, nil
		}
		changed := b.changed
		b.mu.Unlock()
		if err := pause(ctx, changed, wait); err != nil {
			return nil, err
		}
	}
}

// take takes what is to be handed over next: an alarm alone, as it is no record of
// the group's topics, or records. Both have their turn, however often the alarm
// rings. Without any it returns how long to wait. mu is held.
func (b *inbox) take(now time.Time, most int) (batch []*sarama.ConsumerMessage, wait time.Duration) {
	if b.rang {
		b.rang = false
		if batch, _ = b.records(now, most); len(batch) > 0 {
			return batch, 0
		}
	}
	ring, wait := b.ring(now)
	if ring != nil {
		b.rang = true
		return []*sarama.ConsumerMessage{ring}, 0
	}
	batch, patience := b.records(now, most)
	return batch, sooner(wait, patience)
}

// records takes up to that many records, in their order; mu is held.
func (b *inbox) records(now time.Time, most int) (batch []*sarama.ConsumerMessage, wait time.Duration) {
	for len(batch) < most && b.mayFly() {
		q, patience := b.choose(now)
		if q == nil {
			return batch, patience
		}
		batch = append(batch, b.launch(q))
	}
	return batch, 0
}

// pause waits for a change, for at most d when that is not zero.
func pause(ctx context.Context, changed <-chan struct{}, d time.Duration) error {
	var timeout <-chan time.Time
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		timeout = timer.C
	}
	select {
	case <-changed:
	case <-timeout:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// choose returns the queue whose first record is the oldest. Of a topic that
// has records which are not here yet it waits for the next, up to maxIdle, so
// that its older ones are not passed by newer ones of another topic: the rule
// of KIP-695. Without a queue it returns how long to wait, zero for any change.
func (b *inbox) choose(now time.Time) (*topicQueue, time.Duration) {
	var oldest *topicQueue
	wait := time.Duration(0)
	for _, q := range b.topics {
		switch {
		case q.paused:
			continue
		case len(q.waiting) == 0:
			if left := q.patience(now, b.maxIdle); left > 0 && (wait == 0 || left < wait) {
				wait = left
			}
			continue
		case oldest == nil || q.waiting[0].Timestamp.Before(oldest.waiting[0].Timestamp):
			oldest = q
		}
		q.idle = time.Time{}
	}
	if oldest != nil && wait > 0 {
		return nil, wait
	}
	return oldest, 0
}

// patience is how long an empty topic is still waited for.
func (q *topicQueue) patience(now time.Time, most time.Duration) time.Duration {
	if q.next == noOffset || q.next >= q.end {
		return 0
	}
	if q.idle.IsZero() {
		q.idle = now
	}
	return most - now.Sub(q.idle)
}

// done takes a record off those that were handed over. A later one of its
// topic may be done before it.
func (b *inbox) done(topic string, offset int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, message := range b.flight {
		if message.Offset == offset && message.Topic == topic {
			copy(b.flight[1:i+1], b.flight[:i])
			b.flight[0] = nil
			b.flight = b.flight[1:]
			b.flying -= sizeOf(message)
			if b.watched || b.cramped {
				b.wake()
			}
			return
		}
	}
}

// inHand returns a record that was handed over and is not done, nil when there is
// none.
func (b *inbox) inHand(topic string, offset int64) *sarama.ConsumerMessage {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, message := range b.flight {
		if message.Offset == offset && message.Topic == topic {
			return message
		}
	}
	return nil
}

// awaitFirst waits until all that was handed over before a record is done, and
// reports false when ctx ends before.
func (b *inbox) awaitFirst(ctx context.Context, message *sarama.ConsumerMessage) bool {
	for {
		b.mu.Lock()
		first := len(b.flight) > 0 && b.flight[0] == message
		b.watched = !first
		changed := b.changed
		b.mu.Unlock()
		if first {
			return true
		}
		if pause(ctx, changed, 0) != nil {
			return false
		}
	}
}

// rewind puts what was handed over and is not done back to the front.
func (b *inbox) rewind() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, q := range b.topics {
		var again []*sarama.ConsumerMessage
		for _, message := range b.flight {
			if message.Topic == q.name {
				again = append(again, message)
				q.bytes += sizeOf(message)
			}
		}
		q.waiting = append(again, q.waiting...)
	}
	b.flight, b.flying = nil, 0
	b.alarm.set(time.Time{})
	b.wake()
}
