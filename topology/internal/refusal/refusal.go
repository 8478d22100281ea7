// Package refusal remembers what brokers have refused to take. A refusal ends the
// transaction that the record is in; on the second pass the record is known
// before it is staged, and only its own input record is set aside.
package refusal

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokavro/gokavro/topology/internal/txn"
	"github.com/gokavro/gokavro/topology/kafka"
)

// memory is how long a refusal is taken for granted. After it a broker is asked
// again, as somebody may have changed the topic or the rights.
const memory = 5 * time.Minute

// Error is a record that is not written because a broker refuses it.
type Error struct {
	// Topic is that of the record.
	Topic string
	// Err is the broker's answer.
	Err error
}

// Error names the topic and says what to do.
func (e *Error) Error() string {
	return fmt.Sprintf("the broker refuses the record for topic %s: %v%s", e.Topic, e.Err, advice(e.Err))
}

// Unwrap returns the broker's answer.
func (e *Error) Unwrap() error { return e.Err }

func advice(err error) string {
	switch {
	case isSize(err):
		return ": raise the topic's max.message.bytes"
	case errors.Is(err, sarama.ErrTopicAuthorizationFailed):
		return ": give the user the right to write there (ACL)"
	case errors.Is(err, sarama.ErrInvalidTimestamp):
		return ": see to the topic's message.timestamp.before.max.ms and message.timestamp.after.max.ms"
	}
	return ""
}

func isSize(err error) bool {
	return errors.Is(err, sarama.ErrMessageSizeTooLarge) || errors.Is(err, sarama.ErrMessageSetSizeTooLarge)
}

// Memory holds refusals. Its methods are safe for concurrent use, and nil holds
// none.
type Memory struct {
	count atomic.Int32 // of rules, so that nothing is locked while there are none

	mu    sync.Mutex
	rules []rule
	// suspects are topics of which a batch was refused, and nobody said which
	// record of it.
	suspects []string
}

// rule says which records a broker refuses.
type rule struct {
	record kafka.Record // that was refused
	err    error
	noted  time.Time
}

// Note takes in what a broker has refused, and reports whether that is news.
func (m *Memory) Note(refused *txn.RefusedError) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	found := rule{record: *refused.Record, err: refused.Err, noted: time.Now()}
	if !refused.Alone && !found.wholeTopic() {
		m.suspects = append(m.suspects, found.record.Topic)
		return true
	}
	m.forget(found.noted)
	r := found.record
	known := slices.ContainsFunc(m.rules, func(r2 rule) bool { return r2.covers(r.Topic, r.Key, r.Value, r.Time) })
	m.rules = append(m.rules, found)
	m.count.Store(int32(len(m.rules)))
	return !known
}

// Suspects returns the topics of whose records the next committer is to write
// each in a batch of its own, and forgets them.
func (m *Memory) Suspects() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := m.suspects
	m.suspects = nil
	return all
}

// Check returns an [Error] for a record that a broker refuses, as far as that is
// known.
func (m *Memory) Check(topic, key string, value []byte, at time.Time) error {
	if m == nil || m.count.Load() == 0 {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.forget(time.Now())
	for _, r := range m.rules {
		if r.covers(topic, []byte(key), value, at) {
			return &Error{Topic: topic, Err: r.err}
		}
	}
	return nil
}

// forget drops what is too old; mu is held.
func (m *Memory) forget(now time.Time) {
	m.rules = slices.DeleteFunc(m.rules, func(r rule) bool { return now.Sub(r.noted) > memory })
	m.count.Store(int32(len(m.rules)))
}

// wholeTopic reports whether the broker takes nothing at all for the topic.
func (r rule) wholeTopic() bool {
	for _, code := range []error{
		sarama.ErrTopicAuthorizationFailed, sarama.ErrInvalidTopic, sarama.ErrUnsupportedForMessageFormat, sarama.ErrUnsupportedCompressionType,
	} {
		if errors.Is(r.err, code) {
			return true
		}
	}
	return false
}

// covers reports whether a record is refused by the rule: one for that topic, and
// no smaller, or no better in time, or the very same.
func (r rule) covers(topic string, key, value []byte, at time.Time) bool {
	switch {
	case topic != r.record.Topic:
		return false
	case r.wholeTopic():
		return true
	case isSize(r.err):
		return len(key)+len(value) >= len(r.record.Key)+len(r.record.Value)
	case errors.Is(r.err, sarama.ErrInvalidTimestamp) && r.record.Time.Before(r.noted):
		return !at.After(r.record.Time)
	case errors.Is(r.err, sarama.ErrInvalidTimestamp):
		return !at.Before(r.record.Time)
	}
	return bytes.Equal(key, r.record.Key) && bytes.Equal(value, r.record.Value)
}
