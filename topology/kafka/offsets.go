package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/IBM/sarama"
)

// retryPause lies between two tries of a request.
const retryPause = 100 * time.Millisecond

// place names one partition.
type place struct {
	topic     string
	partition int32
}

// String returns the place as topic/partition.
func (p place) String() string { return fmt.Sprintf("%s/%d", p.topic, p.partition) }

// Offset returns the offset of a position in one partition. A time after the
// last record is the end. An offset that the partition does not hold is an
// error that names what it holds; the end itself is allowed.
func (c *Client) Offset(topic string, partition int32, p Position) (int64, error) {
	return c.offset(context.Background(), place{topic, partition}, p)
}

func (c *Client) offset(ctx context.Context, at place, p Position) (int64, error) {
	switch p.kind {
	case atBeginning:
		return c.listOffset(ctx, at, sarama.OffsetOldest, sarama.ReadUncommitted)
	case atEnd:
		return c.listOffset(ctx, at, sarama.OffsetNewest, sarama.ReadUncommitted)
	case atTime:
		found, err := c.listOffset(ctx, at, p.millis(), sarama.ReadUncommitted)
		if err != nil || found >= 0 {
			return found, err
		}
		return c.listOffset(ctx, at, sarama.OffsetNewest, sarama.ReadUncommitted)
	}
	first, err := c.listOffset(ctx, at, sarama.OffsetOldest, sarama.ReadUncommitted)
	if err != nil {
		return 0, err
	}
	end, err := c.listOffset(ctx, at, sarama.OffsetNewest, sarama.ReadUncommitted)
	if err != nil {
		return 0, err
	}
	if p.offset < first || p.offset > end {
		return 0, &OffsetError{Topic: at.topic, Partition: at.partition, Offset: p.offset, First: first, End: end}
	}
	return p.offset, nil
}

// OffsetError is an offset that a partition does not hold.
type OffsetError struct {
	Topic     string
	Partition int32
	// Offset is the one that was asked for.
	Offset int64
	// First is the oldest that the partition holds, End the one behind its newest.
	First, End int64
}

// Error names what the partition holds.
func (e *OffsetError) Error() string {
	return fmt.Sprintf("kafka: %s/%d has no offset %d: choose one from %d to %d, its end", e.Topic, e.Partition, e.Offset, e.First, e.End)
}

// EndOffset returns the offset behind the last one that a reader of this
// isolation may see at the moment: the high watermark for [ReadUncommitted],
// the last stable offset for [ReadCommitted]. The offset before it need not be
// a record that is seen: see [Client.LastVisible].
func (c *Client) EndOffset(topic string, partition int32, iso Isolation) (int64, error) {
	level, err := iso.level()
	if err != nil {
		return 0, err
	}
	return c.listOffset(context.Background(), place{topic, partition}, sarama.OffsetNewest, level)
}

// listOffset returns the first offset at or after a time in milliseconds, or of
// one of sarama's special times, and -1 if there is none.
func (c *Client) listOffset(ctx context.Context, at place, when int64, level sarama.IsolationLevel) (int64, error) {
	var found int64
	err := c.onLeader(ctx, at, func(leader *sarama.Broker) error {
		request := sarama.NewOffsetRequest(c.sarama.Config().Version)
		request.IsolationLevel = level
		request.AddBlock(at.topic, at.partition, when, 1)
		response, err := leader.GetAvailableOffsets(request)
		if err != nil {
			return err
		}
		block := response.GetBlock(at.topic, at.partition)
		if block == nil {
			return sarama.ErrIncompleteResponse
		}
		if block.Err != sarama.ErrNoError {
			return block.Err
		}
		found = block.Offset
		return nil
	})
	return found, err
}

// onLeader sends a request to the partition's leader, and again to the next one
// when the leader moves or its connection breaks, until the timeout has passed.
func (c *Client) onLeader(ctx context.Context, at place, send func(*sarama.Broker) error) error {
	within, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	for {
		err := c.tryLeader(ctx, at, send)
		if err == nil {
			return nil
		}
		if !isTransient(err) {
			return err
		}
		if !pause(within, retryPause) {
			return c.gaveUp(ctx, fmt.Errorf("asking the leader of %s: %w", at, err))
		}
		_ = c.sarama.RefreshMetadata(at.topic)
	}
}

func (c *Client) tryLeader(ctx context.Context, at place, send func(*sarama.Broker) error) error {
	if c.sarama.PartitionNotReadable(at.topic, at.partition) {
		if err := c.checkPlace(ctx, at); err != nil {
			return err
		}
	}
	leader, err := c.sarama.Leader(at.topic, at.partition)
	if err != nil {
		return err
	}
	err = send(leader)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sarama.ErrUnknownTopicOrPartition):
		// Either the topic is gone, or this broker does not know it yet.
		if fault := c.checkPlace(ctx, at); fault != nil {
			return fault
		}
	case isNetwork(err):
		_ = leader.Close()
	case !isTransient(err):
		return fmt.Errorf("kafka: asking the leader of %s: %w", at, err)
	}
	return err
}

// checkPlace makes sure that the partition exists.
func (c *Client) checkPlace(ctx context.Context, at place) error {
	count, err := c.partitions(ctx, at.topic)
	if err != nil {
		return err
	}
	if at.partition < 0 || at.partition >= count {
		return noPartition(at, count)
	}
	return nil
}

func noPartition(at place, count int32) error {
	return fmt.Errorf("kafka: topic %q has no partition %d: it has %d, numbered from 0", at.topic, at.partition, count)
}

// isTransient tells whether the same request may succeed a moment later.
func isTransient(err error) bool {
	for _, passing := range []error{
		sarama.ErrUnknownTopicOrPartition, sarama.ErrNotLeaderForPartition, sarama.ErrLeaderNotAvailable,
		sarama.ErrReplicaNotAvailable, sarama.ErrFencedLeaderEpoch, sarama.ErrUnknownLeaderEpoch,
		sarama.ErrOffsetNotAvailable, sarama.ErrRequestTimedOut, sarama.ErrBrokerNotAvailable,
		sarama.ErrBrokerNotFound, sarama.ErrOutOfBrokers, sarama.ErrIncompleteResponse,
	} {
		if errors.Is(err, passing) {
			return true
		}
	}
	var unreachable *UnreachableError
	return isNetwork(err) && !errors.As(err, &unreachable)
}
