package txn

import (
	"context"
	"fmt"

	"github.com/IBM/sarama"

	"github.com/gokavro/gokavro/topology/kafka"
)

// NewAtLeastOnce returns a committer that writes a batch's records and then
// its offsets. What it took before a crash is there; what comes after its last
// offsets may be there twice.
func NewAtLeastOnce(ctx context.Context, cfg kafka.Config, c Config) (Committer, error) {
	c.TransactionalID = ""
	w, err := newWriter(ctx, cfg, c)
	if err != nil {
		return nil, err
	}
	return &oneByOne{writer: w}, nil
}

type oneByOne struct{ writer *writer }

// Commit writes the records and, when all are acknowledged, the offsets.
func (o *oneByOne) Commit(ctx context.Context, b Batch) error {
	ctx, done := o.writer.within(ctx, patience)
	defer done()
	if err := o.write(ctx, b.Records); err != nil {
		return fmt.Errorf("txn: writing %d records: %w", len(b.Records), fenced(err))
	}
	if len(b.Offsets) == 0 {
		return nil
	}
	if err := o.commitOffsets(ctx, b); err != nil {
		return fmt.Errorf("txn: committing offsets of group %s: %w", b.Member.GroupID, fenced(err))
	}
	return nil
}

func (o *oneByOne) write(ctx context.Context, records []*kafka.Record) error {
	if err := o.writer.load(ctx, records); err != nil {
		return err
	}
	return o.writer.flush(ctx)
}

func (o *oneByOne) commitOffsets(ctx context.Context, b Batch) error {
	request := &sarama.OffsetCommitRequest{
		Version: 7, ConsumerGroup: b.Member.GroupID, ConsumerGroupGeneration: b.Member.GenerationID,
		ConsumerID: b.Member.MemberID, GroupInstanceId: b.Member.GroupInstanceID, RetentionTime: -1,
	}
	for topic, partitions := range b.Offsets {
		for partition, offset := range partitions {
			request.AddBlockWithLeaderEpoch(topic, partition, offset, -1, 0, "")
		}
	}
	return o.writer.group(b.Member.GroupID).ask(ctx, func(b *sarama.Broker) error {
		response, err := b.CommitOffset(request)
		if err != nil {
			return err
		}
		var faults []error
		for _, partitions := range response.Errors {
			for _, code := range partitions {
				faults = append(faults, fault(code))
			}
		}
		return decisive(faults)
	})
}

// Close ends the connections.
func (o *oneByOne) Close() error { return o.writer.close() }
