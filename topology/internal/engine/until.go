package engine

import (
	"slices"

	"github.com/IBM/sarama"
)

// within leaves out what lies behind the bound of a partition: it returns the
// messages before that, and end or the bound.
func (c Config) within(messages []*sarama.ConsumerMessage, end int64) ([]*sarama.ConsumerMessage, int64) {
	partitions, bounded := c.Until[messages[0].Topic]
	if !bounded {
		return messages, end
	}
	bound := partitions[messages[0].Partition]
	behind := slices.IndexFunc(messages, func(m *sarama.ConsumerMessage) bool { return m.Offset >= bound })
	if behind >= 0 {
		messages = messages[:behind]
	}
	return messages, min(end, bound)
}
