package devstack_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/integration/devstack"
)

// patience bounds what a test waits for.
const patience = 60 * time.Second

func config() *sarama.Config {
	cfg := sarama.NewConfig()
	cfg.Version = sarama.V3_6_0_0
	cfg.Producer.Return.Successes = true
	cfg.Producer.Partitioner = sarama.NewManualPartitioner
	cfg.Consumer.Offsets.Initial = sarama.OffsetOldest
	cfg.Consumer.Offsets.AutoCommit.Enable = false
	cfg.Consumer.IsolationLevel = sarama.ReadCommitted
	return cfg
}

func createTopic(t *testing.T, client sarama.Client, name string, partitions int32) {
	t.Helper()
	admin, err := sarama.NewClusterAdminFromClient(client)
	if err != nil {
		t.Fatal(err)
	}
	if err := admin.CreateTopic(name, &sarama.TopicDetail{NumPartitions: partitions, ReplicationFactor: 1}, false); err != nil {
		t.Fatal(err)
	}
	if err := client.RefreshMetadata(name); err != nil {
		t.Fatal(err)
	}
}

// produce writes the values to partition i%2, with a time that is years ago.
func produce(t *testing.T, client sarama.Client, topic string, values ...string) {
	t.Helper()
	producer, err := sarama.NewSyncProducerFromClient(client)
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	for i, v := range values {
		msg := &sarama.ProducerMessage{
			Topic: topic, Partition: int32(i % 2), Value: sarama.StringEncoder(v),
			Timestamp: time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC),
		}
		if _, _, err := producer.SendMessage(msg); err != nil {
			t.Fatal(err)
		}
	}
}

// reader is the handler of a consumer group that commits what it took.
type reader struct{ claims chan *sarama.ConsumerMessage }

func (r *reader) Setup(sarama.ConsumerGroupSession) error { return nil }

func (r *reader) Cleanup(s sarama.ConsumerGroupSession) error {
	s.Commit()
	return nil
}

func (r *reader) ConsumeClaim(s sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for msg := range claim.Messages() {
		s.MarkMessage(msg, "")
		r.claims <- msg
	}
	return nil
}

func consume(t *testing.T, client sarama.Client, topic string, n int) []string {
	t.Helper()
	group, err := sarama.NewConsumerGroupFromClient("group", client)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r := &reader{claims: make(chan *sarama.ConsumerMessage, 100)}
	ended := make(chan error, 1)
	go func() { ended <- group.Consume(ctx, []string{topic}, r) }()
	var got []string
	for len(got) < n {
		select {
		case msg := <-r.claims:
			got = append(got, fmt.Sprintf("%d:%d:%s", msg.Partition, msg.Offset, msg.Value))
		case <-ctx.Done():
			t.Fatalf("got %v in %s, want %d records", got, patience, n)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if err := group.Close(); err != nil {
		t.Fatal(err)
	}
	return got
}

// perPartition orders records by partition; within one they keep their order.
func perPartition(records []string) map[string][]string {
	out := make(map[string][]string)
	for _, r := range records {
		partition, rest, _ := strings.Cut(r, ":")
		out[partition] = append(out[partition], rest)
	}
	return out
}

func TestARestartBringsEverythingBack(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := start(t, devstack.Config{Dir: dir})
	client := connect(t, first, config())
	createTopic(t, client, "records", 2)
	produce(t, client, "records", "a", "b", "c", "d")
	if diff := cmp.Diff(perPartition(consume(t, client, "records", 4)), map[string][]string{"0": {"0:a", "1:c"}, "1": {"0:b", "1:d"}}); diff != "" {
		t.Errorf("before (-got +want):\n%s", diff)
	}
	produce(t, client, "records", "e", "f")
	schema := register(t, first, "records-value")
	if err := client.Close(); err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}

	second := start(t, devstack.Config{
		Dir:       dir,
		KafkaAddr: first.Brokers()[0], RegistryAddr: strings.TrimPrefix(first.RegistryURL(), "http://"),
	})
	client = connect(t, second, config())
	if got, err := client.Partitions("records"); err != nil || len(got) != 2 {
		t.Errorf("got partitions %v %v, want 2", got, err)
	}
	if diff := cmp.Diff(offsets(t, client, "records"), []int64{0, 3, 0, 3}); diff != "" {
		t.Errorf("oldest and newest offsets (-got +want):\n%s", diff)
	}
	// The group goes on after what it committed.
	if diff := cmp.Diff(perPartition(consume(t, client, "records", 2)), map[string][]string{"0": {"2:e"}, "1": {"2:f"}}); diff != "" {
		t.Errorf("after (-got +want):\n%s", diff)
	}
	if diff := cmp.Diff(register(t, second, "records-value"), schema); diff != "" {
		t.Errorf("schema (-got +want):\n%s", diff)
	}
}

func offsets(t *testing.T, client sarama.Client, topic string) []int64 {
	t.Helper()
	var out []int64
	for partition := range int32(2) {
		for _, at := range []int64{sarama.OffsetOldest, sarama.OffsetNewest} {
			offset, err := client.GetOffset(topic, partition, at)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, offset)
		}
	}
	return out
}

func TestTransactionsAreCommittedAndAborted(t *testing.T) {
	t.Parallel()
	stack := start(t, devstack.Config{NoRegistry: true})
	createTopic(t, connect(t, stack, config()), "records", 2)

	cfg := config()
	cfg.Producer.Idempotent = true
	cfg.Producer.RequiredAcks = sarama.WaitForAll
	cfg.Producer.Transaction.ID = "tx"
	cfg.Net.MaxOpenRequests = 1
	producer, err := sarama.NewSyncProducer(stack.Brokers(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	for i, end := range []func() error{producer.CommitTxn, producer.AbortTxn, producer.CommitTxn} {
		if err := producer.BeginTxn(); err != nil {
			t.Fatal(err)
		}
		if _, _, err := producer.SendMessage(&sarama.ProducerMessage{Topic: "records", Value: sarama.StringEncoder(strconv.Itoa(i))}); err != nil {
			t.Fatal(err)
		}
		if err := end(); err != nil {
			t.Fatal(err)
		}
	}
	got := consume(t, connect(t, stack, config()), "records", 2)
	if diff := cmp.Diff(got, []string{"0:0:0", "0:4:2"}); diff != "" {
		t.Errorf("read committed (-got +want):\n%s", diff)
	}
}
