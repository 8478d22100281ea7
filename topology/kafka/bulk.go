package kafka

import (
	"context"
	"errors"
	"fmt"

	"github.com/IBM/sarama"
	"golang.org/x/sync/errgroup"
)

// bulkBytes bounds one answer of a reading in bulk.
const bulkBytes = 8 << 20

// Range is a piece of one partition.
type Range struct {
	// Topic and Partition name the partition.
	Topic     string
	Partition int32
	// From and To bound it: the offsets from From up to and without To.
	From, To int64
	// Isolation is what is seen of transactions. The default is [ReadCommitted].
	Isolation Isolation
}

// Bulk is a piece of a partition as a broker sent it.
type Bulk struct {
	// Records are the visible records in their order. Their bytes lie in one
	// piece of memory, which stays as long as one of them is kept.
	Records []Record
	// Next is the offset that follows all that was looked at. Up to there nothing
	// else is visible.
	Next int64
}

// ReadBulk hands over a range in large pieces, for whoever needs all of it fast:
// one piece is fetched while handle, called from one goroutine, works on the one
// before it. Bulk.Next of the last one is Range.To or more, or the offset behind
// the last visible record: no marker or aborted transaction at the end is waited
// for. What lies behind the last stable offset is not read.
//
// Something visible in a range that begins before the log does is an error in
// whose chain [ErrOutOfRange] is: what lay before it is gone. An error of handle
// ends the reading and is returned. The reading has a connection of its own.
func (c *Client) ReadBulk(ctx context.Context, r Range, handle func(Bulk) error) error {
	level, err := r.Isolation.level()
	if err != nil {
		return err
	}
	own, err := c.separate(ctx, level)
	if err != nil {
		return fmt.Errorf("kafka: reading topic %q: %w", r.Topic, err)
	}
	defer func() { _ = own.Close() }()
	// It knows no broker yet. What is wrong shows at the first request.
	_ = own.sarama.RefreshMetadata(r.Topic)
	group, ctx := errgroup.WithContext(ctx)
	pieces := make(chan Bulk)
	group.Go(func() error {
		defer close(pieces)
		return own.fetchAll(ctx, r, level, pieces)
	})
	group.Go(func() error {
		for piece := range pieces {
			if err := handle(piece); err != nil {
				return err
			}
		}
		return nil
	})
	return group.Wait()
}

// ErrOutOfRange is in the chain of the error about an offset that a log does not
// hold any more.
var ErrOutOfRange = errors.New("the offset is out of the log's range")

// separate makes a client with connections of its own, which end with ctx: who
// waits for an answer then is set free.
func (c *Client) separate(ctx context.Context, level sarama.IsolationLevel) (*Client, error) {
	client, err := c.newSarama(c.reading(ctx, level))
	if err != nil {
		return nil, err
	}
	return &Client{cfg: c.cfg, sarama: client}, nil
}

// fetchAll fetches until nothing visible is left in the range.
func (c *Client) fetchAll(ctx context.Context, r Range, level sarama.IsolationLevel, pieces chan<- Bulk) error {
	at := place{r.Topic, r.Partition}
	last, err := c.lastVisible(ctx, at, tail{from: r.From, end: r.To, level: level})
	for next := r.From; err == nil && next <= last; {
		var block *sarama.FetchResponseBlock
		if block, err = c.fetch(ctx, at, request{offset: next, level: level, bytes: bulkBytes}); err != nil {
			break
		}
		piece := toBulk(at, wholeBatches(block), block.AbortedTransactions, Range{From: next, To: r.To})
		if piece.Next <= next {
			// Retention or compaction may have removed what was the last.
			if last, err = c.lastVisible(ctx, at, tail{from: next, end: r.To, level: level}); err == nil && last >= next && !pause(ctx, retryPause) {
				err = ctx.Err()
			}
			continue
		}
		select {
		case pieces <- piece:
			next = piece.Next
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	if errors.Is(err, sarama.ErrOffsetOutOfRange) {
		return fmt.Errorf("kafka: reading %s from offset %d: %w", at, r.From, ErrOutOfRange)
	}
	return err
}

// toBulk takes the visible records of [r.From,r.To).
func toBulk(at place, batches []*sarama.RecordBatch, aborted []*sarama.AbortedTransaction, r Range) Bulk {
	piece := Bulk{Next: r.From}
	count := 0
	for _, batch := range batches {
		piece.Next = max(piece.Next, batch.LastOffset()+1)
		count += len(batch.Records)
	}
	piece.Records = make([]Record, 0, count)
	for batch := range visible(batches, aborted) {
		for _, record := range batch.Records {
			if offset := batch.FirstOffset + record.OffsetDelta; offset >= r.From && offset < r.To {
				piece.Records = append(piece.Records, ofBatch(at, batch, record))
			}
		}
	}
	return piece
}

func ofBatch(at place, batch *sarama.RecordBatch, raw *sarama.Record) Record {
	record := Record{
		Topic: at.topic, Partition: at.partition, Offset: batch.FirstOffset + raw.OffsetDelta,
		Time: batch.FirstTimestamp.Add(raw.TimestampDelta), Key: raw.Key, Value: raw.Value,
	}
	if batch.LogAppendTime {
		record.Time = batch.MaxTimestamp
	}
	record.Headers = toHeaders(raw.Headers)
	return record
}
