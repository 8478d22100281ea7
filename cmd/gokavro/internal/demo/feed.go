package demo

import (
	"context"
	"errors"

	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/codecs/registry"
	"github.com/gokavro/gokavro/topology/kafka"
)

// feed writes every value of a source to a topic under the key that keyOf
// gives, and returns when the brokers have all of them.
func feed[T any](ctx context.Context, c *cluster, s source, to target[T]) (err error) {
	codec, ok := to.codec.Bind(avro.Binding{
		Registry: c.registry, Subject: to.topic + "-value", AutoRegister: true,
	}).(*avro.TypedCodec[T])
	if !ok {
		return errors.New("demo: a bound codec changed its type")
	}
	if err := codec.Prepare(ctx); err != nil {
		return err
	}
	writer, err := kafka.NewWriter(c.kafka.Config())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, writer.Close()) }()
	return each(s, to.codec, func(value *T) error {
		data, err := codec.Append(nil, value)
		if err != nil {
			return err
		}
		return writer.Write(ctx, kafka.Record{Topic: to.topic, Partition: -1, Key: []byte(to.key(value)), Value: data}, nil)
	})
}

// target is a topic that values of type T are fed to.
type target[T any] struct {
	topic string
	codec *avro.TypedCodec[T]
	key   func(*T) string
}

// cluster is where the demo runs.
type cluster struct {
	kafka    *kafka.Client
	registry *registry.Client
}
