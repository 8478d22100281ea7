package kafka

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/IBM/sarama"
)

const (
	// tailBytes bounds one answer while the tail of a partition is searched. A
	// batch that is larger comes whole.
	tailBytes = 1 << 20
	// tailGrowth is how much farther back each step of the search begins.
	tailGrowth = 8
)

// LastVisible returns the largest offset in [from,end) that a reader of this
// isolation is handed, or -1 if there is none. Transaction markers, aborted
// records, compacted offsets and, for [ReadCommitted], records at or behind the
// last stable offset are not handed to anybody, so a reader that waits for
// end-1 may wait for ever.
func (c *Client) LastVisible(topic string, partition int32, from, end int64, iso Isolation) (int64, error) {
	level, err := iso.level()
	if err != nil {
		return 0, err
	}
	return c.lastVisible(context.Background(), place{topic, partition}, tail{from: from, end: end, level: level})
}

// lastVisible searches backwards, because the answer is mostly in the last
// batch: first at end-1, then in ranges that grow.
func (c *Client) lastVisible(ctx context.Context, at place, t tail) (int64, error) {
	stable, err := c.listOffset(ctx, at, sarama.OffsetNewest, t.level)
	if err != nil {
		return 0, err
	}
	t.end = min(t.end, stable)
	if t.from, err = c.kept(ctx, at, t.from); err != nil {
		return 0, err
	}
	for width := int64(1); t.from < t.end; width *= tailGrowth {
		t.low = max(t.from, t.end-width)
		found, err := c.searchTail(ctx, at, t)
		if errors.Is(err, sarama.ErrOffsetOutOfRange) {
			// Retention or DeleteRecords may have moved the log's start past low.
			first, failed := c.kept(ctx, at, t.from)
			if failed != nil || first <= t.low {
				return 0, cmp.Or(failed, err)
			}
			t.from = first
			continue
		}
		if err != nil || found >= 0 {
			return found, err
		}
		t.end = t.low
	}
	return -1, nil
}

// kept returns from, or the start of the log if that is behind it.
func (c *Client) kept(ctx context.Context, at place, from int64) (int64, error) {
	first, err := c.listOffset(ctx, at, sarama.OffsetOldest, sarama.ReadUncommitted)
	return max(from, first), err
}

// tail is a range that is searched: [low,end) is read in one step, but the batch
// that holds low may begin before it, and its records count down to from.
type tail struct {
	from, low, end int64
	level          sarama.IsolationLevel
}

// searchTail reads the range forwards and returns its largest visible offset or
// -1.
func (c *Client) searchTail(ctx context.Context, at place, t tail) (int64, error) {
	found := int64(-1)
	for next := t.low; next < t.end; {
		block, err := c.fetch(ctx, at, request{offset: next, level: t.level, bytes: tailBytes})
		if err != nil {
			return 0, err
		}
		batches := wholeBatches(block)
		if len(batches) == 0 {
			return found, nil
		}
		found = max(found, largestVisible(batches, block.AbortedTransactions, t))
		next = max(batches[len(batches)-1].LastOffset(), next) + 1
	}
	return found, nil
}

// largestVisible returns the largest offset in [t.from,t.end) of these batches
// that is handed to readers, or -1.
func largestVisible(batches []*sarama.RecordBatch, aborted []*sarama.AbortedTransaction, t tail) int64 {
	largest := int64(-1)
	for batch := range visible(batches, aborted) {
		largest = max(largest, largestIn(batch, t))
	}
	return largest
}

func largestIn(batch *sarama.RecordBatch, t tail) int64 {
	for _, record := range slices.Backward(batch.Records) {
		if offset := batch.FirstOffset + record.OffsetDelta; offset < t.end {
			if offset >= t.from {
				return offset
			}
			break
		}
	}
	return -1
}
