package backend

import (
	"context"

	"github.com/IBM/sarama"
	"github.com/lovoo/goka"

	"github.com/gokavro/gokavro/topology/kafka"
)

// producer is a goka.Producer that gives records the time and the partition
// that [Carry] put on them.
type producer struct {
	writer *kafka.Writer
	names  Names
}

// Emit sends a record without headers.
func (p *producer) Emit(topic, key string, value []byte) *goka.Promise {
	return p.EmitWithHeaders(topic, key, value, nil)
}

// EmitWithHeaders sends a record. The promise is kept once the brokers have
// it.
func (p *producer) EmitWithHeaders(topic, key string, value []byte, headers goka.Headers) *goka.Promise {
	promise, finish := goka.NewPromiseWithFinisher()
	record := kafka.Record{Topic: p.names.topic(topic), Key: []byte(key), Value: value}
	record.Time, record.Partition = carried(headers)
	for name, data := range headers {
		if name != timeHeader && name != partitionHeader {
			record.Headers = append(record.Headers, kafka.Header{Key: name, Value: data})
		}
	}
	// goka waits for its promises before it closes the producer, so the write
	// needs no other bound.
	err := p.writer.Write(context.Background(), record, func(sent kafka.Record, err error) {
		finish(&sarama.ProducerMessage{Topic: topic, Partition: sent.Partition, Offset: sent.Offset}, err)
	})
	if err != nil {
		return finish(nil, err)
	}
	return promise
}

// Close waits for everything in flight.
func (p *producer) Close() error { return p.writer.Close() }
