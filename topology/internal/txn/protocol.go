package txn

import (
	"context"

	"github.com/IBM/sarama"
)

// addPartitions begins a transaction in the partitions that are loaded, or adds
// those that are not in it yet.
func (t *transactions) addPartitions(ctx context.Context) error {
	w := t.writer
	request := &sarama.AddPartitionsToTxnRequest{
		Version: 3, TransactionalID: w.transactionalID, ProducerID: w.id, ProducerEpoch: w.epoch,
		TopicPartitions: map[string][]int32{},
	}
	for _, l := range w.busy {
		if !t.added[l] {
			request.TopicPartitions[l.topic] = append(request.TopicPartitions[l.topic], l.partition)
			t.added[l] = true
		}
	}
	if len(request.TopicPartitions) == 0 {
		return nil
	}
	return w.coordinator().ask(ctx, "adding partitions", func(b *sarama.Broker) error {
		response, err := b.AddPartitionsToTxn(request)
		if err != nil {
			return err
		}
		var faults []error
		for topic, partitions := range response.Errors {
			for _, p := range partitions {
				faults = append(faults, w.fault(topic, p))
			}
		}
		return decisive(faults)
	})
}

// fault says what is wrong with a partition that is loaded.
func (w *writer) fault(topic string, p *sarama.PartitionError) error {
	for _, l := range w.busy {
		if l.topic == topic && l.partition == p.Partition {
			return l.fault(fault(p.Err))
		}
	}
	return fault(p.Err)
}

// addGroup announces that the group's offsets are going to follow.
func (t *transactions) addGroup(ctx context.Context, group string) error {
	w := t.writer
	return w.coordinator().ask(ctx, "adding group "+group, func(b *sarama.Broker) error {
		response, err := b.AddOffsetsToTxn(&sarama.AddOffsetsToTxnRequest{
			Version: 3, TransactionalID: w.transactionalID, ProducerID: w.id, ProducerEpoch: w.epoch, GroupID: group,
		})
		if err != nil {
			return err
		}
		return fault(response.Err)
	})
}

func (t *transactions) addOffsets(ctx context.Context, b Batch, member *sarama.ConsumerGroupMetadata) error {
	w := t.writer
	request := &sarama.TxnOffsetCommitRequest{
		Version: 3, TransactionalID: w.transactionalID, ProducerID: w.id, ProducerEpoch: w.epoch,
		GroupID: member.GroupID, GenerationID: member.GenerationID,
		MemberID: member.MemberID, GroupInstanceID: member.GroupInstanceID,
		Topics: map[string][]*sarama.PartitionOffsetMetadata{},
	}
	for topic, partitions := range b.Offsets {
		for partition, offset := range partitions {
			metadata := b.Metadata[topic][partition]
			at := &sarama.PartitionOffsetMetadata{Partition: partition, Offset: offset, LeaderEpoch: -1, Metadata: &metadata}
			request.Topics[topic] = append(request.Topics[topic], at)
		}
	}
	return w.group(member.GroupID).ask(ctx, "adding offsets of group "+member.GroupID, func(b *sarama.Broker) error {
		response, err := b.TxnOffsetCommit(request)
		if err != nil {
			return err
		}
		var faults []error
		for _, partitions := range response.Topics {
			for _, p := range partitions {
				faults = append(faults, fault(p.Err))
			}
		}
		return decisive(faults)
	})
}

// end commits the transaction, or aborts it.
func (t *transactions) end(ctx context.Context, commit bool) error {
	w := t.writer
	what := "ending it"
	if !commit {
		what = "aborting it"
	}
	return w.coordinator().ask(ctx, what, func(b *sarama.Broker) error {
		response, err := b.EndTxn(&sarama.EndTxnRequest{
			Version: 3, TransactionalID: w.transactionalID, ProducerID: w.id, ProducerEpoch: w.epoch, TransactionResult: commit,
		})
		if err != nil {
			return err
		}
		return fault(response.Err)
	})
}

// init asks for the producer id. With a transactional id that ends what another
// producer with it has open, and fences it.
func (w *writer) init(ctx context.Context, c Config) error {
	request := &sarama.InitProducerIDRequest{Version: 4, TransactionTimeout: c.TransactionTimeout, ProducerID: -1, ProducerEpoch: -1}
	if c.TransactionalID != "" {
		request.TransactionalID = &c.TransactionalID
	}
	return w.coordinator().ask(ctx, "asking for a producer id", func(b *sarama.Broker) error {
		response, err := b.InitProducerID(request)
		if err != nil {
			return err
		}
		w.id, w.epoch = response.ProducerID, response.ProducerEpoch
		return fault(response.Err)
	})
}
