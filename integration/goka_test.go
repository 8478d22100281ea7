package integration_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"
	"github.com/lovoo/goka"
	"github.com/lovoo/goka/storage"

	"github.com/gokavro/gokavro/codecs"
	"github.com/gokavro/gokavro/topology/kafka"
	"github.com/gokavro/gokavro/topology/kafka/kafkatest"
	"github.com/gokavro/gokavro/topology/runner"
)

const gokaKeys = 20

// switched is a goka group that is run by goka and by the runner in turn.
type switched struct {
	*cluster
	rounds int
}

func newSwitched(t *testing.T, c *cluster) *switched {
	t.Helper()
	s := &switched{cluster: c}
	kafkatest.Create(t, c.kafka,
		kafka.Topic{Name: c.topic("words"), Partitions: partitions}, kafka.Topic{Name: c.topic("counts"), Partitions: partitions},
		// goka would make its table with two replicas, which one broker cannot keep.
		kafka.Topic{Name: c.topic("counter-table"), Partitions: partitions, Compact: true})
	return s
}

// group counts the words of each key: words → counter-table → counts.
func (s *switched) group() *goka.GroupGraph {
	counts := goka.Stream(s.topic("counts"))
	return goka.DefineGroup(goka.Group(s.topic("counter")),
		goka.Input(goka.Stream(s.topic("words")), codecs.String(), func(ctx goka.Context, msg any) {
			n, _ := ctx.Value().(int64)
			ctx.SetValue(n + 1)
			ctx.Emit(counts, ctx.Key(), fmt.Sprintf("%s %s=%d", ctx.Key(), msg, n+1))
		}),
		goka.Output(counts, codecs.String()),
		goka.Persist(codecs.Int64()),
	)
}

// ready is a processor under way, and how it is stopped.
type ready struct {
	cancel context.CancelFunc
	ended  chan error
}

func launch(t *testing.T, run func(context.Context) error, awaitReady func(context.Context) error) *ready {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r := &ready{cancel: cancel, ended: make(chan error, 1)}
	go func() { r.ended <- run(ctx) }()
	t.Cleanup(cancel)
	waiting, stop := context.WithTimeout(t.Context(), kafkatest.Patience)
	defer stop()
	if err := awaitReady(waiting); err != nil {
		t.Fatal(errors.Join(err, errors.New("the processor is not ready")))
	}
	return r
}

func launchGroup(t *testing.T, g *runner.Group) *ready {
	t.Helper()
	return launch(t, g.Run, func(ctx context.Context) error {
		select {
		case <-g.Ready():
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
}

func (r *ready) stop(t *testing.T) {
	t.Helper()
	r.cancel()
	select {
	case err := <-r.ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(kafkatest.Patience):
		t.Fatal("the processor does not end")
	}
}

// withGoka runs the group as plain goka does, from the beginning on.
func (s *switched) withGoka(t *testing.T) *ready {
	t.Helper()
	// What comes before its first commit is not to be passed over.
	conf := goka.DefaultConfig()
	conf.Consumer.Offsets.Initial = sarama.OffsetOldest
	p, err := goka.NewProcessor(strings.Split(s.brokers, ","), s.group(), goka.WithStorageBuilder(storage.DefaultBuilder(t.TempDir())),
		goka.WithConsumerGroupBuilder(goka.ConsumerGroupBuilderWithConfig(conf)))
	if err != nil {
		t.Fatal(err)
	}
	return launch(t, p.Run, func(ctx context.Context) error { return awaitGoka(ctx, p.WaitForReadyContext) })
}

// gokaRound is how long goka is asked at a time whether it is ready: it waits for
// the partitions that it has when it is asked, for ever if a rebalance ends them
// meanwhile.
const gokaRound = time.Second

func awaitGoka(ctx context.Context, ready func(context.Context) error) error {
	for {
		round, cancel := context.WithTimeout(ctx, gokaRound)
		err := ready(round)
		cancel()
		if err == nil || ctx.Err() != nil {
			return err
		}
	}
}

// withRunner runs the same group with the runner.
func (s *switched) withRunner(t *testing.T, delivery runner.Delivery, opts ...runner.GroupOption) *ready {
	t.Helper()
	cfg := runner.Config{Brokers: strings.Split(s.brokers, ","), StateDir: t.TempDir(), Delivery: delivery}
	p, err := runner.FromGoka(cfg, s.group(), opts...)
	if err != nil {
		t.Fatal(err)
	}
	return launchGroup(t, p)
}

// round writes one word for each key, as goka's emitter places them, and waits
// for its outputs.
func (s *switched) round(t *testing.T) {
	t.Helper()
	s.rounds++
	emitter, err := goka.NewEmitter(strings.Split(s.brokers, ","), goka.Stream(s.topic("words")), codecs.String())
	if err != nil {
		t.Fatal(err)
	}
	for i := range gokaKeys {
		if err := emitter.EmitSync(fmt.Sprintf("k%02d", i), fmt.Sprintf("w%d", s.rounds)); err != nil {
			t.Fatal(err)
		}
	}
	if err := emitter.Finish(); err != nil {
		t.Fatal(err)
	}
	s.await(t, s.rounds*gokaKeys, s.topic("counts"))
}

// outputs returns how often each output is there.
func (s *switched) outputs(t *testing.T) map[string]int {
	t.Helper()
	got := map[string]int{}
	for _, r := range kafkatest.Read(t, s.kafka, kafka.Query{Topic: s.topic("counts")}) {
		got[string(r.Value)]++
	}
	return got
}

// exact is every word once, with the counts of a sequential run.
func (s *switched) exact() map[string]int {
	want := map[string]int{}
	for round := range s.rounds {
		for i := range gokaKeys {
			want[fmt.Sprintf("k%02d w%d=%d", i, round+1, round+1)] = 1
		}
	}
	return want
}

// A group that goka has run goes on under the runner where goka stopped. The way
// back leads through at_least_once: goka cannot read a table that ends in a
// transaction.
func TestAGokaGroupIsSwitchedWithAStop(t *testing.T) {
	t.Parallel()
	onEachCluster(t, func(t *testing.T, c *cluster) {
		s := newSwitched(t, c)
		plain := s.withGoka(t)
		s.round(t)
		s.round(t)
		plain.stop(t)
		ours := s.withRunner(t, runner.ExactlyOnce)
		s.round(t)
		s.round(t)
		ours.stop(t)
		ours = s.withRunner(t, runner.AtLeastOnce)
		s.round(t)
		ours.stop(t)
		plain = s.withGoka(t)
		s.round(t)
		plain.stop(t)
		if diff := cmp.Diff(s.outputs(t), s.exact()); diff != "" {
			t.Errorf("outputs (-got +want): %s", diff)
		}
	})
}

// Processes of goka and of the runner are in one group for a while. Who was
// stopped gracefully has committed all that it did, so that the counts go on.
func TestAGokaGroupIsSwitchedProcessByProcess(t *testing.T) {
	t.Parallel()
	onEachCluster(t, func(t *testing.T, c *cluster) {
		s := newSwitched(t, c)
		first, second := s.withGoka(t), s.withGoka(t)
		s.round(t)
		first.stop(t)
		ours := s.withRunner(t, runner.AtLeastOnce, runner.BesideGoka())
		s.round(t)
		second.stop(t)
		s.round(t)
		back := s.withGoka(t) // and there is a way back
		s.round(t)
		ours.stop(t)
		s.round(t)
		last := s.withRunner(t, runner.AtLeastOnce, runner.BesideGoka())
		back.stop(t)
		s.round(t)
		// Where no process of goka is left, the option goes one by one as well.
		next := s.withRunner(t, runner.ExactlyOnce)
		s.round(t)
		last.stop(t)
		s.round(t)
		next.stop(t)
		if diff := cmp.Diff(s.outputs(t), s.exact()); diff != "" {
			t.Errorf("outputs (-got +want): %s", diff)
		}
	})
}
