package chaos_test

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"hash/fnv"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gokavro/gokavro/integration/worker"
	"github.com/gokavro/gokavro/topology/kafka"
	"github.com/gokavro/gokavro/topology/runner"
)

// Values of the runner's setting delivery.
const (
	atLeastOnce = "at_least_once"
	exactlyOnce = "exactly_once"
)

// The streams of random numbers that come of one seed.
const (
	feedStream = iota
	stormStream
)

// scenario says what is run, and what happens to it meanwhile.
type scenario struct {
	name      string
	seed      uint64
	worker    string // kind of the workers; default: the runner
	delivery  string // of the runner
	processes int
	standbys  int // of each partition
	keys      int
	records   int
	perSecond int
	events    map[kind]int
	// atWork lets the events wait for what the workers have done instead of what
	// is written, so that each of them meets workers that are at work.
	atWork bool

	// env is for the workers, beside the test's own environment.
	env []string
	// faulty is for the first process of each worker alone, which has to end by
	// itself then: the way to make it fail at a certain point.
	faulty []string
}

// topic returns a topic's name on the cluster.
func (s *scenario) topic(name string) string { return s.name + "-" + name }

// table returns the topic that keeps the counters.
func (s *scenario) table() string {
	if s.worker == onPlainGoka {
		return s.topic(groupName + "-table")
	}
	return s.topic(storeTopic)
}

// hasher is how the workers place keys; the input is placed in the same way.
func (s *scenario) hasher() hash.Hash32 {
	if s.worker == onPlainGoka {
		return fnv.New32a()
	}
	return kafka.NewHasher()
}

func (s *scenario) random(stream uint64) *rand.Rand { return rand.New(rand.NewPCG(s.seed, stream)) }

// hasDelivery tells whether the runner can be told how to deliver. Until then
// it delivers at least once.
func hasDelivery() bool { return runner.Flags().Lookup("delivery") != nil }

func (s *scenario) launch(c *cluster) worker.Launch {
	l := worker.Launch{Kind: s.worker, Env: s.env, Args: []string{
		"--brokers", c.brokerList(), "--registry", c.schemas.url, "--topic-prefix", s.name + "-", "--auto-register",
	}}
	if s.worker == onRunner && hasDelivery() {
		l.Args = append(l.Args, "--delivery", s.delivery, "--num-standby", strconv.Itoa(s.standbys))
	}
	return l
}

func (s *scenario) createTopics(ctx context.Context, c *cluster) error {
	var topics []kafka.Topic
	for _, name := range []string{inputTopic, outputTopic, letterTopic} {
		topics = append(topics, kafka.Topic{Name: s.topic(name), Partitions: partitions})
	}
	topics = append(topics, kafka.Topic{Name: s.table(), Partitions: partitions, Compact: true})
	_, err := c.client.CreateMissing(ctx, topics...)
	return err
}

// outcome is what became of a scenario.
type outcome struct {
	*findings
	letters    int64 // dead letters
	left       int64 // records that were never processed
	standstill time.Duration
	ends       int   // of workers by themselves
	stopped    error // what was wrong with the graceful stop at the end
}

// String returns all figures.
func (o *outcome) String() string {
	return fmt.Sprintf("%s\ndead letters %d; left unprocessed %d; workers ended by themselves %d times; longest standstill %s",
		o.findings, o.letters, o.left, o.ends, o.standstill.Round(10*time.Millisecond))
}

// run runs a scenario to its end and compares what came of it with the truth.
func (s *scenario) run(t *testing.T, c *cluster) *outcome {
	t.Helper()
	j := &journal{began: time.Now()}
	t.Logf("%s, %s: seed %d (repeat with -chaos.seed=%d)", s.name, strings.TrimSpace(s.worker+" "+s.delivery), s.seed, s.seed)
	t.Cleanup(func() { t.Logf("what happened:\n%s", j) })
	if err := s.createTopics(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	f := &fleet{journal: j, launch: s.launch(c), faulty: s.faulty, dir: t.ArtifactDir()}
	t.Cleanup(f.close)
	result := &outcome{}
	if err := s.play(t.Context(), c, f, result); err != nil {
		t.Fatalf("%v\n%s", err, f.lastLines(5))
	}
	result.stopped = f.stop()
	result.ends = f.endedByThemselves()
	j.add("all workers are stopped")
	if err := s.judge(t.Context(), c, result); err != nil {
		t.Fatal(err)
	}
	t.Logf("%s, %s", s.name, result)
	return result
}

// play starts the workers, feeds them and makes the events happen, until no
// record is left.
func (s *scenario) play(ctx context.Context, c *cluster, f *fleet, result *outcome) error {
	for range s.processes {
		if _, err := f.add(); err != nil {
			return err
		}
	}
	starting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := f.awaitRunning(starting); err != nil {
		return err
	}
	f.journal.add("all %d workers run", s.processes)
	feed, err := newFeed(ctx, c, s)
	if err != nil {
		return err
	}
	defer feed.client.Close()
	p := &progress{cluster: c, group: s.topic(groupName), input: s.topic(inputTopic), output: s.topic(outputTopic)}
	watching, stopWatching := context.WithCancel(ctx)
	watched := make(chan struct{})
	go func() {
		p.watch(watching)
		close(watched)
	}()
	defer func() {
		stopWatching()
		<-watched
		result.standstill = p.standstill
	}()
	weather := &storm{cluster: c, fleet: f, journal: f.journal, clock: feed.written.Load, group: p.group, input: p.input}
	if s.atWork {
		weather.clock = p.done.Load
	}
	if err := s.disturb(ctx, weather, feed); err != nil {
		return err
	}
	result.left, err = p.awaitDone(ctx)
	f.journal.add("%d records are left", result.left)
	return err
}

// disturb feeds the workers and makes the events happen meanwhile.
func (s *scenario) disturb(ctx context.Context, weather *storm, feed *feed) error {
	events := schedule(s.events, s.records, s.random(stormStream))
	group, groupCtx := errgroup.WithContext(ctx)
	group.Go(func() error {
		err := feed.run(groupCtx, s.records, s.perSecond)
		weather.journal.add("%d increments are written", feed.written.Load())
		return err
	})
	group.Go(func() error { return weather.run(groupCtx, events) })
	return group.Wait()
}

// judge reads everything that was written and compares it.
func (s *scenario) judge(ctx context.Context, c *cluster, result *outcome) error {
	r := reader{ctx: ctx, client: c.client, schemas: c.registry}
	inputs, err := r.inputs(s.topic(inputTopic))
	if err != nil {
		return err
	}
	t := sequential(inputs)
	if t.twice > 0 || len(t.want) != s.records {
		return fmt.Errorf("the feed wrote %d of %d increments, %d of them more than once", len(t.want), s.records, t.twice)
	}
	if err := c.awaitStable(ctx, s.topic(outputTopic), s.table(), s.topic(letterTopic)); err != nil {
		return err
	}
	outputs, err := r.outputs(s.topic(outputTopic))
	if err != nil {
		return err
	}
	table, err := r.table(s.table())
	if err != nil {
		return err
	}
	result.findings = verify(t, outputs, table)
	result.letters, err = r.count(s.topic(letterTopic))
	return err
}

// fault is what the outcome breaks of the promise of the scenario's delivery.
func (o *outcome) fault(s *scenario) error {
	var faults []error
	add := func(broken bool, format string, args ...any) {
		if broken {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	add(o.left > 0, "%d records were never processed", o.left)
	add(o.letters > 0, "got %d dead letters, want none", o.letters)
	add(o.unknown > 0, "got %d outputs that belong to no input", o.unknown)
	add(!o.complete(), "lost %d of %d inputs", o.missing, o.inputs)
	add(s.delivery == exactlyOnce && !o.exact(), "the outputs and the table are not those of a sequential run")
	add(s.faulty != nil && o.ends < s.processes, "%d of %d workers ended by %v, want all", o.ends, s.processes, s.faulty)
	add(o.stopped != nil, "%w", o.stopped)
	return errors.Join(faults...)
}
