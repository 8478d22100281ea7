package kafka

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/IBM/sarama"
)

// Isolation says what a reader sees of transactions: Kafka's isolation.level.
type Isolation string

const (
	// ReadCommitted hides the records of aborted transactions and ends before the
	// first open one. It is the default.
	ReadCommitted Isolation = "read_committed"
	// ReadUncommitted shows every record as soon as it is written, also those of
	// transactions that are aborted later.
	ReadUncommitted Isolation = "read_uncommitted"
)

// ParseIsolation reads "read_committed" or "read_uncommitted".
func ParseIsolation(s string) (Isolation, error) {
	iso := Isolation(s)
	if iso != ReadCommitted && iso != ReadUncommitted {
		return "", fmt.Errorf("kafka: isolation %q: use %s or %s", s, ReadCommitted, ReadUncommitted)
	}
	return iso, nil
}

// level returns sarama's word for it; the zero value counts as read_committed.
func (i Isolation) level() (sarama.IsolationLevel, error) {
	if i == "" {
		return sarama.ReadCommitted, nil
	}
	if _, err := ParseIsolation(string(i)); err != nil {
		return 0, err
	}
	if i == ReadUncommitted {
		return sarama.ReadUncommitted, nil
	}
	return sarama.ReadCommitted, nil
}

type positionKind int

const (
	atBeginning positionKind = iota
	atEnd
	atOffset
	atTime
)

// Position is a place in each partition of a topic. Its zero value is the
// beginning.
type Position struct {
	kind   positionKind
	offset int64
	time   time.Time
}

// Beginning is the oldest record that the cluster still has.
func Beginning() Position { return Position{} }

// End is behind the newest record.
func End() Position { return Position{kind: atEnd} }

// At is the record with this offset.
func At(offset int64) Position { return Position{kind: atOffset, offset: offset} }

// Since is the first record whose time is t or later, to the millisecond, and
// the end if there is none.
func Since(t time.Time) Position { return Position{kind: atTime, time: t.Round(0)} }

// ParsePosition reads what [Position.String] writes: "beginning", "end",
// "offset:N" or "time:RFC3339".
func ParsePosition(s string) (Position, error) {
	switch s {
	case "beginning":
		return Beginning(), nil
	case "end":
		return End(), nil
	}
	word, rest, _ := strings.Cut(s, ":")
	switch word {
	case "offset":
		if n, err := strconv.ParseUint(rest, 10, 63); err == nil {
			return At(int64(n)), nil
		}
		return Position{}, fmt.Errorf("kafka: position %q: the offset must be a number of 0 or more", s)
	case "time":
		if t, err := time.Parse(time.RFC3339, rest); err == nil {
			return Since(t), nil
		}
		return Position{}, fmt.Errorf("kafka: position %q: write the time like 2006-01-02T15:04:05Z", s)
	}
	return Position{}, fmt.Errorf("kafka: position %q: use beginning, end, offset:N or time:2006-01-02T15:04:05Z", s)
}

// String returns the position as [ParsePosition] reads it.
func (p Position) String() string {
	switch p.kind {
	case atEnd:
		return "end"
	case atOffset:
		return "offset:" + strconv.FormatInt(p.offset, 10)
	case atTime:
		return "time:" + p.time.Format(time.RFC3339Nano)
	}
	return "beginning"
}

// millis returns the time in Kafka's unit, rounded up so that no earlier record
// of the same millisecond is taken along. Times before 1970 count as 1970:
// Kafka gives negative ones a meaning of their own.
func (p Position) millis() int64 {
	return max(p.time.Add(time.Millisecond-time.Nanosecond).UnixMilli(), 0)
}
