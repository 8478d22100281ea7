package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/IBM/sarama"
)

// ErrTopicNotFound is in the chain of every error about a topic that does not
// exist; the error names the topic.
var ErrTopicNotFound = errors.New("topic not found")

// MaxPartitions is the largest number of partitions of a topic that is created.
const MaxPartitions = 10_000

// Topic is what [Client.CreateMissing] makes.
type Topic struct {
	// Name is the topic's name.
	Name string
	// Partitions is their number, from 1 to [MaxPartitions].
	Partitions int32
	// Compact keeps the last record of each key: cleanup.policy=compact, or
	// compact,delete if Retention is positive.
	Compact bool
	// Retention is how long records are kept: retention.ms. 0 is the broker's
	// default, less than 0 is without limit.
	Retention time.Duration
	// Replicas is the replication factor, MinInSync its min.insync.replicas. 0 is
	// the broker's default.
	Replicas, MinInSync int
	// MaxBytes bounds a batch of records: max.message.bytes. 0 is the broker's
	// default.
	MaxBytes int
}

// Partitions returns the number of a topic's partitions. It never creates the
// topic: a missing one is an [ErrTopicNotFound].
func (c *Client) Partitions(topic string) (int32, error) {
	return c.partitions(context.Background(), topic)
}

func (c *Client) partitions(ctx context.Context, topic string) (int32, error) {
	meta, err := c.describe(ctx, topic)
	if err != nil {
		return 0, err
	}
	return int32(len(meta.Partitions)), nil
}

// TopicID returns the id that the cluster gave a topic when it was made: one
// that is deleted and made anew has another. It is "" on brokers before 2.8,
// which have none.
func (c *Client) TopicID(ctx context.Context, topic string) (string, error) {
	meta, err := c.describe(ctx, topic)
	if err != nil || meta.Uuid == (sarama.Uuid{}) {
		return "", err
	}
	return meta.Uuid.String(), nil
}

func (c *Client) describe(ctx context.Context, topic string) (*sarama.TopicMetadata, error) {
	if topic == "" {
		return nil, errors.New("kafka: the topic has no name")
	}
	found, err := c.metadata(ctx, topic)
	if err != nil {
		return nil, err
	}
	for _, meta := range found {
		if meta.Name == topic {
			return meta, topicFault(meta)
		}
	}
	return nil, topicNotFound(topic)
}

func topicNotFound(topic string) error {
	return fmt.Errorf("kafka: topic %q: %w: create it or correct the name", topic, ErrTopicNotFound)
}

// topicFault returns the error in a topic's metadata. A missing leader is none:
// the topic exists all the same.
func topicFault(meta *sarama.TopicMetadata) error {
	switch meta.Err {
	case sarama.ErrNoError, sarama.ErrLeaderNotAvailable:
		return nil
	case sarama.ErrUnknownTopicOrPartition:
		return topicNotFound(meta.Name)
	}
	return fmt.Errorf("kafka: topic %q: %w", meta.Name, meta.Err)
}

// CreateMissing creates those of the topics that do not exist and returns their
// names. Topics that exist stay as they are, even with another number of
// partitions. It returns when all partitions of all these topics have leaders.
// Processes may do this at the same time: a topic that another one created first
// counts as existing.
func (c *Client) CreateMissing(ctx context.Context, topics ...Topic) (created []string, err error) {
	if len(topics) == 0 {
		return nil, nil
	}
	names, err := topicNames(topics)
	if err != nil {
		return nil, err
	}
	within, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	for {
		// Each time anew: a topic that was there may have been about to go, which
		// not every broker knows at once.
		again, err := c.createOnce(ctx, topics, names)
		created = union(created, again)
		if err != nil {
			return created, err
		}
		awaited, err := c.leaderless(ctx, names)
		if err != nil || awaited == "" {
			return created, err
		}
		if pause(within, retryPause) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return created, fmt.Errorf("kafka: waiting for the leaders of topic %q: %w", awaited, err)
		}
		return created, fmt.Errorf("kafka: topic %q has partitions without a leader after %s: look at the brokers' logs", awaited, c.cfg.Timeout)
	}
}

// createOnce creates those of the topics that a broker does not know, and returns
// their names.
func (c *Client) createOnce(ctx context.Context, topics []Topic, names []string) (created []string, err error) {
	missing, err := c.missing(ctx, names)
	if err != nil {
		return nil, err
	}
	admin, err := sarama.NewClusterAdminFromClient(c.sarama)
	if err != nil {
		return nil, fmt.Errorf("kafka: finding the cluster's controller: %w", err)
	}
	for _, topic := range topics {
		if !slices.Contains(missing, topic.Name) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return created, fmt.Errorf("kafka: creating topic %q: %w", topic.Name, err)
		}
		err := admin.CreateTopic(topic.Name, topic.detail(), false)
		if errors.Is(err, sarama.ErrTopicAlreadyExists) {
			continue
		}
		if err != nil {
			return created, fmt.Errorf("kafka: creating topic %q: %w", topic.Name, err)
		}
		created = append(created, topic.Name)
	}
	return created, nil
}

func union(names, more []string) []string {
	for _, name := range more {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

func topicNames(topics []Topic) ([]string, error) {
	var names, faults []string
	for _, topic := range topics {
		if fault := nameFault(topic.Name); fault != "" {
			faults = append(faults, fault)
		}
		if topic.Partitions < 1 || topic.Partitions > MaxPartitions {
			faults = append(faults, fmt.Sprintf("topic %q: %d partitions: give 1 or more, %d at most", topic.Name, topic.Partitions, MaxPartitions))
		}
		if !slices.Contains(names, topic.Name) {
			names = append(names, topic.Name)
		}
	}
	if len(faults) > 0 {
		return nil, fmt.Errorf("kafka: %s", strings.Join(faults, "; "))
	}
	return names, nil
}

// CheckTopicName returns an error that says so if Kafka has no topics of that name.
func CheckTopicName(name string) error {
	if fault := nameFault(name); fault != "" {
		return fmt.Errorf("kafka: %s", fault)
	}
	return nil
}

// nameFault holds a name against Kafka's rules, or returns "".
func nameFault(name string) string {
	const longest = 249
	switch {
	case name == "":
		return "a topic has no name"
	case name == "." || name == ".." || len(name) > longest || strings.ContainsFunc(name, isNotOfName):
		return fmt.Sprintf("topic %q: a name has at most %d letters, digits, dots, underscores and hyphens", name, longest)
	}
	return ""
}

func isNotOfName(r rune) bool {
	const others = "._-"
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune(others, r)
}

func (c *Client) missing(ctx context.Context, names []string) ([]string, error) {
	found, err := c.metadata(ctx, names...)
	if err != nil {
		return nil, err
	}
	var missing []string
	for _, meta := range found {
		err := topicFault(meta)
		if errors.Is(err, ErrTopicNotFound) {
			missing = append(missing, meta.Name)
			continue
		}
		if err != nil {
			return nil, err
		}
	}
	return missing, nil
}

func (t Topic) detail() *sarama.TopicDetail {
	entries := map[string]*string{}
	if t.Compact {
		policy := "compact"
		if t.Retention > 0 {
			policy = "compact,delete"
		}
		entries["cleanup.policy"] = &policy
	}
	switch {
	case t.Retention < 0:
		unlimited := "-1"
		entries["retention.ms"] = &unlimited
	case t.Retention > 0:
		millis := strconv.FormatInt(max(t.Retention.Milliseconds(), 1), 10)
		entries["retention.ms"] = &millis
	}
	if t.MinInSync > 0 {
		least := strconv.Itoa(t.MinInSync)
		entries["min.insync.replicas"] = &least
	}
	if t.MaxBytes > 0 {
		most := strconv.Itoa(t.MaxBytes)
		entries["max.message.bytes"] = &most
	}
	detail := &sarama.TopicDetail{NumPartitions: t.Partitions, ReplicationFactor: -1, ConfigEntries: entries}
	if t.Replicas > 0 {
		detail.ReplicationFactor = int16(t.Replicas)
	}
	return detail
}

// leaderless names a topic that some broker knows no leader of, in a partition at
// least. It names none when all do, and sarama's client knows them then too.
func (c *Client) leaderless(ctx context.Context, names []string) (string, error) {
	found, err := c.metadata(ctx, names...)
	if err != nil {
		return "", err
	}
	if name := withoutLeader(append(found, c.metadataOfAll(names)...)); name != "" {
		return name, nil
	}
	err = c.sarama.RefreshMetadata(names...)
	if errors.Is(err, sarama.ErrUnknownTopicOrPartition) {
		return names[0], nil
	}
	if err != nil {
		return "", fmt.Errorf("kafka: reading the new topics' metadata: %w", err)
	}
	return "", nil
}

// withoutLeader names a topic that is not ready, or nothing.
func withoutLeader(found []*sarama.TopicMetadata) string {
	for _, meta := range found {
		if meta.Err != sarama.ErrNoError || len(meta.Partitions) == 0 {
			return meta.Name
		}
		for _, partition := range meta.Partitions {
			if partition.Err == sarama.ErrLeaderNotAvailable || partition.Leader < 0 {
				return meta.Name
			}
		}
	}
	return ""
}
