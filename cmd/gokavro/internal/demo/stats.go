package demo

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/examples/flights"
	"github.com/gokavro/gokavro/topology/kafka"
)

// report reads the table that the topology keeps, writes the files and prints
// the result.
func (d *demo) report(ctx context.Context, r result) (err error) {
	if r.stats, err = d.readStats(ctx); err != nil {
		return explain(ctx, err)
	}
	if err := d.out.commit(r.stats); err != nil {
		return err
	}
	write := r.writeText
	if d.o.json {
		write = r.writeJSON
	}
	if err := write(d.stdout); err != nil {
		return fmt.Errorf("writing the result: %w", err)
	}
	return r.complete()
}

// readStats returns the last value of each key of the table, by key.
func (d *demo) readStats(ctx context.Context) ([]flights.AirportStats, error) {
	topic := d.o.topic(flights.StatsTopic)
	codec := flights.StatsCodec(avro.Registry(d.registry), avro.Subject(topic+"-value"))
	rows := map[string]flights.AirportStats{}
	err := d.kafka.Read(ctx, kafka.Query{Topic: topic, UntilEnd: true}, func(r kafka.Record) error {
		if r.Value == nil {
			delete(rows, string(r.Key))
			return nil
		}
		var row flights.AirportStats
		if err := codec.Read(r.Value, &row); err != nil {
			return fmt.Errorf("reading %s/%d at offset %d: %w", r.Topic, r.Partition, r.Offset, err)
		}
		rows[string(r.Key)] = row
		return nil
	})
	stats := make([]flights.AirportStats, 0, len(rows))
	for _, row := range rows {
		stats = append(stats, row)
	}
	slices.SortFunc(stats, func(a, b flights.AirportStats) int { return cmp.Compare(a.IATA, b.IATA) })
	return stats, err
}
