package backend

import (
	"errors"
	"strings"
	"testing"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/topology/kafka"
)

func TestTheNewestOffsetIsBehindTheLastRecordThatIsHandedOver(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		write  func(*testing.T, *kafka.Client)
		oldest int64
		newest int64
	}{
		{name: "nothing", write: func(*testing.T, *kafka.Client) {}},
		{name: "a committed transaction and its marker", newest: 2, write: func(t *testing.T, c *kafka.Client) {
			transact(t, c, true, "a", "b")
		}},
		{name: "an aborted one behind it", newest: 2, write: func(t *testing.T, c *kafka.Client) {
			transact(t, c, true, "a", "b")
			transact(t, c, false, "c", "d")
		}},
		{name: "aborted ones only", write: func(t *testing.T, c *kafka.Client) {
			transact(t, c, false, "a")
			transact(t, c, false, "b")
		}},
		{name: "records that are deleted", oldest: 2, newest: 4, write: func(t *testing.T, c *kafka.Client) {
			transact(t, c, true, "a")      // 0, marker 1
			transact(t, c, true, "b", "c") // 2, 3, marker 4
			truncate(t, c, 2)
		}},
		{name: "all records deleted", oldest: 2, newest: 2, write: func(t *testing.T, c *kafka.Client) {
			transact(t, c, true, "a")
			truncate(t, c, 2)
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			client := dial(t, 1)
			tt.write(t, client)
			manager := &topicManager{client: client, names: Names{"group-table": "t"}}
			for at, want := range map[int64]int64{sarama.OffsetOldest: tt.oldest, sarama.OffsetNewest: tt.newest} {
				got, err := manager.GetOffset("group-table", 0, at)
				if err != nil || got != want {
					t.Errorf("offset %d: got %d, %v; want %d", at, got, err, want)
				}
			}
		})
	}
}

// truncate deletes the records of topic t before an offset.
func truncate(t *testing.T, client *kafka.Client, before int64) {
	t.Helper()
	admin, err := sarama.NewClusterAdmin(client.Config().Brokers, client.Config().Sarama())
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	if err := admin.DeleteRecords("t", map[int32]int64{0: before}); err != nil {
		t.Fatal(err)
	}
}

func TestTopicsAreCheckedAndNotCreated(t *testing.T) {
	t.Parallel()
	manager := &topicManager{client: dial(t, 3), names: Names{"group-table": "t"}}
	for name, ensure := range map[string]func(string, int) error{
		"table": manager.EnsureTableExists, "stream": manager.EnsureStreamExists,
		"topic": func(topic string, n int) error { return manager.EnsureTopicExists(topic, n, 1, nil) },
	} {
		if err := ensure("group-table", 3); err != nil {
			t.Errorf("%s: got %v, want nil", name, err)
		}
		if err := ensure("group-table", 4); err == nil || !strings.Contains(err.Error(), "topic t has 3 partitions, want 4") {
			t.Errorf("%s of another size: got %v, want an error", name, err)
		}
		if err := ensure("absent", 3); !errors.Is(err, kafka.ErrTopicNotFound) {
			t.Errorf("%s that is missing: got %v, want ErrTopicNotFound", name, err)
		}
	}
	got, err := manager.Partitions("group-table")
	if diff := cmp.Diff(got, []int32{0, 1, 2}); err != nil || diff != "" {
		t.Errorf("partitions: got %v, %v: %s", got, err, diff)
	}
	if _, err := manager.Partitions("absent"); !errors.Is(err, kafka.ErrTopicNotFound) {
		t.Errorf("partitions of a missing topic: got %v, want ErrTopicNotFound", err)
	}
	if _, err := manager.GetOffset("absent", 0, sarama.OffsetNewest); !errors.Is(err, kafka.ErrTopicNotFound) {
		t.Errorf("offset of a missing topic: got %v, want ErrTopicNotFound", err)
	}
}
