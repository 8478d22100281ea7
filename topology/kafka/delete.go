package kafka

import (
	"context"
	"errors"
	"fmt"

	"github.com/IBM/sarama"
)

// DeleteTopics deletes topics with all their records, and returns the names of
// those that were there.
func (c *Client) DeleteTopics(ctx context.Context, names ...string) (deleted []string, err error) {
	admin, err := sarama.NewClusterAdminFromClient(c.sarama)
	if err != nil {
		return nil, fmt.Errorf("kafka: finding the cluster's controller: %w", err)
	}
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return deleted, fmt.Errorf("kafka: deleting topic %q: %w", name, err)
		}
		err := admin.DeleteTopic(name)
		if errors.Is(err, sarama.ErrUnknownTopicOrPartition) {
			continue
		}
		if err != nil {
			return deleted, fmt.Errorf("kafka: deleting topic %q: %w", name, err)
		}
		deleted = append(deleted, name)
	}
	return deleted, nil
}

// DeleteGroup deletes a consumer group with its offsets. One that has members is
// refused, one that does not exist is no error.
func (c *Client) DeleteGroup(group string) error {
	admin, err := sarama.NewClusterAdminFromClient(c.sarama)
	if err == nil {
		err = admin.DeleteConsumerGroup(group)
	}
	switch {
	case err == nil, errors.Is(err, sarama.ErrGroupIDNotFound):
		return nil
	case errors.Is(err, sarama.ErrNonEmptyGroup):
		return fmt.Errorf("kafka: deleting group %q: it has members: stop its processes first", group)
	}
	return fmt.Errorf("kafka: deleting group %q: %w", group, err)
}

// SetOffsets commits offsets for a group that has no members, by topic and
// partition: where it is to begin. One that has members is refused.
func (c *Client) SetOffsets(group string, offsets map[string]map[int32]int64) error {
	admin, err := sarama.NewClusterAdminFromClient(c.sarama)
	if err != nil {
		return fmt.Errorf("kafka: setting the offsets of group %q: %w", group, err)
	}
	commits := map[string]map[int32]sarama.OffsetAndMetadata{}
	for topic, partitions := range offsets {
		commits[topic] = map[int32]sarama.OffsetAndMetadata{}
		for partition, offset := range partitions {
			commits[topic][partition] = sarama.OffsetAndMetadata{Offset: offset, LeaderEpoch: -1}
		}
	}
	response, err := admin.AlterConsumerGroupOffsets(group, commits, nil)
	if err != nil {
		return fmt.Errorf("kafka: setting the offsets of group %q: %w", group, err)
	}
	for topic, partitions := range response.Errors {
		for partition, fault := range partitions {
			if fault == sarama.ErrUnknownMemberId {
				return fmt.Errorf("kafka: setting the offsets of group %q: it has members: stop its processes first", group)
			}
			if fault != sarama.ErrNoError {
				return fmt.Errorf("kafka: setting the offset of group %q in %s: %w", group, place{topic, partition}, fault)
			}
		}
	}
	return nil
}
