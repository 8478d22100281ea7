package parking

import (
	"errors"
	"fmt"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokavro/gokavro/codecs"
	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/processors/dlq"
)

// Entry is a record that waits, as it was read.
type Entry struct {
	// Topic, Partition and Offset are where it was read first.
	Topic     string    `avro:"topic"`
	Partition int32     `avro:"partition"`
	Offset    int64     `avro:"offset"`
	Time      time.Time `avro:"time,timestamp-millis"`
	// Key and Value are nil for a record without one.
	Key     *[]byte      `avro:"key"`
	Value   *[]byte      `avro:"value"`
	Headers []dlq.Header `avro:"headers"`
	// Attempts is how often it was tried so far, Parked how many of these were since
	// it was parked.
	Attempts int32 `avro:"attempts"`
	Parked   int32 `avro:"parked"`
}

// NewEntry returns a record that was not tried yet.
func NewEntry(m *sarama.ConsumerMessage) *Entry {
	e := &Entry{Topic: m.Topic, Partition: m.Partition, Offset: m.Offset, Time: m.Timestamp, Headers: []dlq.Header{}}
	if m.Key != nil {
		e.Key = &m.Key
	}
	if m.Value != nil {
		e.Value = &m.Value
	}
	for _, h := range m.Headers {
		e.Headers = append(e.Headers, dlq.Header{Key: string(h.Key), Value: h.Value, NoValue: h.Value == nil})
	}
	return e
}

// Message returns the record as it was read.
func (e *Entry) Message() *sarama.ConsumerMessage {
	m := &sarama.ConsumerMessage{Topic: e.Topic, Partition: e.Partition, Offset: e.Offset, Timestamp: e.Time}
	if e.Key != nil {
		m.Key = *e.Key
	}
	if e.Value != nil {
		m.Value = *e.Value
	}
	for _, h := range e.Headers {
		header := &sarama.RecordHeader{Key: []byte(h.Key), Value: h.Value}
		if h.NoValue {
			header.Value = nil
		}
		m.Headers = append(m.Headers, header)
	}
	return m
}

// queue is what waits of one key: entries numbered from first up to and without
// next.
type queue struct {
	First int64     `avro:"first"`
	Next  int64     `avro:"next"`
	Due   time.Time `avro:"due,timestamp-millis"` // of the first
}

// form is the version of the rows' bytes, which every row begins with. They are
// Avro without a schema: only this package reads them.
const form = 1

// codec writes and reads one kind of row.
type codec[T any] struct{ plain codecs.Codec[T] }

func newCodec[T any](name string) codec[T] {
	return codec[T]{avro.Typed[T](avro.Plain(), avro.Namespace(dlq.Namespace), avro.Name(name))}
}

func (c codec[T]) encode(value *T) ([]byte, error) { return c.plain.Append([]byte{form}, value) }

func (c codec[T]) decode(row []byte, into *T) error {
	switch {
	case len(row) == 0:
		return errors.New("the row is empty")
	case row[0] != form:
		return fmt.Errorf("the row is of form %d, and this version knows form %d: run the version that wrote it", row[0], form)
	}
	return c.plain.Read(row[1:], into)
}
