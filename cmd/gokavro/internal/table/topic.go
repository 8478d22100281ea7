package table

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/gokavro/gokavro/topology/kafka"
)

// topic is a table in Kafka.
type topic struct {
	options
	client *kafka.Client
}

func (t *topic) one(ctx context.Context) (rows []kafka.Record, where string, err error) {
	partitions, err := t.client.Partitions(t.topic)
	if err != nil {
		return nil, "", err
	}
	where = fmt.Sprintf("any of the %d partitions", partitions)
	chosen := numbers(partitions)
	if !t.everywhere {
		hasher := kafka.NewHasher()
		_, _ = hasher.Write([]byte(t.key)) // returns no error
		chosen = []int32{int32(hasher.Sum32() % uint32(partitions))}
		where = fmt.Sprintf("partition %d: --all-partitions looks in the other ones", chosen[0])
	}
	rows, err = t.rows(ctx, chosen)
	return rows, where, err
}

func (t *topic) all(ctx context.Context) ([]kafka.Record, error) {
	partitions, err := t.client.Partitions(t.topic)
	if err != nil {
		return nil, err
	}
	return t.rows(ctx, numbers(partitions))
}

func numbers(partitions int32) []int32 {
	list := make([]int32, partitions)
	for i := range list {
		list[i] = int32(i)
	}
	return list
}

// rows returns the last record of each key, partition after partition.
func (t *topic) rows(ctx context.Context, partitions []int32) ([]kafka.Record, error) {
	var rows []kafka.Record
	for _, partition := range partitions {
		first, err := t.client.Offset(t.topic, partition, kafka.Beginning())
		if err != nil {
			return nil, err
		}
		end, err := t.client.EndOffset(t.topic, partition, kafka.ReadCommitted)
		if err != nil {
			return nil, err
		}
		last := map[string]kafka.Record{}
		part := kafka.Range{Topic: t.topic, Partition: partition, From: first, To: end}
		if err := t.client.ReadBulk(ctx, part, func(piece kafka.Bulk) error {
			t.keep(last, piece.Records)
			return nil
		}); err != nil {
			return nil, err
		}
		rows = slices.AppendSeq(rows, maps.Values(last))
	}
	return rows, nil
}

// keep takes the records that are asked for, without the memory of the whole
// piece.
func (t *topic) keep(last map[string]kafka.Record, records []kafka.Record) {
	for _, record := range records {
		key := string(record.Key)
		switch {
		case record.Key == nil || !t.keys.holds(key):
		case record.Value == nil:
			delete(last, key)
		default:
			record.Key, record.Value = bytes.Clone(record.Key), bytes.Clone(record.Value)
			last[key] = record
		}
	}
}
