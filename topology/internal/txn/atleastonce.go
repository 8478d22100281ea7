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

// Write writes the records.
func (o *oneByOne) Write(ctx context.Context, records []*kafka.Record) error {
	err := o.writer.bounded(ctx, func(ctx context.Context) error { return o.write(ctx, records) })
	if err != nil {
		return fmt.Errorf("txn: writing %d records: %w", len(records), err)
	}
	return nil
}

func (o *oneByOne) write(ctx context.Context, records []*kafka.Record) error {
	if err := o.writer.load(ctx, records); err != nil {
		return err
	}
	return o.writer.flush(ctx)
}

// Commit writes the records and, when all are acknowledged, the offsets.
func (o *oneByOne) Commit(ctx context.Context, b Batch) error {
	err := o.writer.bounded(ctx, func(ctx context.Context) error { return o.commit(ctx, b) })
	if err != nil {
		return fmt.Errorf("txn: committing %d records: %w", len(b.Records), err)
	}
	return nil
}

func (o *oneByOne) commit(ctx context.Context, b Batch) error {
	stillMember := func(ctx context.Context) error {
		return b.asMember(ctx, func(member *sarama.ConsumerGroupMetadata) error { return o.isMember(ctx, member) })
	}
	if err := stillMember(ctx); err != nil {
		return err
	}
	o.writer.mayRepeat = stillMember
	defer func() { o.writer.mayRepeat = nil }()
	if err := o.write(ctx, b.Records); err != nil {
		return err
	}
	if len(b.Offsets) == 0 {
		return nil
	}
	return b.asMember(ctx, func(member *sarama.ConsumerGroupMetadata) error { return o.commitOffsets(ctx, b, member) })
}

// isMember asks the group before anything is written or repeated: a process that was frozen
// and goes on does not know yet that others have its partitions, and would set
// their rows back. What it is frozen in between, nothing but a transaction fences.
func (o *oneByOne) isMember(ctx context.Context, m *sarama.ConsumerGroupMetadata) error {
	if m == nil || m.GenerationID < 0 {
		return nil
	}
	request := &sarama.HeartbeatRequest{
		Version: 4, GroupId: m.GroupID, GenerationId: m.GenerationID, MemberId: m.MemberID, GroupInstanceId: m.GroupInstanceID,
	}
	return o.writer.group(m.GroupID).ask(ctx, "asking group "+m.GroupID+" for the membership", func(b *sarama.Broker) error {
		response, err := b.Heartbeat(request)
		if err != nil {
			return err
		}
		// A rebalance has begun, and this generation is the group's until it ends.
		if response.Err == sarama.ErrRebalanceInProgress {
			return nil
		}
		return fault(response.Err)
	})
}

func (o *oneByOne) commitOffsets(ctx context.Context, b Batch, member *sarama.ConsumerGroupMetadata) error {
	request := &sarama.OffsetCommitRequest{
		Version: 7, ConsumerGroup: member.GroupID, ConsumerGroupGeneration: member.GenerationID,
		ConsumerID: member.MemberID, GroupInstanceId: member.GroupInstanceID, RetentionTime: -1,
	}
	for topic, partitions := range b.Offsets {
		for partition, offset := range partitions {
			request.AddBlockWithLeaderEpoch(topic, partition, offset, -1, 0, b.Metadata[topic][partition])
		}
	}
	return o.writer.group(member.GroupID).ask(ctx, "committing offsets of group "+member.GroupID, func(b *sarama.Broker) error {
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
