package deadletters

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gokavro/gokavro/codecs"
	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/processors/dlq"
	"github.com/gokavro/gokavro/topology/kafka"
)

// marks are the last marks of all letters that have one.
type marks map[Place]dlq.Mark

// of returns what has become of a letter, and when.
func (m marks) of(l *Letter) (dlq.State, time.Time) {
	found, ok := m[l.Place]
	if !ok || found.Topic != l.Topic || found.RecordPartition != l.Partition || found.RecordOffset != l.Offset {
		return dlq.Open, time.Time{}
	}
	return found.State, found.Time
}

// marks reads all marks up to the last stable offset; none where the topic is
// not there yet.
func (c Config) marks(ctx context.Context) (marks, error) {
	topic := c.graph().DeadLetterMarks()
	codec := markCodec(c.binding(topic))
	found := marks{}
	err := c.Kafka.Read(ctx, kafka.Query{Topic: topic, UntilEnd: true}, func(r kafka.Record) error {
		if r.Value == nil {
			return nil
		}
		var m dlq.Mark
		if err := codec.Read(r.Value, &m); err != nil {
			return fmt.Errorf("deadletters: reading a mark of topic %s at offset %d: %w", topic, r.Offset, err)
		}
		found[Place{m.Partition, m.Offset}] = m
		return nil
	})
	if errors.Is(err, kafka.ErrTopicNotFound) {
		return found, nil
	}
	return found, err
}

// markRecord returns the record of a letter's mark.
func markRecord(codec codecs.Codec[dlq.Mark], topic string, l *Letter, m dlq.Mark) (*kafka.Record, error) {
	m.Partition, m.Offset = l.Place.Partition, l.Place.Offset
	m.Topic, m.RecordPartition, m.RecordOffset = l.Topic, l.Partition, l.Offset
	data, err := codec.Append(nil, &m)
	if err != nil {
		return nil, fmt.Errorf("deadletters: marking the letter %s: %w", l.Place, err)
	}
	// The topic has one partition: all that was marked is read from one place.
	return &kafka.Record{Topic: topic, Partition: 0, Key: []byte(l.Place.String()), Value: data, Time: m.Time}, nil
}

func markCodec(b avro.Binding) codecs.Codec[dlq.Mark] {
	codec, _ := avro.Typed[dlq.Mark](avro.Namespace(dlq.Namespace), avro.Name("DeadLetterMark")).Bind(b).(codecs.Codec[dlq.Mark])
	return codec
}
