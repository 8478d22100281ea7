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

const (
	// memory is how long a refusal is taken for granted. After it a broker is asked
	// again, as somebody may have changed the topic or the rights.
	memory = 5 * time.Minute
	// fickle is how many different records are refused for their contents until all
	// that come from the same one are.
	fickle = 3
)

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
	// suspects are topics whose next records are to be written singly, and unnamed
	// those of which a batch was refused and nobody said which record of it.
	suspects []string
	unnamed  map[string]bool
}

// rule says which records a broker refuses.
type rule struct {
	record kafka.Record // that was refused; its Offset is [task.Output.From]
	err    error
	noted  time.Time
	fickle bool // whether what its input writes is another record at each try
}

// Note takes in what a broker has refused, and reports whether that is news.
func (m *Memory) Note(refused *txn.RefusedError) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	found := rule{record: *refused.Record, err: refused.Err, noted: time.Now()}
	topic := found.record.Topic
	if !refused.Alone && !found.wholeTopic() {
		if m.unnamed == nil {
			m.unnamed = map[string]bool{}
		}
		m.unnamed[topic] = true
		m.suspects = append(m.suspects, topic)
		return true
	}
	if m.unnamed[topic] {
		m.suspects = append(m.suspects, topic) // what it was written with may hold another one
	}
	m.forget(found.noted)
	known := slices.ContainsFunc(m.rules, func(r rule) bool { return r.covers(&found.record) })
	if found.isContents() {
		found.fickle = m.renew(found) >= fickle-1
	}
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

// renew keeps what is known of a topic's contents for as long as there is news of
// them, however many records are refused one after the other. It returns how many
// of the rules are about what the same input writes; mu is held.
func (m *Memory) renew(news rule) (alike int) {
	for i := range m.rules {
		r := &m.rules[i]
		if !r.isContents() || r.record.Topic != news.record.Topic {
			continue
		}
		r.noted = news.noted
		if r.isOfSame(&news.record) {
			alike++
		}
	}
	return alike
}

// Empty reports whether nothing is known to be refused.
func (m *Memory) Empty() bool { return m == nil || m.count.Load() == 0 }

// Check returns an [Error] for a record that a broker refuses, as far as that is
// known. Its Offset is [task.Output.From].
func (m *Memory) Check(record *kafka.Record) error {
	if m.Empty() {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.forget(time.Now())
	for _, r := range m.rules {
		if r.covers(record) {
			return &Error{Topic: record.Topic, Err: r.err}
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

// isContents reports whether it is neither for its topic, nor for its size or time
// that the record was refused.
func (r rule) isContents() bool {
	return !r.wholeTopic() && !isSize(r.err) && !errors.Is(r.err, sarama.ErrInvalidTimestamp)
}

// covers reports whether a record is refused by the rule: one for that topic, and
// no smaller, or no better in time, or the very same, or what is in its place.
func (r rule) covers(other *kafka.Record) bool {
	switch {
	case other.Topic != r.record.Topic:
		return false
	case r.wholeTopic():
		return true
	case isSize(r.err):
		return len(other.Key)+len(other.Value) >= len(r.record.Key)+len(r.record.Value)
	case errors.Is(r.err, sarama.ErrInvalidTimestamp) && r.record.Time.Before(r.noted):
		return !other.Time.After(r.record.Time)
	case errors.Is(r.err, sarama.ErrInvalidTimestamp):
		return !other.Time.Before(r.record.Time)
	case r.fickle:
		return r.isOfSame(other)
	}
	return bytes.Equal(other.Key, r.record.Key) && bytes.Equal(other.Value, r.record.Value)
}

// isOfSame reports whether the same input wrote both records. A row has no input
// but its key.
func (r rule) isOfSame(other *kafka.Record) bool {
	return other.Offset == r.record.Offset && (other.Offset != 0 || bytes.Equal(other.Key, r.record.Key))
}
