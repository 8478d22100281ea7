package chaos_test

import (
	"context"
	"fmt"
	"hash"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/gokavro/gokavro/codecs/avro"
)

// feed writes increments at a steady pace, each exactly once: it is idempotent,
// waits for all replicas and never gives up, whatever happens to the broker.
// Its client is another than the one under test.
type feed struct {
	client  *kgo.Client
	codec   *avro.TypedCodec[Increment]
	topic   string
	keys    int
	place   func(key string) int32
	random  *rand.Rand
	written atomic.Int64 // increments that count
	once    sync.Once
	failed  error // of the first record that was not written
}

// newFeed makes a feed that chooses partitions by the hash that the workers use.
func newFeed(ctx context.Context, c *cluster, s *scenario) (*feed, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(c.brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerLinger(5*time.Millisecond), kgo.AlwaysRetryEOF())
	if err != nil {
		return nil, err
	}
	topic := s.topic(inputTopic)
	codec, _ := incrementCodec().Bind(avro.Binding{
		Registry: c.registry, Subject: topic + "-value", AutoRegister: true,
	}).(*avro.TypedCodec[Increment])
	if err := codec.Prepare(ctx); err != nil {
		client.Close()
		return nil, err
	}
	return &feed{
		client: client, codec: codec, topic: topic, keys: s.keys, random: s.random(feedStream),
		place: func(key string) int32 { return partitionOf(s.hasher(), key) },
	}, nil
}

// partitionOf is how sarama and goka choose a partition by a hash.
func partitionOf(hasher hash.Hash32, key string) int32 {
	_, _ = hasher.Write([]byte(key)) // never fails
	partition := int32(hasher.Sum32()) % partitions
	return max(partition, -partition)
}

// passOverEvery is how many increments come before one that is to be passed
// over.
const passOverEvery = 4

// run writes that many increments, and returns when all of them are there.
func (f *feed) run(ctx context.Context, increments, perSecond int) error {
	const perTick = 100 // ticks a second
	tick := time.NewTicker(time.Second / perTick)
	defer tick.Stop()
	began := time.Now()
	for next := 0; next < increments; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		due := int(time.Since(began).Seconds() * float64(perSecond))
		for ; next < min(due, increments); next++ {
			if err := f.writeNumber(ctx, int64(next)); err != nil {
				return err
			}
		}
	}
	if err := f.client.Flush(ctx); err != nil {
		return err
	}
	return f.failed
}

// writeNumber writes an increment, and behind some of them one that is to be
// passed over.
func (f *feed) writeNumber(ctx context.Context, id int64) error {
	err := f.write(ctx, id)
	if err == nil && id%passOverEvery == 0 {
		err = f.write(ctx, -1-id)
	}
	return err
}

func (f *feed) write(ctx context.Context, id int64) error {
	value, err := f.codec.Append(nil, &Increment{ID: id})
	if err != nil {
		return err
	}
	key := fmt.Sprintf("key-%05d", f.random.IntN(f.keys))
	record := &kgo.Record{Topic: f.topic, Partition: f.place(key), Key: []byte(key), Value: value}
	f.client.Produce(ctx, record, func(_ *kgo.Record, err error) {
		if err != nil {
			f.once.Do(func() { f.failed = fmt.Errorf("writing increment %d: %w", id, err) })
			return
		}
		if id >= 0 {
			f.written.Add(1)
		}
	})
	return nil
}
