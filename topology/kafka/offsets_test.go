package kafka_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokavro/gokavro/topology/kafka"
	"github.com/gokavro/gokavro/topology/kafka/kafkatest"
)

// deleteBefore moves the start of partition 0.
func (b *testBundle) deleteBefore(t *testing.T, topic string, offset int64) {
	t.Helper()
	admin, err := sarama.NewClusterAdmin(b.cfg.Brokers, b.cfg.Sarama())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = admin.Close() }()
	if err := admin.DeleteRecords(topic, map[int32]int64{0: offset}); err != nil {
		t.Fatal(err)
	}
}

func TestOffsetFindsPositions(t *testing.T) {
	t.Parallel()
	b := setup(t)
	topic := b.topic(t, 1)
	start := time.Now().Add(-time.Hour).Truncate(time.Second)
	for i := range 6 {
		b.write(t, kafka.Record{Topic: topic, Time: start.Add(time.Duration(i) * time.Minute), Value: []byte("v")})
	}
	b.deleteBefore(t, topic, 2)
	tests := []struct {
		name     string
		position kafka.Position
		want     int64
		fault    string
	}{
		{"beginning", kafka.Beginning(), 2, ""},
		{"zero value", kafka.Position{}, 2, ""},
		{"end", kafka.End(), 6, ""},
		{"held offset", kafka.At(4), 4, ""},
		{"first held offset", kafka.At(2), 2, ""},
		{"end by number", kafka.At(6), 6, ""},
		{"deleted offset", kafka.At(1), 0, "has no offset 1: choose one from 2 to 6"},
		{"offset behind the end", kafka.At(7), 0, "has no offset 7: choose one from 2 to 6"},
		{"negative offset", kafka.At(-1), 0, "has no offset -1"},
		{"time of a record", kafka.Since(start.Add(3 * time.Minute)), 3, ""},
		{"a nanosecond after a record", kafka.Since(start.Add(3*time.Minute + 1)), 4, ""},
		{"between two records", kafka.Since(start.Add(3*time.Minute + time.Second)), 4, ""},
		{"before all records", kafka.Since(start.Add(-time.Hour)), 2, ""},
		{"before 1970", kafka.Since(time.Unix(-1000, 0)), 2, ""},
		{"after all records", kafka.Since(start.Add(time.Hour)), 6, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := b.client.Offset(topic, 0, tt.position)
			checkFault(t, err, tt.fault)
			if got != tt.want {
				t.Errorf("Offset(%s) = %d, want %d", tt.position, got, tt.want)
			}
		})
	}
}

// checkFault wants no error if want is empty, else one that contains it, in one
// line.
func checkFault(t *testing.T, err error, want string) {
	t.Helper()
	if want == "" {
		if err != nil {
			t.Fatalf("unexpected error: %v", err)
		}
		return
	}
	if err == nil {
		t.Fatalf("no error, want one with %q", want)
	}
	if text := err.Error(); !strings.Contains(text, want) || strings.Contains(text, "\n") || !strings.HasPrefix(text, "kafka: ") {
		t.Fatalf("error %q, want one line from kafka with %q", text, want)
	}
}

func TestRequestsNameMissingTopicsAndPartitions(t *testing.T) {
	t.Parallel()
	b := setup(t)
	topic := b.topic(t, 2)
	missing := topicName(t)
	ask := map[string]func(topic string, partition int32) error{
		"offset": func(topic string, partition int32) error {
			_, err := b.client.Offset(topic, partition, kafka.Beginning())
			return err
		},
		"end offset": func(topic string, partition int32) error {
			_, err := b.client.EndOffset(topic, partition, kafka.ReadCommitted)
			return err
		},
		"last visible": func(topic string, partition int32) error {
			_, err := b.client.LastVisible(topic, partition, 0, 1, kafka.ReadCommitted)
			return err
		},
		"read": func(topic string, partition int32) error {
			q := kafka.Query{Topic: topic, Partitions: []int32{partition}, UntilEnd: true}
			return b.client.Read(t.Context(), q, func(kafka.Record) error { return nil })
		},
	}
	for name, ask := range ask {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			begun := time.Now()
			err := ask(missing, 0)
			checkFault(t, err, `topic "`+missing+`": topic not found`)
			if !errors.Is(err, kafka.ErrTopicNotFound) {
				t.Errorf("error %v is not ErrTopicNotFound", err)
			}
			if took := time.Since(begun); took > kafkatest.Patience/2 {
				t.Errorf("finding that out took %s", took)
			}
			for _, partition := range []int32{2, -1} {
				checkFault(t, ask(topic, partition), "it has 2, numbered from 0")
			}
		})
	}
	if topics := b.listTopics(t); slices.Contains(topics, missing) {
		t.Error("asking for the missing topic has created it")
	}
}

func TestRequestsRejectUnknownIsolation(t *testing.T) {
	t.Parallel()
	b := setup(t)
	topic := b.topic(t, 1)
	_, err := b.client.EndOffset(topic, 0, "serializable")
	checkFault(t, err, `isolation "serializable"`)
	_, err = b.client.LastVisible(topic, 0, 0, 1, "serializable")
	checkFault(t, err, `isolation "serializable"`)
	err = b.client.Read(t.Context(), kafka.Query{Topic: topic, Isolation: "serializable"}, nil)
	checkFault(t, err, `isolation "serializable"`)
}

func TestRequestsFollowTheLeader(t *testing.T) {
	t.Parallel()
	b := setupFake(t, 3)
	topic := b.topic(t, 1)
	b.write(t, kafka.Record{Topic: topic, Value: []byte("v")})
	for node := range int32(3) {
		if err := b.fake.MoveTopicPartition(topic, 0, node); err != nil {
			t.Fatal(err)
		}
		got, err := b.client.LastVisible(topic, 0, 0, 1, kafka.ReadCommitted)
		if err != nil || got != 0 {
			t.Errorf("with broker %d as the leader: LastVisible = %d, %v, want 0", node, got, err)
		}
	}
}
