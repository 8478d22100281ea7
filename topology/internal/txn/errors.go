package txn

import (
	"errors"
	"fmt"
	"slices"

	"github.com/IBM/sarama"

	"github.com/gokavro/gokavro/topology/kafka"
)

// RefusedError is a record that a broker does not take.
type RefusedError struct {
	// Record is the record. Where the broker does not say which one of a batch it
	// means, it is the first.
	Record *kafka.Record
	// Alone is whether the broker means this record alone.
	Alone bool
	// Err is the broker's answer.
	Err error
}

// Error names the topic, the partition and the key.
func (e *RefusedError) Error() string {
	return fmt.Sprintf("writing to topic %s, partition %d (key %q): %v", e.Record.Topic, e.Record.Partition, e.Record.Key, e.Err)
}

// Unwrap returns Err.
func (e *RefusedError) Unwrap() error { return e.Err }

// FencedError says that another committer has the transactional id, or another
// member the partitions. They go on from what is committed.
type FencedError struct {
	// Err is the broker's answer.
	Err error
}

// Error says so.
func (e *FencedError) Error() string { return fmt.Sprintf("fenced: %v", e.Err) }

// Unwrap returns Err.
func (e *FencedError) Unwrap() error { return e.Err }

// fenced makes a FencedError of an error that is one. A broker may answer a
// zombie's records otherwise, but not the abort that follows.
func fenced(err error) error {
	for _, code := range []sarama.KError{
		sarama.ErrProducerFenced, sarama.ErrInvalidProducerEpoch, sarama.ErrIllegalGeneration,
		sarama.ErrUnknownMemberId, sarama.ErrFencedInstancedId,
	} {
		if errors.Is(err, code) {
			return &FencedError{Err: err}
		}
	}
	return err
}

// IsFinal reports whether an error needs a person: trying again meets it again.
func IsFinal(err error) bool {
	return isRefused(err) || isRefusal(err) || isAny(err,
		sarama.ErrGroupAuthorizationFailed, sarama.ErrClusterAuthorizationFailed,
		sarama.ErrTransactionalIDAuthorizationFailed, sarama.ErrInvalidTransactionTimeout)
}

func isRefused(err error) bool {
	_, ok := errors.AsType[*RefusedError](err)
	return ok
}

// isRefusal reports whether a broker's answer is about the records or their
// topic.
func isRefusal(err error) bool {
	return isAny(err,
		sarama.ErrTopicAuthorizationFailed, sarama.ErrMessageSizeTooLarge, sarama.ErrMessageSetSizeTooLarge,
		sarama.ErrInvalidTopic, sarama.ErrInvalidRecord, sarama.ErrInvalidTimestamp,
		sarama.ErrUnsupportedForMessageFormat, sarama.ErrUnsupportedCompressionType, sarama.ErrPolicyViolation)
}

// isRetriable reports whether the same request may succeed later. These are the
// retriable errors of Java's client.
func isRetriable(err error) bool {
	return isTransport(err) || hasMoved(err) || isAny(err,
		sarama.ErrConcurrentTransactions, sarama.ErrOffsetsLoadInProgress, sarama.ErrRequestTimedOut,
		sarama.ErrNetworkException, sarama.ErrNotEnoughReplicas, sarama.ErrNotEnoughReplicasAfterAppend,
		sarama.ErrInvalidMessage, sarama.ErrKafkaStorageError, sarama.ErrOperationNotAttempted,
		sarama.ErrRebalanceInProgress, sarama.ErrThrottlingQuotaExceeded, sarama.ErrUnstableOffsetCommit)
}

// hasMoved reports whether the request went to the wrong broker.
func hasMoved(err error) bool {
	return isAny(err,
		sarama.ErrNotCoordinatorForConsumer, sarama.ErrConsumerCoordinatorNotAvailable,
		sarama.ErrNotLeaderForPartition, sarama.ErrLeaderNotAvailable, sarama.ErrReplicaNotAvailable,
		sarama.ErrBrokerNotAvailable, sarama.ErrFencedLeaderEpoch, sarama.ErrUnknownLeaderEpoch,
		sarama.ErrUnknownTopicOrPartition)
}

// isTransport reports whether there was no answer: what has become of the
// request is not known.
func isTransport(err error) bool {
	_, answered := errors.AsType[sarama.KError](err)
	_, unsendable := errors.AsType[sarama.PacketEncodingError](err)
	_, misconfigured := errors.AsType[sarama.ConfigurationError](err)
	return !answered && !unsendable && !misconfigured && !isRefused(err) && !errors.Is(err, sarama.ErrClosedClient)
}

func isAny(err error, codes ...sarama.KError) bool {
	code, ok := errors.AsType[sarama.KError](err)
	return ok && slices.Contains(codes, code)
}

// producerFencedError is [sarama.ErrProducerFenced], which sarama has no words for.
type producerFencedError struct{}

func (producerFencedError) Error() string { return "a newer producer has the transactional id" }

func (producerFencedError) Unwrap() error { return sarama.ErrProducerFenced }

// fault is the error of an answer's code, nil when it is none.
func fault(code sarama.KError) error {
	switch code {
	case sarama.ErrNoError:
		return nil
	case sarama.ErrProducerFenced:
		return producerFencedError{}
	}
	return code
}

// decisive returns the error of an answer that counts: the first that is not
// retriable, or else the first.
func decisive(faults []error) error {
	var found error
	for _, err := range faults {
		switch {
		case err == nil:
		case !isRetriable(err):
			return err
		case found == nil:
			found = err
		}
	}
	return found
}
