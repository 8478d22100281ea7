package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/topology/kafka"
)

const topic = "users"

// produce writes all users to the topic, keyed by id, and returns the offset
// of the first one.
func produce(ctx context.Context, cfg kafka.Config, codec *avro.TypedCodec[User], all []User) (first int64, err error) {
	writer, err := kafka.NewWriter(cfg)
	if err != nil {
		return 0, err
	}
	first = -1
	written := func(r kafka.Record, err error) {
		if err == nil && first < 0 {
			first = r.Offset
		}
	}
	for i := range all {
		value, err := codec.Encode(&all[i])
		if err != nil {
			return 0, errors.Join(err, writer.Close())
		}
		key := strconv.Itoa(int(all[i].ID))
		record := kafka.Record{Topic: topic, Partition: -1, Key: []byte(key), Value: value}
		if err := writer.Write(ctx, record, written); err != nil {
			return 0, errors.Join(err, writer.Close())
		}
	}
	err = writer.Close() // waits for the records, so first is final
	return first, err
}

// consume reads from a position to the end that the topic has now.
func consume(ctx context.Context, client *kafka.Client, codec *avro.TypedCodec[User], from kafka.Position) ([]User, error) {
	var got []User
	err := client.Read(ctx, kafka.Query{Topic: topic, From: from, UntilEnd: true}, func(r kafka.Record) error {
		var user User
		if err := codec.Read(r.Value, &user); err != nil {
			return fmt.Errorf("users: record at offset %d: %w", r.Offset, err)
		}
		got = append(got, user)
		return nil
	})
	return got, err
}
