package chaos_test

import (
	"context"

	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/codecs/registry"
	"github.com/gokavro/gokavro/topology/kafka"
)

// reader reads what is visible of a scenario's topics.
type reader struct {
	ctx     context.Context
	client  *kafka.Client
	schemas *registry.Client
}

// inputs returns the increments that count, a partition each, in their order.
func (r reader) inputs(topic string) ([][]input, error) {
	found := make([][]input, partitions)
	err := readEach(r, topic, incrementCodec(), func(record kafka.Record, v Increment) {
		if v.passedOver() {
			return
		}
		found[record.Partition] = append(found[record.Partition], input{key: string(record.Key), id: v.ID, offset: record.Offset})
	})
	return found, err
}

// outputs returns what was put out, the records of a partition in their order.
func (r reader) outputs(topic string) ([]output, error) {
	var found []output
	err := readEach(r, topic, countedCodec(), func(record kafka.Record, v Counted) {
		found = append(found, output{Counted: v, key: string(record.Key), partition: record.Partition, offset: record.Offset})
	})
	return found, err
}

// table returns the last row of each key.
func (r reader) table(topic string) (map[string]Counter, error) {
	rows := map[string]Counter{}
	err := readEach(r, topic, counterCodec(), func(record kafka.Record, v Counter) { rows[string(record.Key)] = v })
	return rows, err
}

func (r reader) count(topic string) (n int64, err error) {
	err = r.client.Read(r.ctx, kafka.Query{Topic: topic, UntilEnd: true}, func(kafka.Record) error {
		n++
		return nil
	})
	return n, err
}

func readEach[T any](r reader, topic string, codec *avro.TypedCodec[T], each func(kafka.Record, T)) error {
	bound, _ := codec.Bind(avro.Binding{Registry: r.schemas, Subject: topic + "-value"}).(*avro.TypedCodec[T])
	return r.client.Read(r.ctx, kafka.Query{Topic: topic, UntilEnd: true}, func(record kafka.Record) error {
		var value T
		if err := bound.Read(record.Value, &value); err != nil {
			return err
		}
		each(record, value)
		return nil
	})
}
