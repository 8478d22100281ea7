package engine_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokavro/gokavro/topology/internal/engine"
	"github.com/gokavro/gokavro/topology/internal/task"
	"github.com/gokavro/gokavro/topology/internal/txn"
	"github.com/gokavro/gokavro/topology/kafka"
)

// named is an engine that the group knows by a name.
type named struct {
	*testBundle
	name   string
	begun  atomic.Int32 // tasks
	opened atomic.Int32 // committers
	leave  atomic.Int32 // members that were to leave
	topics []string
	commit func(txn.Committer) txn.Committer

	standby  engine.Standby
	assigned atomic.Bool
}

func (b *testBundle) named(t *testing.T, name string) *named {
	t.Helper()
	own := *b
	own.dir = t.TempDir()
	return &named{testBundle: &own, name: name, commit: unchanged}
}

// consumer joins the group by the name.
func (n *named) consumer(strategy sarama.BalanceStrategy) (sarama.ConsumerGroup, error) {
	conf := n.client.Config().Sarama()
	conf.Consumer.Offsets.AutoCommit.Enable = false
	conf.Consumer.Group.InstanceId = n.name
	conf.Consumer.Group.Heartbeat.Interval = 20 * time.Millisecond
	conf.Consumer.Group.Rebalance.Retry.Backoff = 50 * time.Millisecond
	conf.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{strategy}
	return sarama.NewConsumerGroup(n.client.Config().Brokers, "g", conf)
}

func (n *named) start(t *testing.T) *running {
	t.Helper()
	n.edit = func(cfg *engine.Config) {
		cfg.Instance, cfg.Consumer, cfg.Standby = n.name, n.consumer, n.standby
		cfg.Assigned = func() { n.assigned.Store(true) }
		if n.topics != nil {
			cfg.Topics = n.topics
		}
		cfg.Leave = func(context.Context, string) error {
			n.leave.Add(1)
			return nil
		}
		cfg.Committer = func(ctx context.Context) (txn.Committer, error) {
			n.opened.Add(1)
			c, err := txn.NewExactlyOnce(ctx, n.client.Config(), txn.Config{TransactionalID: "g-" + n.name})
			if err != nil {
				return nil, err
			}
			return n.commit(c), nil
		}
		whole := cfg.Task
		cfg.Task = func(partition int32) task.Config {
			n.begun.Add(1)
			return whole(partition)
		}
	}
	return n.run(t)
}

// group returns what each member of the group has, by its name; nil during a
// rebalance.
func (b *testBundle) group(t *testing.T) map[string]map[string][]int32 {
	t.Helper()
	admin, err := sarama.NewClusterAdmin(b.client.Config().Brokers, b.client.Config().Sarama())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = admin.Close() }()
	groups, err := admin.DescribeConsumerGroups([]string{"g"})
	if err != nil || len(groups) == 0 || groups[0].State != "Stable" {
		return nil
	}
	members := map[string]map[string][]int32{}
	for _, m := range groups[0].Members {
		given, err := m.GetMemberAssignment()
		if err != nil || given == nil || m.GroupInstanceId == nil {
			return nil
		}
		slices.Sort(given.Topics["in"])
		members[*m.GroupInstanceId] = given.Topics
	}
	return members
}

// settled waits until the group has members that share all partitions, and
// returns what each has.
func (b *testBundle) settled(t *testing.T, members int) (shares map[string]map[string][]int32) {
	t.Helper()
	b.until(t, "the group has settled", func() bool {
		shares = b.group(t)
		total := 0
		for _, given := range shares {
			total += len(given["in"])
		}
		return len(shares) == members && total == partitions
	})
	return shares
}

func (b *testBundle) until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// What stays where it is keeps its task through every rebalance.
func TestPartitionsThatStayKeepTheirTasks(t *testing.T) {
	t.Parallel()
	b := setup(t)
	host, guest := b.named(t, "a"), b.named(t, "b")
	r := host.start(t)
	b.write(t, 0, 20)
	b.await(t, 20*partitions)
	joined := guest.start(t)
	before := b.settled(t, 2)
	b.write(t, 20, 20)
	b.await(t, 40*partitions)
	joined.stop(t)
	r.stop(t)
	b.checkExact(t, 40)
	if len(before["a"]["in"]) != partitions/2 || host.begun.Load() != partitions || guest.begun.Load() != partitions/2 {
		t.Errorf("the first began %d tasks, the second %d, and they have %v: want %d, %d and half each",
			host.begun.Load(), guest.begun.Load(), before, partitions, partitions/2)
	}
	if host.opened.Load() != 1 {
		t.Errorf("the first started over %d times", host.opened.Load()-1)
	}
	if host.leave.Load() != 1 || guest.leave.Load() != 1 {
		t.Errorf("they left %d and %d times, want once each", host.leave.Load(), guest.leave.Load())
	}
}

// A commit that a rebalance overtakes is made in the next generation.
func TestACommitOutlivesItsGeneration(t *testing.T) {
	t.Parallel()
	b := setup(t)
	host, guest := b.named(t, "a"), b.named(t, "b")
	due, overtaken := make(chan struct{}), make(chan struct{})
	var once sync.Once
	var left atomic.Int32
	left.Store(2)
	host.commit = func(c txn.Committer) txn.Committer {
		return &faulty{c, &left, func(ctx context.Context, c txn.Committer, batch txn.Batch) error {
			once.Do(func() { close(due) })
			<-overtaken
			return c.Commit(ctx, batch)
		}}
	}
	r := host.start(t)
	b.write(t, 0, 10)
	b.await(t, partitions)
	b.write(t, 10, 10)
	<-due
	joined := guest.start(t)
	b.until(t, "the guest is a member", func() bool { return len(b.group(t)) == 2 })
	close(overtaken)
	b.await(t, 20*partitions)
	joined.stop(t)
	r.stop(t)
	b.checkExact(t, 20)
	if host.opened.Load() != 1 {
		t.Errorf("it started over %d times", host.opened.Load()-1)
	}
}

// Two processes with one name are one too many.
func TestASecondProcessOfOneNameEndsTheFirst(t *testing.T) {
	t.Parallel()
	b := setup(t)
	first := b.named(t, "a")
	r := first.start(t)
	b.write(t, 0, 5)
	b.await(t, 5*partitions)
	second := b.named(t, "a")
	s := second.start(t)
	ended := make(chan error, 2)
	for _, one := range []*running{r, s} {
		go func() { ended <- <-one.ended }()
	}
	err := <-ended
	if replaced, ok := errors.AsType[*engine.InstanceError](err); !ok || replaced.Instance != "a" {
		t.Errorf("got %v, want an InstanceError", err)
	}
	if first.leave.Load()+second.leave.Load() > 0 {
		t.Error("it took the other one out of the group")
	}
	r.cancel()
	s.cancel()
	if err := <-ended; err != nil {
		t.Logf("the other one: %v", err)
	}
	r.ended <- nil
	s.ended <- nil
}

// A process that comes back before its session ends finds its partitions, and
// those of a topic that it reads since then.
func TestAProcessThatComesBackGetsWhatItReadsNow(t *testing.T) {
	t.Parallel()
	b := setup(t)
	if _, err := b.client.CreateMissing(t.Context(), kafka.Topic{Name: "more", Partitions: partitions}); err != nil {
		t.Fatal(err)
	}
	stays, returns := b.named(t, "a"), b.named(t, "b")
	r := stays.start(t)
	first := returns.start(t)
	before := b.settled(t, 2)
	b.write(t, 0, 10)
	b.await(t, 10*partitions)
	first.stop(t) // nobody is told of it
	returns.topics = []string{"in", "more"}
	began := stays.begun.Load()
	again := returns.start(t)
	b.until(t, "its partitions of the new topic are there", func() bool { return len(b.group(t)["b"]["more"]) == partitions/2 })
	after := b.settled(t, 2)
	if !slices.Equal(before["b"]["in"], after["b"]["in"]) || stays.begun.Load() != began {
		t.Errorf("it had %v and has %v, want the same; the other one began %d tasks meanwhile", before["b"], after["b"], stays.begun.Load()-began)
	}
	again.stop(t)
	r.stop(t)
}
