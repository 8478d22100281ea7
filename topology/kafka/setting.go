package kafka

import (
	"fmt"

	"github.com/IBM/sarama"
)

// TopicSetting returns what a setting of a topic is, be it the topic's own or
// what the brokers have for all: that of delete.retention.ms, for example. It is
// "" where the brokers know no such setting, and an error without the right to
// describe the topic's configuration.
func (c *Client) TopicSetting(topic, name string) (string, error) {
	admin, err := sarama.NewClusterAdminFromClient(c.sarama)
	if err != nil {
		return "", fmt.Errorf("kafka: finding the cluster's controller: %w", err)
	}
	resource := &sarama.ConfigResource{Type: sarama.TopicResource, Name: topic, ConfigNames: []string{name}}
	results, err := admin.DescribeConfigs([]*sarama.ConfigResource{resource}, sarama.DescribeConfigsOptions{})
	if err != nil {
		return "", fmt.Errorf("kafka: asking for %s of topic %q: %w", name, topic, err)
	}
	for _, result := range results {
		if result.ErrorCode != sarama.ErrNoError {
			return "", fmt.Errorf("kafka: asking for %s of topic %q: %w %s", name, topic, result.ErrorCode, result.ErrorMsg)
		}
		for _, entry := range result.Configs {
			if entry.Name == name {
				return entry.Value, nil
			}
		}
	}
	return "", nil
}
