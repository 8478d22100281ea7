package task

import (
	"iter"
	"slices"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokavro/gokavro/topology/internal/store"
)

// alarm tells the callback that a time has come, by a record of its own among
// those of the inbox, whose lock guards it. It is a hint that may come too often:
// what is due is for the tables to say. A nil alarm never rings.
type alarm struct {
	topic     string
	partition int32
	at        time.Time
	on        bool
	rung      int64 // how often it has, which makes the offsets of its records
}

// newAlarm returns one that rings at once, nil without a topic.
func newAlarm(topic string, partition int32) *alarm {
	if topic == "" {
		return nil
	}
	return &alarm{topic: topic, partition: partition, on: true}
}

// set lets the alarm ring at a time, unless it rings before.
func (a *alarm) set(at time.Time) {
	if a != nil && (!a.on || at.Before(a.at)) {
		a.at, a.on = at, true
	}
}

// ring returns a record when the time has come, and else how long that takes, 0
// if it never does.
func (a *alarm) ring(now time.Time) (*sarama.ConsumerMessage, time.Duration) {
	switch {
	case a == nil || !a.on:
		return nil, 0
	case now.Before(a.at):
		return nil, a.at.Sub(now)
	}
	a.on = false
	a.rung++
	return &sarama.ConsumerMessage{Topic: a.topic, Partition: a.partition, Offset: a.rung, Timestamp: now}, 0
}

// ring hands over a record of the alarm when its time has come, or returns how
// long that takes. While an input is paused, what was parked of it waits, and all
// that is parked with it. mu is held.
func (b *inbox) ring(now time.Time) (*sarama.ConsumerMessage, time.Duration) {
	if slices.ContainsFunc(b.topics, func(q *topicQueue) bool { return q.paused }) {
		return nil, 0
	}
	message, wait := b.alarm.ring(now)
	if message != nil {
		b.fly(message)
	}
	return message, wait
}

// sooner returns the shorter of two times to wait, of which 0 is for ever.
func sooner(a, b time.Duration) time.Duration {
	if a == 0 || b > 0 && b < a {
		return b
	}
	return a
}

// SetAlarm has the callback called with a record of Config.Alarm at a time, or
// sooner. Only the earliest time that is set is kept, and none once it has rung.
func (c *Context) SetAlarm(at time.Time) { c.run.task.inbox.wakeAt(at) }

// Scan yields the rows of [from,to) of a table, without what the record in hand
// has set.
func (c *Context) Scan(table, from, to string) iter.Seq2[store.Row, error] {
	return c.run.task.state.DB.Table(table).Range(from, to)
}
