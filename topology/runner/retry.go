package runner

import (
	"errors"

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
	program.Lot, program.Alarm = parking.New(s.graph.Parked()), s.topic(s.graph.Parked())
	m.stores = append(m.stores, store.Spec{Name: s.graph.Parked(), Topic: program.Alarm})
	m.alarm = program.Alarm
	return nil
}

func (s *site) exists(topic string) (bool, error) {
	_, err := s.kafka.Partitions(s.topic(topic))
	if errors.Is(err, kafka.ErrTopicNotFound) {
		return false, nil
	}
	return err == nil, err
}
