package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/IBM/sarama"
)

// idleCheck is how long a reading that has an end waits for its next record
// before it asks whether that record is still there.
const idleCheck = time.Second

// follower reads one partition.
type follower struct {
	client   *Client
	consumer consumer
	level    sarama.IsolationLevel
	span     span
	out      chan<- Record

	interrupted func(error) // may be nil
}

// run reads until the span's last record, an error or the end of ctx. sarama
// gives a partition up only when its offset has left the log.
func (f *follower) run(ctx context.Context) error {
	for {
		partition, err := f.open(ctx)
		if err != nil {
			return err
		}
		if partition == nil {
			return nil
		}
		done, err := f.pump(ctx, partition)
		_ = partition.Close()
		if done || err != nil {
			return err
		}
		if !pause(ctx, retryPause) {
			return ctx.Err()
		}
	}
}

// open starts sarama's reading at the span's next offset. It returns nil if
// there is nothing left to read.
func (f *follower) open(ctx context.Context) (sarama.PartitionConsumer, error) {
	within, cancel := context.WithTimeout(ctx, f.client.cfg.Timeout)
	defer cancel()
	for {
		partition, err := f.consumer.ConsumePartition(f.span.topic, f.span.partition, f.span.next)
		if err == nil {
			return partition, nil
		}
		if errors.Is(err, sarama.ErrOffsetOutOfRange) {
			left, err := f.reposition(ctx)
			if err != nil || !left {
				return nil, err
			}
			continue
		}
		if !pause(within, retryPause) {
			return nil, f.client.gaveUp(ctx, fmt.Errorf("reading %s: %w", f.span.place, err))
		}
		if err := f.client.checkPlace(ctx, f.span.place); err != nil {
			return nil, err
		}
	}
}

// reposition goes to the log's start if the next record has been deleted, and
// reports whether anything is left to read.
func (f *follower) reposition(ctx context.Context) (bool, error) {
	at := f.span.place
	first, err := f.client.offset(ctx, at, Beginning())
	if err != nil {
		return false, err
	}
	end, err := f.client.offset(ctx, at, End())
	if err != nil {
		return false, err
	}
	if f.span.next > end {
		return false, fmt.Errorf("kafka: reading %s at offset %d: the log has lost its tail and ends at %d", at, f.span.next, end)
	}
	if f.span.next < first {
		f.client.cfg.Logger.Warn("records were deleted before they were read",
			"topic", at.topic, "partition", at.partition, "offset", f.span.next, "log_start", first)
		f.span.next = first
	}
	return f.searchLast(ctx)
}

// searchLast searches the span's last record once more, for retention and
// compaction may have removed it, and reports whether anything is left to read.
func (f *follower) searchLast(ctx context.Context) (bool, error) {
	if f.span.end < 0 {
		return true, nil
	}
	last, err := f.client.lastVisible(ctx, f.span.place, tail{from: f.span.next, end: f.span.end, level: f.level})
	f.span.last = last
	return last >= 0, err
}

// pump passes records on. It returns true at the end of the span, and false if
// sarama has given the partition up.
func (f *follower) pump(ctx context.Context, partition sarama.PartitionConsumer) (done bool, err error) {
	ticker := time.NewTicker(idleCheck)
	defer ticker.Stop()
	seen := f.span.next
	for {
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case message, ok := <-partition.Messages():
			if !ok {
				return false, nil
			}
			if done, err := f.pass(ctx, message); done || err != nil {
				return done, err
			}
		case fault, ok := <-partition.Errors():
			if !ok {
				return false, nil
			}
			if err := f.note(ctx, fault.Err); err != nil {
				return false, err
			}
		case <-ticker.C:
			if f.span.next != seen {
				seen = f.span.next
				continue
			}
			if left, err := f.searchLast(ctx); err != nil || !left {
				return !left, err
			}
		}
	}
}

// pass hands one record over and reports whether it was the last one.
func (f *follower) pass(ctx context.Context, message *sarama.ConsumerMessage) (done bool, err error) {
	bounded := f.span.end >= 0
	if bounded && message.Offset >= f.span.end {
		return true, nil
	}
	select {
	case f.out <- toRecord(message):
	case <-ctx.Done():
		return false, ctx.Err()
	}
	f.span.next = message.Offset + 1
	return bounded && message.Offset >= f.span.last, nil
}

// note logs a fault that sarama recovers from. Only a topic that is gone ends
// the reading.
func (f *follower) note(ctx context.Context, fault error) error {
	at := f.span.place
	f.client.cfg.Logger.Warn("reading is interrupted and goes on by itself",
		"topic", at.topic, "partition", at.partition, "offset", f.span.next, "err", fault)
	if f.interrupted != nil {
		f.interrupted(fault)
	}
	if !errors.Is(fault, sarama.ErrUnknownTopicOrPartition) {
		return nil
	}
	if err := f.client.checkPlace(ctx, at); errors.Is(err, ErrTopicNotFound) {
		return err
	}
	return nil
}

func toRecord(message *sarama.ConsumerMessage) Record {
	return Record{
		Topic: message.Topic, Partition: message.Partition, Offset: message.Offset,
		Time: message.Timestamp, Key: message.Key, Value: message.Value, Headers: toHeaders(message.Headers),
	}
}

func toHeaders(raw []*sarama.RecordHeader) []Header {
	var headers []Header
	for _, header := range raw {
		headers = append(headers, Header{Key: string(header.Key), Value: header.Value})
	}
	return headers
}
