package parking

import (
	"errors"
	"fmt"
	"time"

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
