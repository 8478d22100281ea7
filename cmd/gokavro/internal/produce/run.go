package produce

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/gokavro/gokavro/cmd/gokavro/internal/cluster"
	"github.com/gokavro/gokavro/cmd/gokavro/internal/progress"
	"github.com/gokavro/gokavro/topology/kafka"
)

// producing is one run of the command, all its inputs checked.
type producing struct {
	options
	headers []kafka.Header
	plan    *cluster.Plan
	in      *input
	key     keyer
	stderr  io.Writer
}

func (p *producing) run(ctx context.Context) (err error) {
	site, err := p.plan.Connect(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, site.Close()) }()
	if err := p.prepareTopic(ctx, site.Kafka); err != nil {
		return err
	}
	subject := p.topic + "-value"
	registered, err := site.Registry.Register(ctx, subject, p.in.schema.String())
	if err != nil {
		return err
	}
	named, err := newFrame(ctx, site.Registry, p.framing, subject, p.in.schema)
	if err != nil {
		return err
	}
	writer, err := kafka.NewWriter(site.Config)
	if err != nil {
		return err
	}
	started := time.Now()
	meter := progress.Start(p.stderr, "produced", p.in.count)
	err = p.write(ctx, writer, named, meter)
	meter.Stop()
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("interrupted: %s of %s records are in topic %s",
			progress.Thousands(meter.Done()), progress.Thousands(p.in.count), p.topic)
	}
	if err != nil {
		return fmt.Errorf("%s of %s records are in topic %s: %w",
			progress.Thousands(meter.Done()), progress.Thousands(p.in.count), p.topic, err)
	}
	took := time.Since(started)
	fmt.Fprintf(p.stderr, "produced %s records to %s in %s (%s/s), schema id %d\n",
		progress.Thousands(meter.Done()), p.topic, took.Round(time.Millisecond),
		progress.Thousands(progress.Rate(meter.Done(), took)), registered.ID)
	return nil
}

// prepareTopic makes sure that the topic is there and has the partition.
func (p *producing) prepareTopic(ctx context.Context, client *kafka.Client) error {
	count, err := client.Partitions(p.topic)
	missing := errors.Is(err, kafka.ErrTopicNotFound)
	switch {
	case missing && p.create == 0:
		return fmt.Errorf("%w, or give --create-topics N", err)
	case missing:
		count = p.create
	case err != nil:
		return err
	}
	if p.partition >= count {
		return fmt.Errorf("--partition %d: topic %s has %d partitions, numbered from 0", p.partition, p.topic, count)
	}
	if missing {
		_, err = client.CreateMissing(ctx, kafka.Topic{Name: p.topic, Partitions: p.create})
		return err
	}
	return nil
}

// write sends the file's records and waits until all are acknowledged. The
// first record that is refused ends it.
func (p *producing) write(ctx context.Context, writer *kafka.Writer, named frame, meter *progress.Meter) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	headers := slices.Concat(p.headers, named.headers)
	err := p.in.each(func(datum []byte) error {
		key, err := p.key(datum)
		if err != nil {
			return err
		}
		framed := make([]byte, 0, len(named.prefix)+len(datum)) // never nil, which would be a tombstone
		framed = append(append(framed, named.prefix...), datum...)
		record := kafka.Record{Topic: p.topic, Partition: p.partition, Key: key, Value: framed, Headers: headers}
		return writer.Write(ctx, record, func(_ kafka.Record, err error) {
			if err != nil {
				cancel()
				return
			}
			meter.Add(1)
		})
	})
	// A refused record is the cause of what ended the loop.
	if refused := writer.Close(); refused != nil {
		return refused
	}
	return err
}
