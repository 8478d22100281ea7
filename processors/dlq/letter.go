// Package dlq holds the record that a topology keeps of what it could not
// process.
package dlq

import "time"

// Namespace is the Avro namespace of Letter.
const Namespace = "gokavro"

// Name is the name of Letter's schema.
const Name = "DeadLetter"

// Unknown is a position or a schema's id that is not known.
const Unknown = -1

// Letter is a dead letter: a record that could not be processed, as it was
// read, and why. It is written as Avro to the topic NAME-dead-letters under
// the record's key. Fields that letters of older versions lack have defaults, so
// that all versions read each other's.
type Letter struct {
	Topic     string    `avro:"topic"`
	Partition int32     `avro:"partition"`
	Offset    int64     `avro:"offset"`
	Time      time.Time `avro:"time,timestamp-millis"` // the record's timestamp
	// Key holds the original bytes, none for a record without a key: see NoKey.
	Key []byte `avro:"key"`
	// Value holds the original bytes, nil for a record without a value.
	Value *[]byte `avro:"value"`
	// Headers are in the record's order.
	Headers []Header `avro:"headers"`
	// Step is the input that was being decoded, the step that failed, or the
	// output or store whose record was refused.
	Step  string `avro:"step"`
	Error string `avro:"error"`
	// Attempts is how often the record was tried, the first time among them.
	Attempts int32 `avro:"attempts,default=1"`
	// Field is the dotted path of the field that could not be decoded, empty when
	// it is not known.
	Field string `avro:"field,default="`
	// Position is the byte of Value at which decoding met the fault, from 0.
	Position int64 `avro:"position,default=-1"`
	// WriterSchema and ReaderSchema are the ids in the registry of the schema that
	// the record names and of that which the input reads it as.
	WriterSchema int64 `avro:"writer_schema,default=-1"`
	ReaderSchema int64 `avro:"reader_schema,default=-1"`
	// Version is the version of the binary that gave up: its module's, and the
	// revision it was built from.
	Version string `avro:"version,default="`
	// NoKey tells a record without a key from one whose key is empty.
	NoKey bool `avro:"no_key,default=false"`
	// FailedAt is when it gave up, 1970 in letters of older versions.
	FailedAt time.Time `avro:"failed_at,timestamp-millis,default=0"`
}

// Header is a header of the record. Kafka allows several of one key.
type Header struct {
	Key   string `avro:"key"`
	Value []byte `avro:"value"`
	// NoValue tells a header without a value from one whose value is empty.
	NoValue bool `avro:"no_value,default=false"`
}
