package chaos_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/IBM/sarama"
)

// nodeTimeout is after how long the controller gives a silent node up
// (broker.session.timeout.ms); its partitions have no leader until then.
const nodeTimeout = 9 * time.Second

// Three nodes, of which one is away at a time: the one that coordinates the group
// dies, then one that leads partitions of the input leaves.
func TestNothingIsLostWhenLeadersMove(t *testing.T) {
	t.Parallel()
	needKafka(t)
	prove(t, onNodes(t, 3), &scenario{
		name: unique("nodes"), seed: seed(), worker: onRunner, delivery: exactlyOnce,
		processes: 2, keys: 500, records: 12_000, perSecond: 400,
		events: map[kind]int{crash: 1, goaway: 1},
	})
}

// takeNode keeps a node away for so long that others take its work over.
func (s *storm) takeNode(ctx context.Context, e event) error {
	s.broker.Lock()
	defer s.broker.Unlock()
	verb, find, away := "stop", s.leader, time.Second
	if e.kind == crash {
		verb, find, away = "kill", s.coordinator, nodeTimeout+time.Second
	}
	broker, err := find()
	if err != nil {
		return err
	}
	number := strconv.Itoa(int(broker.ID()))
	s.journal.add("node %s: %s", number, e.kind)
	if err := s.cluster.node.run(ctx, verb, "--node", number); err != nil {
		return err
	}
	if err := pause(ctx, away+e.span); err != nil {
		return err
	}
	err = s.cluster.node.run(ctx, "start", "--node", number)
	s.journal.add("node %s is back", number)
	return err
}

// coordinator returns the node that coordinates the group.
func (s *storm) coordinator() (*sarama.Broker, error) {
	client := s.cluster.client.Sarama()
	if err := client.RefreshCoordinator(s.group); err != nil {
		return nil, err
	}
	return client.Coordinator(s.group)
}

// leader returns the node that leads the first partition of the input.
func (s *storm) leader() (*sarama.Broker, error) {
	client := s.cluster.client.Sarama()
	if err := client.RefreshMetadata(s.input); err != nil {
		return nil, err
	}
	return client.Leader(s.input, 0)
}
