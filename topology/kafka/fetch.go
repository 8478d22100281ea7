package kafka

import (
	"cmp"
	"context"
	"iter"
	"slices"

	"github.com/IBM/sarama"
)

// answerFactor is how much larger a whole answer may be than the part of its one
// partition, because kfake leaves the aborted transactions out of an answer that
// the bound of the whole cuts.
const answerFactor = 8

// request is what one fetch asks for: up to bytes from offset on.
type request struct {
	offset int64
	level  sarama.IsolationLevel
	bytes  int32
}

// fetch reads once at an offset and does not wait for records that are not
// there yet.
func (c *Client) fetch(ctx context.Context, at place, r request) (*sarama.FetchResponseBlock, error) {
	var block *sarama.FetchResponseBlock
	err := c.onLeader(ctx, at, func(leader *sarama.Broker) error {
		const noSession, anyEpoch = -1, -1
		request := &sarama.FetchRequest{
			Version: 12, MinBytes: 1, MaxBytes: answerFactor * r.bytes, Isolation: r.level, SessionEpoch: noSession,
		}
		request.AddBlock(at.topic, at.partition, r.offset, r.bytes, anyEpoch)
		response, err := leader.Fetch(request)
		if err != nil {
			return err
		}
		if block = response.GetBlock(at.topic, at.partition); block == nil {
			return sarama.ErrIncompleteResponse
		}
		if block.Err != sarama.ErrNoError {
			return block.Err
		}
		return nil
	})
	return block, err
}

// wholeBatches leaves out a batch that the answer's limit has cut.
func wholeBatches(block *sarama.FetchResponseBlock) []*sarama.RecordBatch {
	var batches []*sarama.RecordBatch
	for _, set := range block.RecordsSet {
		if set.RecordBatch != nil && !set.RecordBatch.PartialTrailingRecord {
			batches = append(batches, set.RecordBatch)
		}
	}
	return batches
}

// visible yields the batches that are handed to readers. An aborted transaction
// of a producer hides the producer's transactional batches from its first offset
// to its marker; one producer can have several in the list, so it is walked in
// order.
func visible(batches []*sarama.RecordBatch, aborted []*sarama.AbortedTransaction) iter.Seq[*sarama.RecordBatch] {
	aborted = slices.SortedFunc(slices.Values(aborted), func(a, b *sarama.AbortedTransaction) int {
		return cmp.Compare(a.FirstOffset, b.FirstOffset)
	})
	return func(yield func(*sarama.RecordBatch) bool) {
		aborting, left := map[int64]bool{}, aborted
		for _, batch := range batches {
			for len(left) > 0 && left[0].FirstOffset <= batch.LastOffset() {
				aborting[left[0].ProducerID] = true
				left = left[1:]
			}
			if batch.Control {
				delete(aborting, batch.ProducerID)
				continue
			}
			if batch.IsTransactional && aborting[batch.ProducerID] {
				continue
			}
			if !yield(batch) {
				return
			}
		}
	}
}
