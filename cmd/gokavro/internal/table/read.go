package table

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gokavro/gokavro/cmd/gokavro/internal/consume"
	"github.com/gokavro/gokavro/topology/kafka"
)

// keyRange is which keys are asked for.
type keyRange struct {
	prefix, from string
	to           string // "" is no bound
}

func (k keyRange) holds(key string) bool {
	return key >= k.from && (k.to == "" || key < k.to) && strings.HasPrefix(key, k.prefix)
}

// reader reads the rows of one table.
type reader struct {
	options
	client *kafka.Client
	lines  *consume.Lines
}

// get prints the row of the key.
func (r *reader) get(cmd *cobra.Command) error {
	partitions, err := r.client.Partitions(r.topic)
	if err != nil {
		return err
	}
	where := fmt.Sprintf("any of the %d partitions", partitions)
	chosen := all(partitions)
	if !r.everywhere {
		hasher := kafka.NewHasher()
		_, _ = hasher.Write([]byte(r.key)) // returns no error
		chosen = []int32{int32(hasher.Sum32() % uint32(partitions))}
		where = fmt.Sprintf("partition %d: --all-partitions looks in the other ones", chosen[0])
	}
	rows, err := r.rows(cmd.Context(), chosen)
	if err != nil {
		return err
	}
	if len(rows) == 0 {
		return fmt.Errorf("table %s has no row of key %q in %s", r.topic, r.key, where)
	}
	return r.print(cmd.Context(), rows)
}

// scan prints the rows that are asked for.
func (r *reader) scan(cmd *cobra.Command) error {
	partitions, err := r.client.Partitions(r.topic)
	if err != nil {
		return err
	}
	rows, err := r.rows(cmd.Context(), all(partitions))
	if err != nil {
		return err
	}
	slices.SortStableFunc(rows, func(a, b kafka.Record) int { return bytes.Compare(a.Key, b.Key) })
	if r.limit > 0 {
		rows = rows[:min(r.limit, int64(len(rows)))]
	}
	return r.print(cmd.Context(), rows)
}

func all(partitions int32) []int32 {
	list := make([]int32, partitions)
	for i := range list {
		list[i] = int32(i)
	}
	return list
}

// rows returns the last record of each key, partition after partition.
func (r *reader) rows(ctx context.Context, partitions []int32) ([]kafka.Record, error) {
	var rows []kafka.Record
	for _, partition := range partitions {
		first, err := r.client.Offset(r.topic, partition, kafka.Beginning())
		if err != nil {
			return nil, err
		}
		end, err := r.client.EndOffset(r.topic, partition, kafka.ReadCommitted)
		if err != nil {
			return nil, err
		}
		last := map[string]kafka.Record{}
		part := kafka.Range{Topic: r.topic, Partition: partition, From: first, To: end}
		if err := r.client.ReadBulk(ctx, part, func(piece kafka.Bulk) error {
			r.keep(last, piece.Records)
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
func (r *reader) keep(last map[string]kafka.Record, records []kafka.Record) {
	for _, record := range records {
		key := string(record.Key)
		switch {
		case record.Key == nil || !r.keys.holds(key):
		case record.Value == nil:
			delete(last, key)
		default:
			record.Key, record.Value = bytes.Clone(record.Key), bytes.Clone(record.Value)
			last[key] = record
		}
	}
}

func (r *reader) print(ctx context.Context, rows []kafka.Record) error {
	for _, row := range rows {
		if err := r.lines.Write(ctx, row); err != nil {
			return err
		}
	}
	return r.lines.Close()
}
