package kafka

import (
	"fmt"

	"github.com/IBM/sarama"
)

// AlterTopic sets settings of a topic, such as cleanup.policy, and leaves all
// others as they are.
func (c *Client) AlterTopic(topic string, settings map[string]string) error {
	entries := map[string]sarama.IncrementalAlterConfigsEntry{}
	for name, value := range settings {
		entries[name] = sarama.IncrementalAlterConfigsEntry{Operation: sarama.IncrementalAlterConfigsOperationSet, Value: &value}
	}
	admin, err := sarama.NewClusterAdminFromClient(c.sarama)
	if err != nil {
		return fmt.Errorf("kafka: finding the cluster's controller: %w", err)
	}
	const dry = false
	if err := admin.IncrementalAlterConfig(sarama.TopicResource, topic, entries, dry); err != nil {
		return fmt.Errorf("kafka: setting %v of topic %q: %w", settings, topic, err)
	}
	return nil
}
