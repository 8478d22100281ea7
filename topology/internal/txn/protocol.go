package txn

import (
	"context"
	"fmt"

	"github.com/IBM/sarama"
)

// addPartitions begins a transaction in the partitions that are loaded.
func (t *transactions) addPartitions(ctx context.Context) error {
	w := t.writer
	if len(w.busy) == 0 {
		return nil
	}
	request := &sarama.AddPartitionsToTxnRequest{
		Version: 3, TransactionalID: w.transactionalID, ProducerID: w.id, ProducerEpoch: w.epoch,
		TopicPartitions: map[string][]int32{},
	}
	for _, l := range w.busy {
		request.TopicPartitions[l.topic] = append(request.TopicPartitions[l.topic], l.partition)
	}
	err := w.coordinator().ask(ctx, func(b *sarama.Broker) error {
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
	if err != nil {
		return fmt.Errorf("adding partitions: %w", err)
	}
	return nil
}

// fault says what is wrong with a partition that is loaded.
func (w *writer) fault(topic string, p *sarama.PartitionError) error {
	for _, l := range w.busy {
		if l.topic == topic && l.partition == p.Partition {
			return l.fault(p.Err)
		}
	}
	return fault(p.Err)
}

// addGroup announces that the group's offsets are going to follow.
func (t *transactions) addGroup(ctx context.Context, group string) error {
	w := t.writer
	err := w.coordinator().ask(ctx, func(b *sarama.Broker) error {
		response, err := b.AddOffsetsToTxn(&sarama.AddOffsetsToTxnRequest{
			Version: 3, TransactionalID: w.transactionalID, ProducerID: w.id, ProducerEpoch: w.epoch, GroupID: group,
		})
		if err != nil {
			return err
		}
		return fault(response.Err)
	})
	if err != nil {
		return fmt.Errorf("adding group %s: %w", group, err)
	}
	return nil
}

func (t *transactions) addOffsets(ctx context.Context, b Batch) error {
	w := t.writer
	request := &sarama.TxnOffsetCommitRequest{
		Version: 3, TransactionalID: w.transactionalID, ProducerID: w.id, ProducerEpoch: w.epoch,
		GroupID: b.Member.GroupID, GenerationID: b.Member.GenerationID,
		MemberID: b.Member.MemberID, GroupInstanceID: b.Member.GroupInstanceID,
		Topics: map[string][]*sarama.PartitionOffsetMetadata{},
	}
	none := ""
	for topic, partitions := range b.Offsets {
		for partition, offset := range partitions {
			at := &sarama.PartitionOffsetMetadata{Partition: partition, Offset: offset, LeaderEpoch: -1, Metadata: &none}
			request.Topics[topic] = append(request.Topics[topic], at)
		}
	}
	err := w.group(b.Member.GroupID).ask(ctx, func(b *sarama.Broker) error {
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
	if err != nil {
		return fmt.Errorf("adding offsets of group %s: %w", b.Member.GroupID, err)
	}
	return nil
}

// end commits the transaction, or aborts it.
func (t *transactions) end(ctx context.Context, commit bool) error {
	w := t.writer
	err := w.coordinator().ask(ctx, func(b *sarama.Broker) error {
		response, err := b.EndTxn(&sarama.EndTxnRequest{
			Version: 3, TransactionalID: w.transactionalID, ProducerID: w.id, ProducerEpoch: w.epoch, TransactionResult: commit,
		})
		if err != nil {
			return err
		}
		return fault(response.Err)
	})
	switch {
	case err == nil:
		return nil
	case commit:
		return fmt.Errorf("ending it: %w", err)
	}
	return fmt.Errorf("aborting it: %w", err)
}

// init asks for the producer id. With a transactional id that ends what another
// producer with it has open, and fences it.
func (w *writer) init(ctx context.Context, c Config) error {
	request := &sarama.InitProducerIDRequest{Version: 4, TransactionTimeout: c.TransactionTimeout, ProducerID: -1, ProducerEpoch: -1}
	if c.TransactionalID != "" {
		request.TransactionalID = &c.TransactionalID
	}
	return w.coordinator().ask(ctx, func(b *sarama.Broker) error {
		response, err := b.InitProducerID(request)
		if err != nil {
			return err
		}
		w.id, w.epoch = response.ProducerID, response.ProducerEpoch
		return fault(response.Err)
	})
}
