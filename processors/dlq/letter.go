// Package dlq holds the record that a topology keeps of what it could not
// process.
package dlq

import "time"

// Namespace is the Avro namespace of Letter.
const Namespace = "gokavro"

// Letter is a dead letter: a record that could not be processed, as it was
// read, and why. It is written as Avro to the topic NAME-dead-letters under
// the record's key.
type Letter struct {
	Topic     string    `avro:"topic"`
	Partition int32     `avro:"partition"`
	Offset    int64     `avro:"offset"`
	Time      time.Time `avro:"time,timestamp-millis"` // the record's timestamp
	Key       []byte    `avro:"key"`
	// Value holds the original bytes, nil for a record without a value.
	Value   *[]byte  `avro:"value"`
	Headers []Header `avro:"headers"`
	// Step is the input that was being decoded or the step that failed.
	Step  string `avro:"step"`
	Error string `avro:"error"`
}

// Header is a header of the record.
type Header struct {
	Key   string `avro:"key"`
	Value []byte `avro:"value"`
}
