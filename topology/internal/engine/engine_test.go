package engine_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"
	"github.com/lovoo/goka"

	"github.com/gokavro/gokavro/codecs"
	"github.com/gokavro/gokavro/integration/devstack"
	"github.com/gokavro/gokavro/topology/internal/engine"
	"github.com/gokavro/gokavro/topology/internal/store"
	"github.com/gokavro/gokavro/topology/internal/task"
	"github.com/gokavro/gokavro/topology/internal/txn"
	"github.com/gokavro/gokavro/topology/kafka"
	"github.com/gokavro/gokavro/topology/kafka/kafkatest"
)

// patience bounds every wait of these tests.
const patience = 60 * time.Second

const partitions = 4

var text = codecs.String()

// testBundle is an embedded Kafka and engines on it.
type testBundle struct {
	stack  *devstack.Stack
	client *kafka.Client
	dir    string
	fs     vfs.FS // the disk when nil
	log    *slog.Logger
	commit func(txn.Committer) txn.Committer // wraps each new committer
	call   func(goka.Context, string)        // sees each record before it is processed
	edit   func(*engine.Config)

	rowBytes int // that rows have beside their count
}

func setup(t *testing.T) *testBundle {
	t.Helper()
	stack, err := devstack.Start(t.Context(), devstack.Config{NoRegistry: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stack.Close() })
	client := kafkatest.Dial(t, kafka.Config{Brokers: stack.Brokers()})
	kafkatest.Create(t, client, kafka.Topic{Name: "in", Partitions: partitions},
		kafka.Topic{Name: "out", Partitions: partitions}, kafka.Topic{Name: "g-table", Partitions: partitions, Compact: true})
	return &testBundle{
		stack: stack, client: client, dir: t.TempDir(), log: slog.New(slog.DiscardHandler), commit: unchanged, call: ignore,
	}
}

// write writes n records to each partition, numbered from the first on.
func (b *testBundle) write(t *testing.T, first, n int) {
	t.Helper()
	kafkatest.Fill(t, b.client.Config(), func(put func(kafka.Record)) {
		for i := first; i < first+n; i++ {
			for partition := range int32(partitions) {
				put(kafka.Record{Topic: "in", Partition: partition, Key: []byte(key(partition, i)), Value: fmt.Appendf(nil, "%d/%d", partition, i)})
			}
		}
	})
}

// key spreads the records of a partition over three keys.
func key(partition int32, i int) string { return fmt.Sprintf("k%d-%d", partition, i%3) }

// count counts the records of a key and writes "value count".
func (b *testBundle) count(ctx goka.Context, msg any) {
	b.call(ctx, msg.(string))
	row, _ := ctx.Value().(string)
	before, _, _ := strings.Cut(row, " ")
	n, _ := strconv.Atoi(before)
	ctx.SetValue(strconv.Itoa(n+1) + " " + strings.Repeat("x", b.rowBytes))
	ctx.Emit("out", ctx.Key(), fmt.Sprintf("%s %d", msg, n+1))
}

// running is an engine under way.
type running struct {
	cancel   context.CancelFunc
	ended    chan error
	released chan struct{}
}

// wait waits for the end of Run and of all that it holds.
func (r *running) wait(t *testing.T) error {
	t.Helper()
	select {
	case err := <-r.ended:
		r.ended <- err
		<-r.released
		return err
	case <-time.After(patience):
		t.Fatal("the engine does not end")
		return nil
	}
}

func (r *running) stop(t *testing.T) {
	t.Helper()
	r.cancel()
	if err := r.wait(t); err != nil {
		t.Errorf("got %v of a stop, want nil", err)
	}
}

// run runs an engine until the test stops it.
func (b *testBundle) run(t *testing.T) *running {
	t.Helper()
	shared := store.NewShared(0)
	group := goka.DefineGroup("g", goka.Input("in", text, b.count), goka.Output("out", text), goka.Persist(text))
	released := make(chan struct{})
	cfg := engine.Config{
		Group: "g", Topics: []string{"in"}, Interval: 20 * time.Millisecond, WriteInterval: 3 * time.Millisecond, WriteAhead: 1, StopTimeout: patience, Log: b.log,
		Assigned: func() {}, Released: func() { shared.Close(); close(released) },
		Consumer: func(strategy sarama.BalanceStrategy) (sarama.ConsumerGroup, error) {
			conf := b.client.Config().Sarama()
			conf.Consumer.Offsets.AutoCommit.Enable = false
			conf.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{strategy}
			conf.Consumer.Group.Heartbeat.Interval = 50 * time.Millisecond
			conf.Consumer.Group.Rebalance.Retry.Backoff = 50 * time.Millisecond
			return sarama.NewConsumerGroup(b.client.Config().Brokers, "g", conf)
		},
		Committer: func(ctx context.Context) (txn.Committer, error) {
			c, err := txn.NewExactlyOnce(ctx, b.client.Config(), txn.Config{TransactionalID: "g"})
			if err != nil {
				return nil, err
			}
			return b.commit(c), nil
		},
		Task: func(partition int32) task.Config {
			return task.Config{
				Graph: group, Partition: partition, Topics: []string{"in"}, Tables: []store.Spec{{Name: "g-table", Topic: "g-table"}}, Log: b.log,
				Open: func(ctx context.Context) (task.State, error) { return b.open(ctx, partition, shared) },
			}
		},
	}
	if b.edit != nil {
		b.edit(&cfg)
	}
	ctx, cancel := context.WithCancel(t.Context())
	r := &running{cancel: cancel, ended: make(chan error, 1), released: released}
	go func() { r.ended <- engine.New(cfg).Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		_ = r.wait(t)
	})
	return r
}

// open opens the table of a partition and reads its changelog from where the
// disk ends.
func (b *testBundle) open(ctx context.Context, partition int32, shared *store.Shared) (state task.State, err error) {
	cfg := b.storeConfig(partition)
	cfg.Shared = shared
	state.DB, err = store.Open(cfg)
	if err != nil {
		return state, err
	}
	next := max(state.DB.Offset("g-table"), 0)
	err = b.client.Read(ctx, kafka.Query{Topic: "g-table", Partitions: []int32{partition}, From: kafka.At(next), UntilEnd: true},
		func(r kafka.Record) error {
			state.DB.Table("g-table").Set(string(r.Key), r.Value)
			next = r.Offset + 1
			return nil
		})
	if err == nil {
		err = state.DB.Seal().Flush(map[string]int64{"g-table": next})
	}
	if err != nil {
		return task.State{}, errors.Join(err, state.Close())
	}
	return state, nil
}

func (b *testBundle) storeConfig(partition int32) store.Config {
	return store.Config{Dir: b.dir, FS: b.fs, Owner: store.Owner{
		Group: "g", Partition: partition, Tables: []store.Spec{{Name: "g-table", Topic: "g-table"}},
	}}
}

// outputs returns what a partition's readers see, in its order.
func (b *testBundle) outputs(t *testing.T) map[string]string {
	t.Helper()
	seen := map[string]string{}
	for _, r := range kafkatest.Read(t, b.client, kafka.Query{Topic: "out"}) {
		value, n, _ := strings.Cut(string(r.Value), " ")
		if before, twice := seen[value]; twice {
			t.Errorf("%s is there twice, as number %s and %s", value, before, n)
		}
		seen[value] = n
	}
	return seen
}

// await waits until there are n outputs.
func (b *testBundle) await(t *testing.T, n int) {
	t.Helper()
	kafkatest.Await(t, fmt.Sprintf("%d outputs", n), func() bool { return len(b.outputs(t)) >= n })
}

// checkExact holds the outputs to those of a sequential run over n records of
// each partition.
func (b *testBundle) checkExact(t *testing.T, n int) {
	t.Helper()
	want := map[string]string{}
	counts := map[string]int{}
	for i := range n {
		for partition := range int32(partitions) {
			counts[key(partition, i)]++
			want[fmt.Sprintf("%d/%d", partition, i)] = strconv.Itoa(counts[key(partition, i)])
		}
	}
	if diff := cmp.Diff(b.outputs(t), want); diff != "" {
		t.Errorf("outputs (-got +want): %s", diff)
	}
}

// faulty does something else at one of its commits.
type faulty struct {
	txn.Committer
	left  *atomic.Int32 // commits until the fault
	fault func(context.Context, txn.Committer, txn.Batch) error
}

func (f *faulty) Commit(ctx context.Context, b txn.Batch) error {
	if f.left.Add(-1) == 0 {
		return f.fault(ctx, f.Committer, b)
	}
	return f.Committer.Commit(ctx, b)
}

var errAsked = errors.New("asked to fail")

func TestAFaultOfACommitChangesNothing(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]func(context.Context, txn.Committer, txn.Batch) error{
		"before it": func(context.Context, txn.Committer, txn.Batch) error { return errAsked },
		"its answer is lost": func(ctx context.Context, c txn.Committer, b txn.Batch) error {
			return errors.Join(c.Commit(ctx, b), errAsked)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			var left atomic.Int32
			left.Store(3)
			b.commit = func(c txn.Committer) txn.Committer { return &faulty{c, &left, fault} }
			r := b.run(t)
			const rounds, each = 6, 50
			for round := range rounds {
				b.write(t, round*each, each)
				b.await(t, (round+1)*each*partitions)
			}
			r.stop(t)
			if left.Load() > 0 {
				t.Fatalf("the fault has not come: %d commits are left", left.Load())
			}
			b.checkExact(t, rounds*each)
		})
	}
}

func TestWorkGoesOnFromTheDiskAfterAStop(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for round := range 3 {
		r := b.run(t)
		b.write(t, round*40, 40)
		b.await(t, (round+1)*40*partitions)
		r.stop(t)
	}
	b.checkExact(t, 120)
}

// A partition whose callback hangs or fails holds up no other.
func TestPartitionsDoNotWaitForEachOther(t *testing.T) {
	t.Parallel()
	b := setup(t)
	release := make(chan struct{})
	var failures atomic.Int32
	b.call = func(ctx goka.Context, _ string) {
		switch ctx.Partition() {
		case 0:
			<-release
		case 1:
			if failures.Add(1) <= 3 {
				ctx.Emit("out", "k", "never seen 0")
				ctx.Fail(errAsked)
			}
		}
	}
	r := b.run(t)
	b.write(t, 0, 30)
	b.await(t, 3*30) // all but partition 0's
	for value := range b.outputs(t) {
		if strings.HasPrefix(value, "0/") {
			t.Errorf("got %s of the partition that hangs", value)
		}
	}
	close(release)
	b.await(t, 4*30)
	r.stop(t)
	b.checkExact(t, 30)
}

func TestATaskThatCannotGoOnEndsTheRun(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.call = func(ctx goka.Context, value string) {
		if value == "2/5" {
			ctx.Fail(&task.FatalError{Err: errAsked})
		}
	}
	ended := b.run(t)
	b.write(t, 0, 10)
	if err := ended.wait(t); err == nil || !strings.Contains(err.Error(), "asked to fail") {
		t.Errorf("got %v, want what the task met", err)
	}
}

// Processes come and go while records arrive.
func TestEnginesShareTheWork(t *testing.T) {
	t.Parallel()
	b := setup(t)
	other := *b
	other.dir = t.TempDir()
	r := b.run(t)
	const each = 60
	for round := range 3 {
		b.write(t, 2*round*each, each)
		guest := other.runAs(t, "other")
		b.write(t, (2*round+1)*each, each)
		b.await(t, 2*(round+1)*each*partitions)
		guest.stop(t)
	}
	r.stop(t)
	b.checkExact(t, 6*each)
}

// A task with many finished units does not wait for the interval.
func TestAFullTaskMakesACommitDue(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.edit = func(cfg *engine.Config) {
		cfg.Interval, cfg.WriteInterval = time.Hour, time.Hour
		whole := cfg.Task
		cfg.Task = func(partition int32) task.Config {
			c := whole(partition)
			c.Limits.Units = 4
			return c
		}
	}
	r := b.run(t)
	b.write(t, 0, 20)
	b.await(t, 18*partitions)
	r.stop(t)
	b.checkExact(t, 20)
}

// A callback that hangs does not keep its partition when that is given to
// another process.
func TestAPartitionThatHangsCanBeTakenOver(t *testing.T) {
	t.Parallel()
	b := setup(t)
	other := *b
	other.dir = t.TempDir()
	hung, release := make(chan struct{}, partitions), make(chan struct{})
	b.call = func(goka.Context, string) {
		select {
		case <-release:
		case hung <- struct{}{}:
			<-release
		}
	}
	r := b.run(t)
	b.write(t, 0, 20)
	for range partitions {
		<-hung
	}
	guest := other.runAs(t, "other")
	b.await(t, 20*partitions/2)
	close(release)
	b.await(t, 20*partitions)
	guest.stop(t)
	r.stop(t)
	b.checkExact(t, 20)
}

// runAs is run with a transactional id of its own.
func (b *testBundle) runAs(t *testing.T, id string) *running {
	t.Helper()
	b.edit = func(cfg *engine.Config) {
		cfg.Committer = func(ctx context.Context) (txn.Committer, error) {
			return txn.NewExactlyOnce(ctx, b.client.Config(), txn.Config{TransactionalID: id})
		}
	}
	return b.run(t)
}
