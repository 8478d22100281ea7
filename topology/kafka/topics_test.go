package kafka_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/topology/kafka"
)

func (b *testBundle) listTopics(t *testing.T) []string {
	t.Helper()
	if err := b.client.Sarama().RefreshMetadata(); err != nil {
		t.Fatal(err)
	}
	topics, err := b.client.Sarama().Topics()
	if err != nil {
		t.Fatal(err)
	}
	return topics
}

func TestPartitionsNeverCreatesTheTopic(t *testing.T) {
	t.Parallel()
	b := setup(t)
	missing := topicName(t)
	_, err := b.client.Partitions(missing)
	if !errors.Is(err, kafka.ErrTopicNotFound) {
		t.Errorf("error %v, want ErrTopicNotFound", err)
	}
	checkFault(t, err, `topic "`+missing+`"`)
	if slices.Contains(b.listTopics(t), missing) {
		t.Error("the topic has been created")
	}
	_, err = b.client.Partitions("")
	checkFault(t, err, "no name")
	_, err = b.client.Partitions("not a topic!")
	checkFault(t, err, `topic "not a topic!"`)
}

func TestCreateMissingCreatesOnlyWhatIsMissing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	present, first, second := b.topic(t, 2), topicName(t), topicName(t)
	created, err := b.client.CreateMissing(t.Context(),
		kafka.Topic{Name: first, Partitions: 3},
		kafka.Topic{Name: present, Partitions: 5},
		kafka.Topic{Name: second, Partitions: 1},
		kafka.Topic{Name: second, Partitions: 1})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{first, second}, created); diff != "" {
		t.Errorf("created (-want +got):\n%s", diff)
	}
	for topic, want := range map[string]int32{first: 3, present: 2, second: 1} {
		if got, err := b.client.Partitions(topic); err != nil || got != want {
			t.Errorf("Partitions(%s) = %d, %v, want %d", topic, got, err, want)
		}
		if b.client.Sarama().PartitionNotReadable(topic, want-1) {
			t.Errorf("topic %s: sarama's client knows no leader yet", topic)
		}
	}
	again, err := b.client.CreateMissing(t.Context(), kafka.Topic{Name: first, Partitions: 3})
	if err != nil || len(again) != 0 {
		t.Errorf("the second time: created %v, %v, want none", again, err)
	}
}

func TestCreateMissingSetsPolicyAndRetention(t *testing.T) {
	t.Parallel()
	b := setup(t)
	admin, err := sarama.NewClusterAdmin(b.cfg.Brokers, b.cfg.Sarama())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = admin.Close() })
	for _, tt := range []struct {
		name   string
		topic  kafka.Topic
		policy string
		millis string
	}{
		{"the broker's default", kafka.Topic{}, "delete", "604800000"},
		{"unlimited", kafka.Topic{Retention: -1}, "delete", "-1"},
		{"two hours", kafka.Topic{Retention: 2 * time.Hour}, "delete", "7200000"},
		{"less than a millisecond", kafka.Topic{Retention: 1}, "delete", "1"},
		{"compacted", kafka.Topic{Compact: true}, "compact", "604800000"},
		{"compacted for an hour", kafka.Topic{Compact: true, Retention: time.Hour}, "compact,delete", "3600000"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.topic.Name, tt.topic.Partitions = topicName(t), 1
			if _, err := b.client.CreateMissing(t.Context(), tt.topic); err != nil {
				t.Fatal(err)
			}
			results, err := admin.DescribeConfigs([]*sarama.ConfigResource{{Type: sarama.TopicResource, Name: tt.topic.Name}}, sarama.DescribeConfigsOptions{})
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]string{}
			for _, entry := range results[0].Configs {
				got[entry.Name] = entry.Value
			}
			if got["cleanup.policy"] != tt.policy || got["retention.ms"] != tt.millis {
				t.Errorf("policy %q, retention %q, want %q, %q", got["cleanup.policy"], got["retention.ms"], tt.policy, tt.millis)
			}
		})
	}
}

func TestCreateMissingReportsEveryFault(t *testing.T) {
	t.Parallel()
	b := setup(t)
	good := topicName(t)
	_, err := b.client.CreateMissing(t.Context(),
		kafka.Topic{Name: "none", Partitions: 0}, kafka.Topic{Name: good, Partitions: 1},
		kafka.Topic{Name: "less", Partitions: -4}, kafka.Topic{Partitions: 1})
	checkFault(t, err, `topic "none": 0 partitions: give 1 or more, 10000 at most; topic "less": -4 partitions`)
	checkFault(t, err, "a topic has no name")
	if slices.Contains(b.listTopics(t), good) {
		t.Error("the good topic has been created all the same")
	}
	_, err = b.client.CreateMissing(t.Context(), kafka.Topic{Name: "not a topic!", Partitions: 1})
	checkFault(t, err, `topic "not a topic!"`)
	if created, err := b.client.CreateMissing(t.Context()); err != nil || created != nil {
		t.Errorf("without topics: %v, %v, want nothing", created, err)
	}
}

func TestCreateMissingByManyAtOnceIsNoError(t *testing.T) {
	t.Parallel()
	b := setup(t)
	topic := kafka.Topic{Name: topicName(t), Partitions: 4}
	var (
		wait  sync.WaitGroup
		mu    sync.Mutex
		count int
	)
	for range 8 {
		wait.Go(func() {
			created, err := b.client.CreateMissing(t.Context(), topic)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			count += len(created)
		})
	}
	wait.Wait()
	if count != 1 {
		t.Errorf("%d say that they created the topic, want 1", count)
	}
}

func TestCreateMissingEndsWithItsContext(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	topic := topicName(t)
	if _, err := b.client.CreateMissing(ctx, kafka.Topic{Name: topic, Partitions: 1}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
}
