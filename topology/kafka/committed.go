package kafka

import (
	"errors"
	"fmt"

	"github.com/IBM/sarama"
)

// Committed returns the offsets that a consumer group has committed, by topic
// and partition: the next one to read. A partition without a commit is not in
// it, and neither is anything of a group that does not exist.
func (c *Client) Committed(group string) (map[string]map[int32]int64, error) {
	admin, err := sarama.NewClusterAdminFromClient(c.sarama)
	if err != nil {
		return nil, fmt.Errorf("kafka: asking for the offsets of group %q: %w", group, err)
	}
	response, err := admin.ListConsumerGroupOffsets(group, nil)
	if err == nil && response.Err != sarama.ErrNoError {
		err = response.Err
	}
	if errors.Is(err, sarama.ErrGroupIDNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("kafka: asking for the offsets of group %q: %w", group, err)
	}
	committed := map[string]map[int32]int64{}
	for topic, partitions := range response.Blocks {
		for partition, block := range partitions {
			if block.Err != sarama.ErrNoError {
				return nil, fmt.Errorf("kafka: the offset of group %q in %s: %w", group, place{topic, partition}, block.Err)
			}
			if block.Offset < 0 {
				continue
			}
			if committed[topic] == nil {
				committed[topic] = map[int32]int64{}
			}
			committed[topic][partition] = block.Offset
		}
	}
	return committed, nil
}
