package runner

import (
	"context"
	"fmt"
	"time"

	"github.com/IBM/sarama"
	"github.com/lovoo/goka"
)

const (
	// heartbeat is how often the group's coordinator is asked. A member hears of a
	// rebalance by the answer, and a partition that moves takes two of them.
	heartbeat = 200 * time.Millisecond
	// sessionTimeout is how long a process that says nothing is waited for.
	sessionTimeout = 10 * time.Second
	// rebalanceTimeout is how long the group waits for a member to join again. It is
	// less than what an answer of the coordinator is waited for.
	rebalanceTimeout = 25 * time.Second
	// groupBackoff lies between two tries of what the group does not allow yet, such
	// as offsets that a killed process has left in a transaction: the broker aborts
	// that up to 10 s after the session's end, and these tries outlast it.
	groupBackoff = 100 * time.Millisecond
	groupTries   = 120
	// metadataTimeout bounds a question for the cluster's leaders, whatever the
	// tries.
	metadataTimeout = 3 * time.Second
)

// consumer joins the group. What it keeps of its partitions goes on during a
// rebalance, unless processes of goka may be members too.
func (m *member) consumer(strategy sarama.BalanceStrategy) (sarama.ConsumerGroup, error) {
	cfg := m.client.Config()
	conf, cut := cfg.Cuttable()
	conf.Metadata.Retry.Max, conf.Metadata.Retry.Backoff = groupTries, groupBackoff
	conf.Metadata.Timeout = metadataTimeout
	conf.Consumer.Offsets.AutoCommit.Enable = false
	if err := m.boundFetches(conf); err != nil {
		cut()
		return nil, err
	}
	settings := &conf.Consumer.Group
	settings.InstanceId = m.id
	settings.Heartbeat.Interval, settings.Session.Timeout = heartbeat, sessionTimeout
	settings.Rebalance.Timeout = rebalanceTimeout
	settings.Rebalance.Retry.Max, settings.Rebalance.Retry.Backoff = groupTries, groupBackoff
	settings.Rebalance.GroupStrategies = []sarama.BalanceStrategy{strategy}
	if m.besideGoka {
		settings.Rebalance.GroupStrategies = append(settings.Rebalance.GroupStrategies, goka.CopartitioningStrategy)
	}
	group, err := sarama.NewConsumerGroup(cfg.Brokers, m.group, conf)
	if err != nil {
		cut()
		return nil, err
	}
	return &cuttable{group, cut}, nil
}

// cuttable is a consumer whose requests can be ended.
type cuttable struct {
	sarama.ConsumerGroup
	cut func()
}

// Cut ends all requests that are under way.
func (c *cuttable) Cut() { c.cut() }

// Close ends the consumer.
func (c *cuttable) Close() error {
	defer c.cut()
	return c.ConsumerGroup.Close()
}

// leave takes this process out of the group. sarama leaves members with a name
// of their own in it.
func (m *member) leave(ctx context.Context, id string) error {
	left := make(chan error, 1)
	go func() { left <- m.leaveNow(id) }()
	select {
	case err := <-left:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (m *member) leaveNow(id string) error {
	coordinator, err := m.client.Sarama().Coordinator(m.group)
	if err != nil {
		return err
	}
	response, err := coordinator.LeaveGroup(&sarama.LeaveGroupRequest{
		Version: 4, GroupId: m.group, Members: []sarama.MemberIdentity{{MemberId: id, GroupInstanceId: &m.id}},
	})
	if err != nil {
		return err
	}
	for _, member := range response.Members {
		if response.Err == sarama.ErrNoError {
			response.Err = member.Err
		}
	}
	if response.Err != sarama.ErrNoError {
		return fmt.Errorf("leaving group %s: %w", m.group, response.Err)
	}
	return nil
}
