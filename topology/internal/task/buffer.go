package task

import (
	"time"

	"github.com/gokavro/gokavro/topology/kafka"
)

// buffer holds what finished units did and no commit has taken yet. Its
// owner's lock guards it.
type buffer struct {
	records []*kafka.Record
	rows    map[rowKey]*kafka.Record // a change of a row, the last of each key
	offsets map[string]int64         // by topic, the offset to go on from
	counts  Counts
	outputs int // records of units, also those that were written ahead
	units   int
	alarms  int // of the units
	bytes   int
}

type rowKey struct{ table, key string }

func newBuffer() *buffer {
	return &buffer{rows: map[rowKey]*kafka.Record{}, offsets: map[string]int64{}}
}

func (b *buffer) empty() bool { return b.units == 0 }

// add takes a finished unit in.
func (b *buffer) add(u *Unit) {
	b.records = append(b.records, u.outputs...)
	if u.offset != noOffset && !u.alarm {
		b.offsets[u.topic] = max(b.offsets[u.topic], u.offset+1)
	}
	b.counts.add(u.counts)
	b.outputs += len(u.outputs)
	b.units++
	if u.alarm {
		b.alarms++
	}
	b.bytes += u.size()
}

// change notes that a row was set, for its changelog; nil deletes.
func (b *buffer) change(to place, at rowKey, row []byte, when time.Time) {
	record := b.rows[at]
	if record == nil {
		record = &kafka.Record{Topic: to.topic, Partition: to.partition, Key: []byte(at.key)}
		b.rows[at] = record
	}
	record.Time, record.Value = writable(when), row
}

type place struct {
	topic     string
	partition int32
}

// all returns outputs and changes.
func (b *buffer) all() []*kafka.Record {
	for _, record := range b.rows {
		b.records = append(b.records, record)
	}
	return b.records
}
