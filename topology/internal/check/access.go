package check

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/IBM/sarama"
)

// operations are what the process may do with a resource, as a broker tells.
type operations struct {
	bits  int32
	known bool
}

// unsaid is what a broker answers that was not asked, or is too old.
const unsaid = -1 << 31

// lacks returns those of the operations that are not allowed.
func (o operations) lacks(needed ...sarama.AclOperation) []sarama.AclOperation {
	if !o.known || o.bits == unsaid {
		return nil
	}
	return slices.DeleteFunc(needed, func(op sarama.AclOperation) bool { return o.bits&(1<<op) != 0 })
}

// Grant is a permission that a group needs.
type Grant struct {
	// Resource is topic, group or transactional-id, and Name the one of it.
	Resource, Name string
	// Prefixed is set when every name that begins so is meant.
	Prefixed bool
	// Operations are Read, Write and the like.
	Operations []string
}

// Command returns what gives it, with Kafka's own tool. The principal is named
// NAME: a client does not know as whom a cluster sees it.
func (g Grant) Command() string {
	words := []string{"kafka-acls --bootstrap-server BROKER --add --allow-principal User:NAME"}
	for _, operation := range g.Operations {
		words = append(words, "--operation", operation)
	}
	words = append(words, "--"+g.Resource, g.Name)
	if g.Prefixed {
		words = append(words, "--resource-pattern-type prefixed")
	}
	return strings.Join(words, " ")
}

// Missing returns what has to be allowed when a broker answers so to a group's
// member, and whether it is that.
func (g Group) Missing(answer error) (missing Grant, found bool) {
	switch {
	case errors.Is(answer, sarama.ErrGroupAuthorizationFailed):
		return g.groupGrant(), true
	case errors.Is(answer, sarama.ErrTransactionalIDAuthorizationFailed):
		return g.transactionGrant(), true
	}
	return Grant{}, false
}

// ToWrite is the permission to write a topic.
func ToWrite(topic string) Grant {
	return topicGrant(topic, []sarama.AclOperation{sarama.AclOperationWrite})
}

func (g Grant) what() string {
	return fmt.Sprintf("%s on %s %s is not allowed", strings.Join(g.Operations, " and "), g.Resource, g.Name)
}

// needed returns the operations on a topic of that role.
func (r Role) needed() []sarama.AclOperation {
	switch r {
	case Input, Lookup, Join:
		return []sarama.AclOperation{sarama.AclOperationRead}
	case Output, DeadLetters:
		return []sarama.AclOperation{sarama.AclOperationWrite}
	}
	return []sarama.AclOperation{sarama.AclOperationRead, sarama.AclOperationWrite}
}

// Grants lists all that the group needs. Describe comes with Read and Write;
// DescribeConfigs is for these checks.
func (g Group) Grants() []Grant {
	var list []Grant
	for _, t := range g.Topics {
		list = append(list, topicGrant(t.Name, append(t.Role.needed(), sarama.AclOperationDescribeConfigs)))
	}
	list = append(list, g.groupGrant())
	if g.TransactionalID != "" {
		list = append(list, g.transactionGrant())
	}
	return list
}

func topicGrant(name string, ops []sarama.AclOperation) Grant {
	return Grant{Resource: "topic", Name: name, Operations: spell(ops)}
}

func (g Group) groupGrant() Grant {
	return Grant{Resource: "group", Name: g.Name, Operations: spell([]sarama.AclOperation{sarama.AclOperationRead})}
}

func (g Group) transactionGrant() Grant {
	return Grant{Resource: "transactional-id", Name: g.Name + "-", Prefixed: true, Operations: spell([]sarama.AclOperation{sarama.AclOperationWrite})}
}

func spell(ops []sarama.AclOperation) []string {
	var names []string
	for _, op := range ops {
		names = append(names, op.String())
	}
	return names
}

// permissions checks what the process may do.
func (r *report) permissions(g Group, f *facts) {
	r.check(Permissions, func() {
		if f.topicsErr != nil {
			r.unknown(Permissions, "", f.topicsErr)
		}
		for _, t := range g.Topics {
			missing := f.topics[t.Name].allowed.lacks(t.Role.needed()...)
			if f.topics[t.Name].err == sarama.ErrTopicAuthorizationFailed {
				missing = t.Role.needed()
			}
			if len(missing) > 0 && (f.topics[t.Name].exists() || f.topics[t.Name].err == sarama.ErrTopicAuthorizationFailed) {
				r.forbidden(t.Name, topicGrant(t.Name, missing))
			}
		}
		switch {
		case errors.Is(f.groupErr, sarama.ErrGroupAuthorizationFailed), len(f.group.lacks(sarama.AclOperationRead)) > 0:
			r.forbidden("", g.groupGrant())
		case f.groupErr != nil:
			r.unknown(Permissions, "", fmt.Errorf("group %s: %w", g.Name, f.groupErr))
		}
		switch {
		case errors.Is(f.transactErr, sarama.ErrTransactionalIDAuthorizationFailed):
			r.forbidden("", g.transactionGrant())
		case f.transactErr != nil:
			r.unknown(Permissions, "", fmt.Errorf("transactional id %s: %w", g.TransactionalID, f.transactErr))
		}
	})
}

func (r *report) forbidden(topic string, g Grant) {
	r.fault(Finding{Check: Permissions, Topic: topic, What: g.what(), Fix: "allow it with " + g.Command()})
}

// coordinatorPause lies between two questions for a coordinator: the first one on
// a new cluster makes the brokers create the topic of the groups' offsets.
const coordinatorPause = 100 * time.Millisecond

// askGroup asks the group's coordinator.
func (l *looker) askGroup(ctx context.Context) func() error {
	return func() error {
		for {
			l.facts.groupErr = l.askGroupOnce()
			if !isComing(l.facts.groupErr) {
				return nil
			}
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(coordinatorPause):
			}
		}
	}
}

func isComing(err error) bool {
	return errors.Is(err, sarama.ErrConsumerCoordinatorNotAvailable) || errors.Is(err, sarama.ErrNotCoordinatorForConsumer) ||
		errors.Is(err, sarama.ErrOffsetsLoadInProgress)
}

func (l *looker) askGroupOnce() error {
	if err := l.conn.RefreshCoordinator(l.group.Name); err != nil {
		return err
	}
	coordinator, err := l.conn.Coordinator(l.group.Name)
	if err != nil {
		return err
	}
	return l.conn.Apart(coordinator, func(coordinator *sarama.Broker) error {
		request := &sarama.DescribeGroupsRequest{Version: 4, Groups: []string{l.group.Name}, IncludeAuthorizedOperations: true}
		response, err := coordinator.DescribeGroups(request)
		if err != nil {
			return err
		}
		for _, found := range response.Groups {
			if found.Err != sarama.ErrNoError {
				return found.Err
			}
			l.facts.group = operations{bits: found.AuthorizedOperations, known: found.Version >= 3}
		}
		return nil
	})
}

// askTransactions ends a transaction that is not there. A broker looks first
// whether that were allowed, and nothing comes of it.
func (l *looker) askTransactions() error {
	if l.group.TransactionalID == "" {
		return nil
	}
	l.facts.transactErr = l.any(func(broker *sarama.Broker) error {
		response, err := broker.EndTxn(&sarama.EndTxnRequest{Version: 1, TransactionalID: l.group.TransactionalID, ProducerID: -1, ProducerEpoch: -1})
		if err == nil && response.Err == sarama.ErrTransactionalIDAuthorizationFailed {
			err = response.Err
		}
		return err
	})
	return nil
}
