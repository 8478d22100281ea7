// Package txn takes what a process has done to Kafka: records and offsets in
// one transaction, or one after the other.
package txn

import (
	"context"
	"errors"
	"fmt"

	"github.com/IBM/sarama"

	"github.com/gokavro/gokavro/topology/kafka"
)

// Batch is what one commit takes.
type Batch struct {
	// Messages are written; after the commit each has its partition and offset.
	Messages []*sarama.ProducerMessage
	// Offsets are where the group goes on from, by topic and partition.
	Offsets map[string]map[int32]int64
	// Member is who commits.
	Member *sarama.ConsumerGroupMetadata
}

// Committer takes batches, one after the other. After an error it takes no
// more: what has become of the batch is not known, and the next committer
// finds it resolved. It is for one goroutine.
type Committer interface {
	Commit(Batch) error
	Close() error
}

// NewExactlyOnce returns a committer of transactions. Readers with
// isolation.level=read_committed see all of a batch or nothing. A member that
// was replaced is refused by its generation, KIP-447; another committer with
// that transactional id fences this one.
func NewExactlyOnce(ctx context.Context, cfg kafka.Config, p kafka.ProducerConfig) (Committer, error) {
	producer, err := kafka.DialProducer(ctx, cfg, p)
	if err != nil {
		return nil, err
	}
	return &transactions{producer: producer}, nil
}

type transactions struct{ producer *kafka.Producer }

// Commit runs one transaction. Every one carries the group's offsets, because
// that is where a member is fenced.
func (t *transactions) Commit(b Batch) error {
	err := t.commit(b)
	if err == nil {
		return nil
	}
	if aborting := t.producer.AbortTxn(); aborting != nil {
		err = fmt.Errorf("%w (aborting it: %w)", err, aborting)
	}
	return fmt.Errorf("txn: committing a transaction of %d records: %w", len(b.Messages), err)
}

func (t *transactions) commit(b Batch) error {
	if err := t.producer.BeginTxn(); err != nil {
		return err
	}
	if err := send(t.producer, b.Messages); err != nil {
		return err
	}
	if err := t.producer.AddOffsetsToTxnWithGroupMetadata(positions(b.Offsets), b.Member); err != nil {
		return err
	}
	return t.producer.CommitTxn()
}

// Close gives the producer up.
func (t *transactions) Close() error { return t.producer.Close() }

func positions(offsets map[string]map[int32]int64) map[string][]*sarama.PartitionOffsetMetadata {
	none := ""
	all := map[string][]*sarama.PartitionOffsetMetadata{}
	for topic, partitions := range offsets {
		for partition, offset := range partitions {
			at := &sarama.PartitionOffsetMetadata{Partition: partition, Offset: offset, Metadata: &none}
			all[topic] = append(all[topic], at)
		}
	}
	return all
}

// send hands messages over and waits until all are acknowledged.
func send(producer *kafka.Producer, messages []*sarama.ProducerMessage) error {
	var fault error
	settled := 0
	settle := func(err *sarama.ProducerError) {
		settled++
		if err != nil && fault == nil {
			fault = refusal(err)
		}
	}
	for _, message := range messages {
		for sent := false; !sent; {
			select {
			case producer.Input() <- message:
				sent = true
			case <-producer.Successes():
				settle(nil)
			case err := <-producer.Errors():
				settle(err)
			}
		}
	}
	for settled < len(messages) {
		select {
		case <-producer.Successes():
			settle(nil)
		case err := <-producer.Errors():
			settle(err)
		}
	}
	return fault
}

// RefusedError is a record that a broker does not take.
type RefusedError struct {
	Message *sarama.ProducerMessage
	Err     error
}

// Error names the topic and the key.
func (e *RefusedError) Error() string {
	key := ""
	if e.Message.Key != nil {
		if bytes, err := e.Message.Key.Encode(); err == nil {
			key = string(bytes)
		}
	}
	return fmt.Sprintf("writing to topic %s (key %q): %v", e.Message.Topic, key, e.Err)
}

// Unwrap returns Err.
func (e *RefusedError) Unwrap() error { return e.Err }

func refusal(err *sarama.ProducerError) error {
	return &RefusedError{Message: err.Msg, Err: err.Err}
}

// IsFinal reports whether an error needs a person: trying again meets it again.
func IsFinal(err error) bool {
	for _, final := range []error{
		sarama.ErrTopicAuthorizationFailed, sarama.ErrGroupAuthorizationFailed, sarama.ErrClusterAuthorizationFailed,
		sarama.ErrTransactionalIDAuthorizationFailed, sarama.ErrMessageSizeTooLarge, sarama.ErrInvalidPartition,
		sarama.ErrInvalidRecord, sarama.ErrUnsupportedForMessageFormat,
	} {
		if errors.Is(err, final) {
			return true
		}
	}
	return false
}
