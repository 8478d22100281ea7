package task

import (
	"time"

	"github.com/IBM/sarama"
)

// buffer holds what finished units did and no commit has taken yet. Its
// owner's lock guards it.
type buffer struct {
	messages []*sarama.ProducerMessage
	rows     map[rowKey]*sarama.ProducerMessage // a change of a row, the last of each key
	offsets  map[string]int64                   // by topic, the offset to go on from
	units    int
	bytes    int
}

type rowKey struct{ table, key string }

func newBuffer() *buffer {
	return &buffer{rows: map[rowKey]*sarama.ProducerMessage{}, offsets: map[string]int64{}}
}

func (b *buffer) empty() bool { return b.units == 0 }

// add takes a finished unit in.
func (b *buffer) add(u *Unit) {
	b.messages = append(b.messages, u.outputs...)
	if u.offset != noOffset {
		b.offsets[u.topic] = max(b.offsets[u.topic], u.offset+1)
	}
	b.units++
	b.bytes += u.size()
}

// change notes that a row was set, for its changelog; nil deletes.
func (b *buffer) change(to place, at rowKey, row []byte, when time.Time) {
	message := b.rows[at]
	if message == nil {
		message = &sarama.ProducerMessage{Topic: to.topic, Partition: to.partition, Key: sarama.StringEncoder(at.key)}
		b.rows[at] = message
	}
	message.Timestamp = when
	message.Value = nil
	if row != nil {
		message.Value = sarama.ByteEncoder(row)
	}
}

type place struct {
	topic     string
	partition int32
}

// all returns outputs and changes.
func (b *buffer) all() []*sarama.ProducerMessage {
	for _, message := range b.rows {
		b.messages = append(b.messages, message)
	}
	return b.messages
}
