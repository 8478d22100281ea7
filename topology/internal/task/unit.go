package task

import (
	"math"
	"time"

	"github.com/gokavro/gokavro/topology/kafka"
)

// Unit is what one record did: outputs, rows and the offset to go on from. A
// unit is handed to the next commit whole, when its record is done and all
// units before it are; the unit of a record that fails is dropped. It is used
// by the goroutine of its record's callback.
type Unit struct {
	topic  string
	offset int64 // noOffset for a visit, which comes from no topic
	time   time.Time
	alarm  bool // it is an alarm's: offset is no place in a topic

	counts  Counts
	outputs []*kafka.Record
	writes  []write
	reads   []read
	done    bool
}

const noOffset = -1

// Counts are how records that failed were dealt with.
type Counts struct {
	DeadLetters int // kept as dead letters
	Skipped     int // left out
	Parked      int // parked for another try
}

func (c *Counts) add(more Counts) {
	c.DeadLetters += more.DeadLetters
	c.Skipped += more.Skipped
	c.Parked += more.Parked
}

// entry is a row as it is kept in memory.
type entry struct {
	row   []byte
	value any // decoded, nil when it is not known
}

// read is a row that a record has taken, to give back when it did not set it.
type read struct {
	table, key string
	entry
}

// write is a row that a record has set.
type write struct {
	table string
	key   string
	row   []byte // nil deletes
	value any    // the row's decoded value, nil when it is not known
}

// Output is a record that a unit writes to a topic.
type Output struct {
	Topic string
	// Partition is the record's partition, less than 0 when the key decides.
	Partition int32
	Key       string
	// Value is nil for a tombstone.
	Value []byte
	// Time is the record's timestamp; the zero time is that of the commit.
	Time    time.Time
	Headers []kafka.Header
	// From is the place of the record that it comes from, see [From]; 0 is not known.
	From int64
}

// From makes one number of a record's place in its topic.
func From(partition int32, offset int64) int64 {
	const most = 1<<48 - 1
	return int64(partition)<<48 | (offset+1)&most
}

// Emit adds a record to what the unit writes. Until that is written, its Offset is
// [Output.From], by which a broker's refusal finds back.
func (u *Unit) Emit(o Output) {
	u.outputs = append(u.outputs, &kafka.Record{
		Topic: o.Topic, Partition: max(o.Partition, -1), Key: []byte(o.Key), Value: o.Value,
		Time: writable(o.Time), Headers: o.Headers, Offset: o.From,
	})
}

// writable returns a time that a record can be written with: the zero time, for
// that of the commit, in place of one before 1970 or after 2262. An input may
// have any.
func writable(at time.Time) time.Time {
	if at.Before(time.UnixMilli(0)) || at.After(time.Unix(0, math.MaxInt64)) {
		return time.Time{}
	}
	return at
}

// set stages a row; the last one of a key counts.
func (u *Unit) set(w write) {
	for i := range u.writes {
		if u.writes[i].table == w.table && u.writes[i].key == w.key {
			u.writes[i] = w
			return
		}
	}
	u.writes = append(u.writes, w)
}

// get returns what the unit has set, and whether it has.
func (u *Unit) get(table, key string) (write, bool) {
	for _, w := range u.writes {
		if w.table == table && w.key == key {
			return w, true
		}
	}
	return write{}, false
}

// size is about the memory that the unit holds, in bytes.
func (u *Unit) size() int {
	total := unitOverhead
	for _, out := range u.outputs {
		total += recordOverhead + len(out.Key) + len(out.Value)
	}
	for _, w := range u.writes {
		total += len(w.key) + len(w.row)
	}
	return total
}

const (
	unitOverhead   = 64
	recordOverhead = 256
)
