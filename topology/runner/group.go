package runner

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/IBM/sarama"
	"github.com/lovoo/goka"

	"github.com/gokavro/gokavro/topology/internal/backoff"
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
	go func() { left <- m.leaveSoon(ctx, id) }()
	select {
	case err := <-left:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// leaveSoon tries again until ctx ends, for the connection may be one to a broker
// that was away meanwhile.
func (m *member) leaveSoon(ctx context.Context, id string) error {
	wait := backoff.Backoff{First: 10 * time.Millisecond}
	for {
		err := m.leaveNow(id)
		switch {
		case err == nil, errors.Is(err, sarama.ErrUnknownMemberId):
			return nil
		case isAnswer(err) || errors.Is(err, sarama.ErrClosedClient) || wait.Wait(ctx) != nil:
			return err
		}
		_ = m.client.Sarama().RefreshCoordinator(m.group) // the next try meets what this has met
	}
}

// isAnswer reports whether an error is the group's last word.
func isAnswer(err error) bool {
	code, answered := errors.AsType[sarama.KError](err)
	return answered && !slices.Contains([]sarama.KError{
		sarama.ErrNotCoordinatorForConsumer, sarama.ErrConsumerCoordinatorNotAvailable, sarama.ErrOffsetsLoadInProgress,
	}, code)
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
		_ = coordinator.Close() // or the next try gets the same connection
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
