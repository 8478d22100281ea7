package check

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/IBM/sarama"

	"github.com/gokavro/gokavro/topology/kafka"
)

// Drift is how a topic differs from what a group wants of it.
type Drift struct {
	Topic   kafka.Topic // as it is wanted
	Missing bool
	// Alter are settings to be set, Have what they are.
	Alter, Have map[string]string
	// Partitions and Replicas are those of a topic that exists.
	Partitions, Replicas int
	// Foreign is what a start warns of in the settings of a topic of others.
	Foreign string
}

// own tells whether the topic is the group's, so that its settings are too.
func (r Role) own() bool { return r == Store || r == DeadLetters || r == Retry || r == Loop }

// Together tells whether topics of the role have the same number of partitions,
// since a task works on all of one number.
func (r Role) Together() bool {
	return r == Input || r == Join || r == Store || r == Retry || r == Loop
}

// Drifts compares the group's topics with what is wanted, in their order.
func Drifts(ctx context.Context, client *kafka.Client, g Group) ([]Drift, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn, err := kafka.DialConn(ctx, client.Config())
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	stop := context.AfterFunc(ctx, conn.Cut)
	defer stop()
	l := &looker{conn: conn, group: g, facts: &facts{}}
	if err := l.askTopics(); err != nil {
		return nil, fmt.Errorf("asking for the topics: %w", err)
	}
	if err := l.askConfigs(); err != nil {
		return nil, err
	}
	var list []Drift
	for i, t := range g.Topics {
		d, err := l.facts.drift(t, g.Create[i])
		if err != nil {
			return nil, err
		}
		list = append(list, d)
	}
	return list, nil
}

// drift compares one topic.
func (f *facts) drift(t Topic, want kafka.Topic) (Drift, error) {
	found := f.topics[t.Name]
	d := Drift{Topic: want, Missing: found.err == sarama.ErrUnknownTopicOrPartition, Partitions: len(found.partitions), Replicas: found.replicas()}
	if d.Missing {
		return d, nil
	}
	if !found.exists() {
		return d, unseen(t, found.err)
	}
	if err := f.configsErr[t.Name]; err != nil {
		return d, unseen(t, err)
	}
	d.Have = f.configs[t.Name]
	wrong, _ := retention{d.Have}.judge(t)
	if wrong.What != "" && !t.Role.own() {
		d.Foreign = wrong.What + ": it is not the group's own: " + wrong.Fix
		return d, nil
	}
	d.Alter = map[string]string{}
	if wrong.What != "" {
		d.Alter = mended(t, retention{d.Have})
	}
	if least, err := strconv.Atoi(d.Have[minInSync]); err == nil && t.Role.own() && least < want.MinInSync {
		d.Alter[minInSync] = strconv.Itoa(want.MinInSync)
	}
	if most, err := strconv.Atoi(d.Have[maxBytes]); err == nil && t.Role.own() && most < want.MaxBytes {
		d.Alter[maxBytes] = strconv.Itoa(want.MaxBytes)
	}
	return d, nil
}

// unseen is the error of a topic that cannot be compared.
func unseen(t Topic, err error) error {
	if !errors.Is(err, sarama.ErrTopicAuthorizationFailed) {
		return fmt.Errorf("topic %s: asking for its settings: %w", t.Name, err)
	}
	grant := topicGrant(t.Name, []sarama.AclOperation{sarama.AclOperationDescribe, sarama.AclOperationDescribeConfigs})
	return fmt.Errorf("topic %s: %w: allow it with %s", t.Name, err, grant.Command())
}

// mended returns the settings that a topic of the group's own should have.
func mended(t Topic, have retention) map[string]string {
	switch {
	case t.Role == Store:
		return map[string]string{cleanupPolicy: "compact"}
	case t.Role == Loop && !have.compacts():
		return map[string]string{retentionTime: "-1"}
	}
	return map[string]string{cleanupPolicy: "delete"}
}

// Describe lists how a topic is created, beside the broker's defaults.
func Describe(t kafka.Topic) string {
	parts := []string{fmt.Sprintf("%d partitions", t.Partitions)}
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	if t.Replicas > 0 {
		add("%d replicas", t.Replicas)
	}
	if t.Compact {
		add("%s=compact", cleanupPolicy)
	}
	if t.Retention < 0 {
		add("%s=-1", retentionTime)
	}
	if t.MinInSync > 0 {
		add("%s=%d", minInSync, t.MinInSync)
	}
	if t.MaxBytes > 0 {
		add("%s=%d", maxBytes, t.MaxBytes)
	}
	return strings.Join(parts, ", ")
}
