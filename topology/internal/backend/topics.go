package backend

import (
	"fmt"

	"github.com/IBM/sarama"
	"github.com/lovoo/goka"

	"github.com/gokavro/gokavro/topology/kafka"
)

// Names maps topic names that goka makes up to those on the cluster. goka
// calls a group's table GROUP-table; ours carries the name of the store.
type Names map[string]string

func (n Names) topic(name string) string {
	if renamed, ok := n[name]; ok {
		return renamed
	}
	return name
}

// topicManager is a goka.TopicManager that creates nothing: the runner has
// checked or created every topic before goka starts.
type topicManager struct {
	client *kafka.Client
	names  Names
}

// EnsureTableExists checks that a table's topic exists with npar partitions.
func (m *topicManager) EnsureTableExists(topic string, npar int) error { return m.ensure(topic, npar) }

// EnsureStreamExists checks that a stream's topic exists with npar partitions.
func (m *topicManager) EnsureStreamExists(topic string, npar int) error { return m.ensure(topic, npar) }

// EnsureTopicExists checks that a topic exists with npar partitions.
func (m *topicManager) EnsureTopicExists(topic string, npar, _ int, _ map[string]string) error {
	return m.ensure(topic, npar)
}

func (m *topicManager) ensure(topic string, npar int) error {
	have, err := m.client.Partitions(m.names.topic(topic))
	if err != nil {
		return err
	}
	if int(have) != npar {
		return fmt.Errorf("topic %s has %d partitions, want %d", m.names.topic(topic), have, npar)
	}
	return nil
}

// Partitions lists the partitions of a topic.
func (m *topicManager) Partitions(topic string) ([]int32, error) {
	have, err := m.client.Partitions(m.names.topic(topic))
	if err != nil {
		return nil, err
	}
	partitions := make([]int32, have)
	for i := range partitions {
		partitions[i] = int32(i)
	}
	return partitions, nil
}

// GetOffset returns a partition's oldest or newest offset. The newest is the
// one after the last record that a consumer is handed: goka restores a table
// until it has seen the record before it, and would wait for ever for a
// transaction's commit marker.
func (m *topicManager) GetOffset(topic string, partition int32, at int64) (int64, error) {
	topic = m.names.topic(topic)
	oldest, err := m.client.Offset(topic, partition, kafka.Beginning())
	if err != nil || at != sarama.OffsetNewest {
		return oldest, err
	}
	end, err := m.client.EndOffset(topic, partition, kafka.ReadCommitted)
	if err != nil {
		return 0, err
	}
	last, err := m.client.LastVisible(topic, partition, oldest, end, kafka.ReadCommitted)
	if err != nil {
		return 0, err
	}
	if last < 0 {
		return oldest, nil
	}
	return last + 1, nil
}

// Close leaves the client, which the runner owns, open.
func (m *topicManager) Close() error { return nil }

var _ goka.TopicManager = (*topicManager)(nil)
