package txn

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokavro/gokavro/topology/kafka"
)

// NewAtLeastOnce returns a committer that writes a batch's records and then
// its offsets. What it took before a crash is there; what comes after its last
// offsets may be there twice.
func NewAtLeastOnce(ctx context.Context, cfg kafka.Config, p kafka.ProducerConfig) (Committer, error) {
	p.TransactionalID = ""
	producer, err := kafka.DialProducer(ctx, cfg, p)
	if err != nil {
		return nil, err
	}
	return &oneByOne{producer: producer}, nil
}

type oneByOne struct{ producer *kafka.Producer }

// Commit writes the records and, when all are acknowledged, the offsets.
func (o *oneByOne) Commit(b Batch) error {
	if err := send(o.producer, b.Messages); err != nil {
		return fmt.Errorf("txn: writing %d records: %w", len(b.Messages), err)
	}
	if len(b.Offsets) == 0 {
		return nil
	}
	if err := o.commitOffsets(b); err != nil {
		return fmt.Errorf("txn: committing offsets of group %s: %w", b.Member.GroupID, err)
	}
	return nil
}

// commitOffsets tries a coordinator that has moved or is away again, as often
// as a transaction would.
func (o *oneByOne) commitOffsets(b Batch) error {
	client := o.producer.Client()
	retry := client.Config().Producer.Transaction.Retry
	var err error
	for attempt := 0; attempt <= retry.Max; attempt++ {
		var again bool
		if again, err = o.commitOnce(client, b); !again {
			return err
		}
		<-time.After(retry.Backoff)
		if refresh := client.RefreshCoordinator(b.Member.GroupID); refresh != nil {
			err = errors.Join(err, refresh)
		}
	}
	return err
}

func (o *oneByOne) commitOnce(client sarama.Client, b Batch) (again bool, err error) {
	coordinator, err := client.Coordinator(b.Member.GroupID)
	if err != nil {
		return true, err
	}
	response, err := coordinator.CommitOffset(offsetRequest(b))
	if err != nil {
		_ = coordinator.Close()
		return true, err
	}
	for _, partitions := range response.Errors {
		for _, code := range partitions {
			switch code {
			case sarama.ErrNoError:
			case sarama.ErrNotCoordinatorForConsumer, sarama.ErrConsumerCoordinatorNotAvailable,
				sarama.ErrOffsetsLoadInProgress, sarama.ErrRebalanceInProgress:
				return true, code
			default:
				return false, code
			}
		}
	}
	return false, nil
}

func offsetRequest(b Batch) *sarama.OffsetCommitRequest {
	request := &sarama.OffsetCommitRequest{
		Version: 7, ConsumerGroup: b.Member.GroupID, ConsumerGroupGeneration: b.Member.GenerationID,
		ConsumerID: b.Member.MemberID, GroupInstanceId: b.Member.GroupInstanceID, RetentionTime: -1,
	}
	for topic, partitions := range b.Offsets {
		for partition, offset := range partitions {
			request.AddBlock(topic, partition, offset, 0, "")
		}
	}
	return request
}

// Close gives the producer up.
func (o *oneByOne) Close() error { return o.producer.Close() }
