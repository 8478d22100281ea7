package backend

import (
	"github.com/IBM/sarama"
)

// consumer is the sarama.Consumer that goka restores the group's table with,
// under the names of the cluster.
type consumer struct {
	sarama.Consumer
	names Names
}

// ConsumePartition reads a partition from offset on.
func (c *consumer) ConsumePartition(topic string, partition int32, offset int64) (sarama.PartitionConsumer, error) {
	return c.Consumer.ConsumePartition(c.names.topic(topic), partition, offset)
}
