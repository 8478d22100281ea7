package runner

import (
	"errors"
	"strings"

	"github.com/gokavro/gokavro/topology/internal/compile"
	"github.com/gokavro/gokavro/topology/internal/parking"
	"github.com/gokavro/gokavro/topology/internal/store"
	"github.com/gokavro/gokavro/topology/kafka"
)

// retries gives the program and the member what there is for retries. Records
// that were parked before are seen to, also where no policy parks any more.
func (s *site) retries(program *compile.Program, m *member) error {
	retry, err := s.exists(s.graph.Retry())
	if err != nil {
		return err
	}
	if retry {
		program.Retry = s.topic(s.graph.Retry())
		m.topics = append(m.topics, program.Retry)
	} else {
		s.cfg.Logger.Info("dead letters cannot be replayed: create the topic with as many partitions as the inputs have, and start again",
			"topic", s.topic(s.graph.Retry()))
	}
	parks, err := s.exists(s.graph.Parked())
	if err != nil || !parks {
		return err
	}
	program.Alarm = s.topic(s.graph.Parked())
	program.Lot = parking.New(s.graph.Parked(), m.takes(program.Alarm))
	m.stores = append(m.stores, store.Spec{Name: s.graph.Parked(), Topic: program.Alarm})
	m.alarm, m.lot = program.Alarm, program.Lot
	return nil
}

// isOfRetries tells whether a topic of the graph has as many partitions as the
// inputs, whatever missing topics are created with.
func (s *site) isOfRetries(topic string) bool {
	return topic == s.graph.Retry() || topic == s.graph.Parked()
}

// besideInputs gives topics of retries that are to be created the number of
// partitions that the inputs have, if there are any.
func (s *site) besideInputs(topics []kafka.Topic) error {
	count, err := s.inputPartitions()
	if err != nil || count == 0 {
		return err
	}
	for i, t := range topics {
		if s.isOfRetries(strings.TrimPrefix(t.Name, s.cfg.TopicPrefix)) {
			topics[i].Partitions = count
		}
	}
	return nil
}

func (s *site) exists(topic string) (bool, error) {
	_, err := s.kafka.Partitions(s.topic(topic))
	if errors.Is(err, kafka.ErrTopicNotFound) {
		return false, nil
	}
	return err == nil, err
}
