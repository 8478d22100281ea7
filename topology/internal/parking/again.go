package parking

import (
	"time"

	"github.com/IBM/sarama"

	"github.com/gokavro/gokavro/processors/dlq"
	"github.com/gokavro/gokavro/topology/graph"
	"github.com/gokavro/gokavro/topology/internal/backoff"
)

// Next returns the record as it waits for another try, and when that is due:
// tried more have failed, and again says that it was parked before. It returns
// nil when its policy has no more tries for it.
func (e *Entry) Next(retry graph.Retry, tried int, again bool, now time.Time) (next *Entry, due time.Time) {
	retry = retry.WithDefaults()
	waiting := *e
	waiting.Attempts += int32(tried)
	if again {
		waiting.Parked++
	}
	if !retry.Topic || int(waiting.Parked) >= retry.TopicAttempts {
		return nil, time.Time{}
	}
	return &waiting, now.Add(backoff.After(retry, int(waiting.Attempts)))
}

// Replayed returns a record of the retry topic as it was in its input.
func Replayed(m *sarama.ConsumerMessage) (*Entry, error) {
	e := NewEntry(m)
	origin, err := dlq.ParseOrigin(e.Headers)
	if err != nil {
		return nil, err
	}
	e.Topic, e.Partition, e.Offset, e.Time = origin.Topic, origin.Partition, origin.Offset, origin.Time
	e.Attempts, e.Headers = int32(origin.Attempts), dlq.WithoutOrigin(e.Headers)
	return e, nil
}
