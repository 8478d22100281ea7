package dlq

import "time"

// State is what has become of a dead letter.
type State string

// The states of dead letters.
const (
	// Open is a letter that nothing was done about.
	Open State = "open"
	// Replayed is one that was written to the retry topic.
	Replayed State = "replayed"
	// Dropped is one that is not to be replayed.
	Dropped State = "dropped"
)

// Mark says what has become of a dead letter. It is written as Avro to the
// compacted topic NAME-dead-letters-marks, the last one of a letter counts.
type Mark struct {
	// Partition and Offset are the letter's place in NAME-dead-letters.
	Partition int32 `avro:"partition"`
	Offset    int64 `avro:"offset"`
	// Topic, RecordPartition and RecordOffset are where the letter's record came
	// from: a mark does not count for another letter that has taken the place in a
	// topic that was made anew.
	Topic           string    `avro:"topic"`
	RecordPartition int32     `avro:"record_partition"`
	RecordOffset    int64     `avro:"record_offset"`
	State           State     `avro:"state"`
	Fixed           bool      `avro:"fixed"` // whether the record was replayed with a change
	Time            time.Time `avro:"time,timestamp-millis"`
}
