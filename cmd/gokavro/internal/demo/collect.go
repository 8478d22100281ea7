package demo

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gokavro/gokavro/cmd/gokavro/internal/outfile"
	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/examples/flights"
	"github.com/gokavro/gokavro/topology/kafka"
)

const samples = 3

// collector reads what the topology writes. It is safe for concurrent use.
type collector struct {
	codec *avro.TypedCodec[flights.EnrichedFlight]
	file  *outfile.File // nil without --out
	moved chan struct{}

	mu        sync.Mutex
	enriched  int64
	dead      int64
	origins   map[string]bool
	samples   []string
	latencies []time.Duration
	last      time.Time
}

func newCollector(c *cluster, file *outfile.File) *collector {
	return &collector{
		codec: flights.EnrichedCodec(avro.Registry(c.registry)),
		file:  file, moved: make(chan struct{}, 1), origins: map[string]bool{},
	}
}

// start finds the present ends of the output topics, and returns a function
// that reads from there until its context ends. Records of earlier runs are
// left out that way.
func (c *collector) start(client *kafka.Client, o options) (func(context.Context) error, error) {
	handlers := map[string]func(kafka.Record) error{
		o.topic(flights.EnrichedTopic): c.takeEnriched,
		o.topic(flights.DeadLetters):   c.takeDead,
	}
	type reading struct {
		query  kafka.Query
		handle func(kafka.Record) error
	}
	var readings []reading
	for topic, handle := range handlers {
		count, err := client.Partitions(topic)
		if err != nil {
			return nil, err
		}
		for partition := range count {
			end, err := client.EndOffset(topic, partition, kafka.ReadCommitted)
			if err != nil {
				return nil, err
			}
			query := kafka.Query{Topic: topic, Partitions: []int32{partition}, From: kafka.At(end)}
			readings = append(readings, reading{query, handle})
		}
	}
	return func(ctx context.Context) error {
		group, ctx := errgroup.WithContext(ctx)
		for _, r := range readings {
			group.Go(func() error { return client.Read(ctx, r.query, r.handle) })
		}
		return group.Wait()
	}, nil
}

func (c *collector) takeEnriched(r kafka.Record) error {
	var flight flights.EnrichedFlight
	if err := c.codec.Read(r.Value, &flight); err != nil {
		return fmt.Errorf("reading %s/%d at offset %d: %w", r.Topic, r.Partition, r.Offset, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.file != nil {
		if err := c.file.Write(&flight); err != nil {
			return err
		}
	}
	if len(c.samples) < samples {
		if err := c.sample(r.Value); err != nil {
			return err
		}
	}
	c.enriched++
	c.origins[flight.Origin] = true
	c.last = time.Now()
	c.latencies = append(c.latencies, c.last.Sub(r.Time))
	c.notify()
	return nil
}

func (c *collector) sample(data []byte) error {
	_, datum, err := avro.SplitConfluent(data)
	if err != nil {
		return err
	}
	text, err := c.codec.Schema().JSON(datum)
	if err != nil {
		return err
	}
	c.samples = append(c.samples, string(text))
	return nil
}

func (c *collector) takeDead(kafka.Record) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dead++
	c.last = time.Now()
	c.notify()
	return nil
}

func (c *collector) notify() {
	select {
	case c.moved <- struct{}{}:
	default:
	}
}

func (c *collector) done() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.enriched + c.dead
}

// wait returns when n records are accounted for. It gives up when nothing
// moves for the stall time.
func (c *collector) wait(ctx context.Context, n int64, stall time.Duration, progress func(int64)) error {
	timer := time.NewTimer(stall)
	defer timer.Stop()
	for {
		done := c.done()
		progress(done)
		if done >= n {
			return nil
		}
		select {
		case <-c.moved:
			timer.Reset(stall)
		case <-timer.C:
			return fmt.Errorf("%d of %d records are accounted for, and nothing came for %s", done, n, stall)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
