package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/IBM/sarama"
	"golang.org/x/sync/errgroup"
)

// ErrStop is what a handler returns to end [Client.Read] early without an error.
var ErrStop = errors.New("kafka: stop reading")

// Record is one record of a topic.
type Record struct {
	// Topic is the topic's name.
	Topic string
	// Partition is the partition's number. In [Writer.Write] less than 0 means
	// that the key decides.
	Partition int32
	// Offset is the record's place in its partition. [Writer.Write] ignores it.
	Offset int64
	// Time is the record's timestamp, to the millisecond.
	Time time.Time
	// Key is the key's bytes; nil is no key, which is not the same as an empty one.
	Key []byte
	// Value is the value's bytes; nil is a tombstone, which is not the same as an
	// empty value.
	Value []byte
	// Headers are the record's headers in their order.
	Headers []Header
}

// Header is one header of a record. A record can have several with one key.
type Header struct {
	// Key is the header's name.
	Key string
	// Value is the header's bytes.
	Value []byte
}

// Query says what [Client.Read] reads.
type Query struct {
	// Topic is the topic to read. It must exist.
	Topic string
	// Partitions are the partitions to read; none means all of them.
	Partitions []int32
	// From is where each partition is read from. The default is the beginning.
	From Position
	// UntilEnd ends the reading at the ends that the partitions have at the start.
	// Otherwise it goes on until its context ends.
	UntilEnd bool
	// Isolation is what is seen of transactions. The default is [ReadCommitted].
	Isolation Isolation
	// Interrupted is called at each fault that the reading goes on from by itself,
	// from several goroutines. It may be nil.
	Interrupted func(error)
}

// Read hands the records of a topic to handle, which is called from one
// goroutine and sees the records of each partition in their order. With
// Query.UntilEnd it returns nil when every partition has reached the last
// record that was visible at the start, and ctx's error if that ends before.
// Without, it goes on until ctx ends and then returns nil. It outlasts changes
// of the leaders and broken connections.
//
// An error of handle ends it and is returned, but [ErrStop] is returned as nil.
// A topic that does not exist is an [ErrTopicNotFound].
func (c *Client) Read(ctx context.Context, q Query, handle func(Record) error) error {
	err := c.read(ctx, q, handle)
	if errors.Is(err, ErrStop) {
		return nil
	}
	if ended := ctx.Err(); ended == nil || !errors.Is(err, ended) {
		return err
	}
	if !q.UntilEnd {
		return nil
	}
	return fmt.Errorf("kafka: reading topic %q: %w", q.Topic, ctx.Err())
}

func (c *Client) read(ctx context.Context, q Query, handle func(Record) error) error {
	level, err := q.Isolation.level()
	if err != nil {
		return err
	}
	spans, err := c.spans(ctx, q, level)
	if err != nil || len(spans) == 0 {
		return err
	}
	consumer, err := c.newConsumer(ctx, level)
	if err != nil {
		return fmt.Errorf("kafka: reading topic %q: %w", q.Topic, err)
	}
	defer consumer.close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	group, reading := errgroup.WithContext(ctx)
	records := make(chan Record, recordsAhead)
	for _, s := range spans {
		f := follower{client: c, consumer: consumer, level: level, span: s, out: records, interrupted: q.Interrupted}
		group.Go(func() error { return f.run(reading) })
	}
	followed := make(chan error, 1)
	go func() {
		followed <- group.Wait()
		close(records)
	}()
	handed := handOver(ctx, records, handle, cancel)
	return cmp.Or(handed, <-followed)
}

// recordsAhead is how many records may wait for the handler.
const recordsAhead = 256

// handOver calls the handler until the channel is closed. After an error or the
// end of ctx it only empties the channel, so that no reader blocks.
func handOver(ctx context.Context, records <-chan Record, handle func(Record) error, stop func()) error {
	var failed error
	for record := range records {
		if failed != nil {
			continue
		}
		if failed = ctx.Err(); failed != nil {
			continue
		}
		if failed = handle(record); failed != nil {
			stop()
		}
	}
	return failed
}

// span is what is left to read of one partition.
type span struct {
	place
	// next is the offset to go on from.
	next int64
	// last is the offset to end with, and end the one that it was searched below.
	// Both are -1 if the reading has no end.
	last, end int64
}

// spans finds out where each partition's reading begins and ends; partitions
// without anything to read are left out. All ends are taken before anything
// else, so that they lie close together.
func (c *Client) spans(ctx context.Context, q Query, level sarama.IsolationLevel) ([]span, error) {
	partitions, err := c.chosen(ctx, q)
	if err != nil {
		return nil, err
	}
	spans := make([]span, len(partitions))
	for i, partition := range partitions {
		spans[i] = span{place: place{q.Topic, partition}, last: -1, end: -1}
		if spans[i].end, err = c.listOffset(ctx, spans[i].place, sarama.OffsetNewest, level); err != nil {
			return nil, err
		}
	}
	var busy []span
	for _, s := range spans {
		s.next = s.end
		if q.From.kind != atEnd {
			if s.next, err = c.offset(ctx, s.place, q.From); err != nil {
				return nil, err
			}
		}
		if !q.UntilEnd {
			s.end = -1
		} else if s.last, err = c.lastVisible(ctx, s.place, tail{from: s.next, end: s.end, level: level}); err != nil {
			return nil, err
		}
		if s.last >= 0 || !q.UntilEnd {
			busy = append(busy, s)
		}
	}
	return busy, nil
}

// chosen returns the partitions of the query, each once.
func (c *Client) chosen(ctx context.Context, q Query) ([]int32, error) {
	count, err := c.partitions(ctx, q.Topic)
	if err != nil {
		return nil, err
	}
	if len(q.Partitions) == 0 {
		all := make([]int32, count)
		for i := range all {
			all[i] = int32(i)
		}
		return all, nil
	}
	partitions := slices.Compact(slices.Sorted(slices.Values(q.Partitions)))
	for _, partition := range partitions {
		if partition < 0 || partition >= count {
			return nil, noPartition(place{q.Topic, partition}, count)
		}
	}
	return partitions, nil
}

// consumer is sarama's, with a client of its own.
type consumer struct {
	sarama.Consumer
	client sarama.Client
}

// newConsumer connects only when a partition is opened.
func (c *Client) newConsumer(ctx context.Context, level sarama.IsolationLevel) (consumer, error) {
	client, err := c.newSarama(c.reading(ctx, level))
	if err != nil {
		return consumer{}, err
	}
	made, err := sarama.NewConsumerFromClient(client)
	if err != nil {
		_ = client.Close()
		return consumer{}, err
	}
	return consumer{Consumer: made, client: client}, nil
}

// reading returns the settings of a client that reads until ctx ends, and waits
// for no broker then.
func (c *Client) reading(ctx context.Context, level sarama.IsolationLevel) *sarama.Config {
	conf := c.cfg.Sarama()
	conf.Net.Proxy.Enable = true
	conf.Net.Proxy.Dialer = boundDialer(ctx, conf.Net.DialTimeout)
	conf.Consumer.IsolationLevel = level
	conf.Metadata.Full = false
	// The readers try again themselves, and can be stopped between two tries.
	conf.Metadata.Retry.Max = 1
	// A reading that has its last record waits for the answer of a broker that hangs.
	conf.Net.ReadTimeout = min(c.cfg.Timeout, 10*time.Second)
	return conf
}

// newSarama makes a client with connections of its own. It starts from the
// brokers that the cluster has told of.
func (c *Client) newSarama(conf *sarama.Config) (sarama.Client, error) {
	seeds := addresses(c.sarama)
	if len(seeds) == 0 {
		seeds = c.cfg.Brokers
	}
	return sarama.NewClient(seeds, conf)
}

func (c consumer) close() {
	_ = c.Consumer.Close()
	_ = c.client.Close()
}
