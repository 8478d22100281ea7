package txn_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"os"
	"runtime/pprof"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/gokavro/gokavro/topology/internal/txn"
	"github.com/gokavro/gokavro/topology/kafka"
	"github.com/gokavro/gokavro/topology/kafka/kafkatest"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if left := awaitNoConnections(); code == 0 && left != "" {
		fmt.Fprintf(os.Stderr, "goroutines are left over:\n%s\n", left)
		code = 1
	}
	os.Exit(code)
}

// awaitNoConnections waits until no goroutine of sarama is left, and returns
// those that stay.
func awaitNoConnections() (left string) {
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.Now().Add(kafkatest.Patience); time.Now().Before(deadline); <-ticker.C {
		if left = connections(); left == "" {
			return ""
		}
	}
	return left
}

func connections() string {
	var text bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&text, 2); err != nil {
		return err.Error()
	}
	stacks := slices.DeleteFunc(strings.Split(text.String(), "\n\n"), func(stack string) bool {
		return !strings.Contains(stack, "IBM/sarama.") && !strings.Contains(stack, "internal/txn.")
	})
	return strings.Join(stacks, "\n\n")
}

// testBundle is a cluster and a client of it. The fake is nil on a real one.
type testBundle struct {
	fake   *kfake.Cluster
	cfg    kafka.Config
	client *kafka.Client
}

// setup starts a fake cluster, or takes the real one that KAFKA_BROKERS names.
func setup(t testing.TB) *testBundle {
	t.Helper()
	if named := os.Getenv("KAFKA_BROKERS"); named != "" {
		return dialBundle(t, nil, strings.Split(named, ","))
	}
	return setupFake(t)
}

// setupFake starts a fake cluster of three brokers, for tests that steer it.
func setupFake(t testing.TB) *testBundle {
	t.Helper()
	fake, err := kfake.NewCluster(kfake.NumBrokers(3))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	return dialBundle(t, fake, fake.ListenAddrs())
}

func dialBundle(t testing.TB, fake *kfake.Cluster, brokers []string) *testBundle {
	t.Helper()
	b := &testBundle{fake: fake, cfg: kafka.Config{Brokers: brokers, Timeout: kafkatest.Patience}}
	b.client = kafkatest.Dial(t, b.cfg)
	return b
}

// unique returns a name that no other test and no other run uses.
func unique(what string) string { return what + "-" + rand.Text()[:12] }

func (b *testBundle) topic(t testing.TB, partitions int32) string {
	t.Helper()
	name := unique("topic")
	kafkatest.Create(t, b.client, kafka.Topic{Name: name, Partitions: partitions})
	return name
}

// awaitRecords waits until so many records are visible, and returns them by
// partition and offset: a real broker makes them visible some time after it has
// accepted the end of the transaction.
func (b *testBundle) awaitRecords(t testing.TB, topic string, count int) (got []kafka.Record) {
	t.Helper()
	kafkatest.Await(t, fmt.Sprintf("%d records are visible", count), func() bool {
		got = kafkatest.Read(t, b.client, kafka.Query{Topic: topic})
		return len(got) >= count
	})
	slices.SortFunc(got, func(a, b kafka.Record) int {
		return cmp.Or(cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset))
	})
	return got
}

// values returns the values in a topic, those of each partition in their order.
func (b *testBundle) values(t testing.TB, topic string, count int) (list []string) {
	t.Helper()
	for _, r := range b.awaitRecords(t, topic, count) {
		list = append(list, string(r.Value))
	}
	return list
}

// committed returns a group's offset in partition 0, -1 when it has none, once
// no transaction is open on it.
func (b *testBundle) committed(t testing.TB, group, topic string) (offset int64) {
	t.Helper()
	kafkatest.Await(t, "the offset is stable", func() bool {
		coordinator, err := b.client.Sarama().Coordinator(group)
		if err != nil {
			return false
		}
		request := sarama.NewOffsetFetchRequest(sarama.V3_6_0_0, group, map[string][]int32{topic: {0}})
		request.RequireStable = true
		response, err := coordinator.FetchOffset(request)
		if err != nil {
			_ = coordinator.Close()
			return false
		}
		if errors.Is(response.Err, sarama.ErrGroupIDNotFound) {
			offset = -1
			return true
		}
		block := response.GetBlock(topic, 0)
		if !errors.Is(response.Err, sarama.ErrNoError) || block == nil || !errors.Is(block.Err, sarama.ErrNoError) {
			_ = b.client.Sarama().RefreshCoordinator(group)
			return false
		}
		offset = block.Offset
		return true
	})
	return offset
}

// delivery is a way to commit.
type delivery struct {
	name  string
	exact bool
	dial  func(context.Context, kafka.Config, txn.Config) (txn.Committer, error)
}

func deliveries() []delivery {
	return []delivery{
		{name: "exactly once", exact: true, dial: txn.NewExactlyOnce},
		{name: "at least once", dial: txn.NewAtLeastOnce},
	}
}

// eachDelivery runs a test for each delivery, on a cluster of its own.
func eachDelivery(t *testing.T, test func(*testing.T, *testBundle, delivery)) {
	t.Helper()
	for _, d := range deliveries() {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			test(t, setup(t), d)
		})
	}
}

func (d delivery) open(t testing.TB, b *testBundle, c txn.Config) txn.Committer {
	t.Helper()
	if c.TransactionalID == "" {
		c.TransactionalID = unique("id")
	}
	committer, err := d.dial(t.Context(), b.cfg, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := committer.Close(); err != nil {
			t.Error(err)
		}
	})
	return committer
}

func commit(t testing.TB, committer txn.Committer, batch txn.Batch) {
	t.Helper()
	if err := committer.Commit(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
}

// nobody commits for a group that has no members.
func nobody(group string) *sarama.ConsumerGroupMetadata {
	return &sarama.ConsumerGroupMetadata{GroupID: group, GenerationID: -1}
}

func record(topic string, partition int32, value string) *kafka.Record {
	return &kafka.Record{Topic: topic, Partition: partition, Key: []byte("k"), Value: []byte(value)}
}

// perPartition lists the values of records that have a partition.
func perPartition(records []*kafka.Record) (list []string) {
	by := map[int32][]string{}
	for _, r := range records {
		by[r.Partition] = append(by[r.Partition], string(r.Value))
	}
	for _, partition := range slices.Sorted(maps.Keys(by)) {
		list = append(list, by[partition]...)
	}
	return list
}
