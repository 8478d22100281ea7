package integration_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/codecs"
	"github.com/gokavro/gokavro/processors"
	"github.com/gokavro/gokavro/topology"
	"github.com/gokavro/gokavro/topology/kafka"
	"github.com/gokavro/gokavro/topology/kafka/kafkatest"
	"github.com/gokavro/gokavro/topology/runner"
)

// forkPartitions is how many partitions the words have; each has one key.
const forkPartitions = 3

// forked numbers the words of each key and passes them on to the output that
// they begin with.
func forked() *topology.Topology {
	t := topology.New("forked")
	numbered := topology.Process(topology.Input(t, "words", codecs.String()), topology.Store(t, "numbers", codecs.Int64()),
		func(in processors.Record[string], row *processors.Row[int64], emit func(string)) error {
			n, _ := row.Get()
			row.Set(n + 1)
			emit(fmt.Sprintf("%s=%d", in.Value, n+1))
			return nil
		})
	for _, side := range [...]string{"left", "right"} {
		topology.Each(numbered, "to-"+side, func(in processors.Record[string], _ *processors.Row[processors.None], emit func(string)) error {
			if strings.HasPrefix(in.Value, side) {
				emit(in.Value)
			}
			return nil
		}).To(side, codecs.String())
	}
	return t
}

// forks are a topology on a broker that knows rights, and what somebody changes
// there while it runs.
type forks struct {
	*cluster
	admin    sarama.ClusterAdmin
	state    string
	delivery runner.Delivery
	want     map[string][]string // of each output and key, what is to be there
	numbers  map[string]int      // by key
}

// onForks gives a test the brokers of KAFKA_BROKERS, and skips it without.
func onForks(t *testing.T, delivery runner.Delivery) *forks {
	t.Helper()
	brokers := os.Getenv("KAFKA_BROKERS")
	if brokers == "" {
		t.Skip("KAFKA_BROKERS names no brokers")
	}
	c := newCluster(t, brokers, os.Getenv("SCHEMA_REGISTRY_URL"))
	admin, err := sarama.NewClusterAdminFromClient(c.kafka.Sarama())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := admin.ListAcls(sarama.AclFilter{}); errors.Is(err, sarama.ErrSecurityDisabled) {
		t.Skip("the broker has no authorizer")
	}
	return &forks{cluster: c, admin: admin, state: t.TempDir(), delivery: delivery, want: map[string][]string{}, numbers: map[string]int{}}
}

func (f *forks) runner(t *testing.T, state string) *runner.Runner {
	t.Helper()
	r, err := runner.New(forked(), runner.Config{
		Brokers: strings.Split(f.brokers, ","), Registry: []string{f.registry}, TopicPrefix: f.prefix, StateDir: state,
		CreateTopics: forkPartitions, Partitioner: runner.AnyPartitioner, Delivery: f.delivery,
		Logger: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// runningForks is a topology under way.
type runningForks struct {
	*runner.Runner
	cancel context.CancelFunc
	ended  chan error
}

// run runs the topology and waits until it is at work.
func (f *forks) run(t *testing.T) *runningForks {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	r := &runningForks{Runner: f.runner(t, f.state), cancel: cancel, ended: make(chan error, 1)}
	go func() { r.ended <- r.Run(ctx) }()
	select {
	case <-r.Ready():
	case err := <-r.ended:
		t.Fatalf("Run ended with %v before it was ready", err)
	case <-time.After(kafkatest.Patience):
		t.Fatalf("it is not ready after %s", kafkatest.Patience)
	}
	return r
}

func (r *runningForks) end(t *testing.T) error {
	t.Helper()
	select {
	case err := <-r.ended:
		return err
	case <-time.After(kafkatest.Patience):
		t.Fatalf("Run does not end within %s", kafkatest.Patience)
		return nil
	}
}

func (r *runningForks) stop(t *testing.T) error {
	t.Helper()
	r.cancel()
	return r.end(t)
}

// deny forbids everybody an operation, and allow takes all rules of that resource
// back.
func (f *forks) deny(t *testing.T, kind sarama.AclResourceType, name string, operation sarama.AclOperation) {
	t.Helper()
	if err := deny(f.admin, kind, f.prefix+name, operation); err != nil {
		t.Fatal(err)
	}
}

func (f *forks) allow(t *testing.T, kind sarama.AclResourceType, name string) {
	t.Helper()
	name = f.prefix + name
	_, err := f.admin.DeleteACL(sarama.AclFilter{
		ResourceType: kind, ResourceName: &name, ResourcePatternTypeFilter: sarama.AclPatternPrefixed,
		Operation: sarama.AclOperationAny, PermissionType: sarama.AclPermissionAny,
	}, false)
	if err != nil {
		t.Fatal(err)
	}
}

// awaitCheck waits until what a start would say of the cluster has a part in it,
// or until it says nothing.
func (f *forks) awaitCheck(t *testing.T, part string) {
	t.Helper()
	r := f.runner(t, t.TempDir())
	deadline := time.Now().Add(kafkatest.Patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := r.Check(t.Context())
		if err == nil && part == "" || err != nil && part != "" && strings.Contains(err.Error(), part) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("got %v after %s, want %q", err, kafkatest.Patience, part)
		}
		<-tick.C
	}
}

// words writes so many words for each side to each partition, one after the
// other.
func (f *forks) words(t *testing.T, round string, each int) {
	t.Helper()
	var records []kafka.Record
	for i := range 2 * each {
		word := "left " + round + strconv.Itoa(i)
		if i%2 == 1 {
			word = "right " + round + strconv.Itoa(i)
		}
		for p := range int32(forkPartitions) {
			records = append(records, kafka.Record{Topic: f.topic("words"), Partition: p, Key: fmt.Appendf(nil, "key-%d", p), Value: []byte(word)})
		}
	}
	kafkatest.Write(t, f.kafka.Config(), records...)
}

// expect notes what becomes of the words of a round that go to the given sides.
func (f *forks) expect(round string, each int, sides ...string) {
	for p := range forkPartitions {
		key := fmt.Sprintf("key-%d", p)
		for i := range 2 * each {
			side := []string{"left", "right"}[i%2]
			for _, s := range sides {
				if s == side {
					f.numbers[key]++
					f.want[side+" "+key] = append(f.want[side+" "+key], fmt.Sprintf("%s %s%d=%d", side, round, i, f.numbers[key]))
				}
			}
		}
	}
}

// outputs returns what is in the outputs, by side and key.
func (f *forks) outputs(t *testing.T) map[string][]string {
	t.Helper()
	got := map[string][]string{}
	for _, side := range [...]string{"left", "right"} {
		for _, r := range f.committed(t, f.topic(side)) {
			at := side + " " + string(r.Key)
			got[at] = append(got[at], string(r.Value))
		}
	}
	return got
}

// check holds the outputs against what is expected: once and in order, or, where
// the delivery repeats, each word at least once.
func (f *forks) check(t *testing.T) {
	t.Helper()
	got, want := f.outputs(t), f.want
	if f.delivery == runner.AtLeastOnce {
		got, want = words(got), words(want)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the outputs (-want +got): %s", diff)
	}
}

// words leaves out the numbers of the words, their order and repetitions.
func words(of map[string][]string) map[string][]string {
	without := map[string][]string{}
	for at, numbered := range of {
		for _, w := range numbered {
			word, _, _ := strings.Cut(w, "=")
			without[at] = append(without[at], word)
		}
		slices.Sort(without[at])
		without[at] = slices.Compact(without[at])
	}
	return without
}

// awaitLast waits until the last expected word of a side is there for each key.
func (f *forks) awaitLast(t *testing.T, side string) {
	t.Helper()
	kafkatest.Await(t, "the last words are in "+side, func() bool {
		got := words(f.outputs(t))
		for at, all := range words(f.want) {
			if strings.HasPrefix(at, side) && len(got[at]) < len(all) {
				return false
			}
		}
		return true
	})
}
