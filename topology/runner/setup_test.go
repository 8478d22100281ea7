package runner_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gokavro/gokavro/codecs"
	"github.com/gokavro/gokavro/integration/devstack"
	"github.com/gokavro/gokavro/processors"
	"github.com/gokavro/gokavro/processors/enrich"
	"github.com/gokavro/gokavro/topology"
	"github.com/gokavro/gokavro/topology/kafka"
	"github.com/gokavro/gokavro/topology/kafka/kafkatest"
	"github.com/gokavro/gokavro/topology/runner"
)

func TestMain(m *testing.M) {
	net.DefaultResolver = testNames.resolver()
	code := m.Run()
	if left := awaitNoGoroutines(); code == 0 && left != "" {
		fmt.Fprintf(os.Stderr, "goroutines are left over:\n%s\n", left)
		code = 1
	}
	os.Exit(code)
}

// awaitNoGoroutines returns the goroutines of libraries and of our own that do
// not end.
func awaitNoGoroutines() (left string) {
	deadline := time.Now().Add(kafkatest.Patience)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		if left = goroutines(); left == "" || time.Now().After(deadline) {
			break
		}
	}
	return left
}

// goroutines returns the stacks of all goroutines but the tests' own, the metrics
// clock, which sarama's library starts once and never ends, and what waits for
// signals in a fuzzer.
func goroutines() string {
	var text bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&text, 2); err != nil {
		return err.Error()
	}
	stacks := slices.DeleteFunc(strings.Split(text.String(), "\n\n"), func(stack string) bool {
		return strings.Contains(stack, "runner_test.TestMain") || strings.Contains(stack, "go-metrics.(*meterArbiter).tick") ||
			strings.Contains(stack, "os/signal.signal_recv")
	})
	return strings.Join(stacks, "\n\n")
}

// log keeps what a runner logs. It is safe for concurrent use.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write appends p.
func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *log) has(part string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.text.String(), part)
}

// testBundle is an embedded stack and what tests do with it.
type testBundle struct {
	stack  *devstack.Stack
	client *kafka.Client
	log    *log

	keyBytes int // that the keys of rounds have beside their number
}

func setup(t *testing.T, cfg devstack.Config) *testBundle {
	t.Helper()
	b := &testBundle{log: &log{}}
	b.start(t, cfg)
	if cfg.NoKafka {
		return b
	}
	b.client = kafkatest.Dial(t, kafka.Config{Brokers: b.stack.Brokers()})
	return b
}

// start starts a stack, in place of the one before it if there is one.
func (b *testBundle) start(t *testing.T, cfg devstack.Config) {
	t.Helper()
	stack, err := devstack.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stack.Close() })
	b.stack = stack
}

// topics creates topics with that many partitions.
func (b *testBundle) topics(t *testing.T, partitions int32, names ...string) {
	t.Helper()
	for _, name := range names {
		kafkatest.Create(t, b.client, kafka.Topic{Name: name, Partitions: partitions})
	}
}

// write writes records in their order and waits for them. Partition 0 is
// explicit; less than 0 leaves it to the key.
func (b *testBundle) write(t *testing.T, records ...kafka.Record) {
	t.Helper()
	kafkatest.Write(t, kafka.Config{Brokers: b.stack.Brokers()}, records...)
}

func record(topic, key, value string) kafka.Record {
	return kafka.Record{Topic: topic, Partition: -1, Key: []byte(key), Value: []byte(value)}
}

// read returns all records of a topic, none of one that is yet to be created.
func (b *testBundle) read(t *testing.T, topic string) []kafka.Record {
	t.Helper()
	return kafkatest.Read(t, b.client, kafka.Query{Topic: topic})
}

// values returns the values of a topic's records, sorted.
func (b *testBundle) values(t *testing.T, topic string) []string {
	t.Helper()
	var values []string
	for _, r := range b.read(t, topic) {
		values = append(values, string(r.Value))
	}
	slices.Sort(values)
	return values
}

// awaitValues waits until a topic holds n records, and returns their values.
func (b *testBundle) awaitValues(t *testing.T, topic string, n int) (values []string) {
	t.Helper()
	kafkatest.Await(t, fmt.Sprintf("%d records in %s", n, topic), func() bool {
		values = b.values(t, topic)
		return len(values) >= n
	})
	return values
}

func (b *testBundle) config(t *testing.T) runner.Config {
	t.Helper()
	return runner.Config{
		Brokers: b.stack.Brokers(), Registry: []string{b.stack.RegistryURL()}, StateDir: t.TempDir(),
		CreateTopics: 4, Logger: slog.New(slog.NewTextHandler(b.log, nil)),
	}
}

// anyRunner is what runners of topologies and of goka groups have in common.
type anyRunner interface {
	Run(context.Context) error
	Ready() <-chan struct{}
	Stats() runner.Stats
	State() (runner.State, string)
	StandbyLag() map[int32]int64
}

// running is a runner under way.
type running struct {
	anyRunner
	cancel context.CancelFunc
	done   chan error
}

func start(t *testing.T, top *topology.Topology, cfg runner.Config) *running {
	t.Helper()
	r, err := runner.New(top, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return run(t, r)
}

func run(t *testing.T, r anyRunner) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	run := &running{anyRunner: r, cancel: cancel, done: make(chan error, 1)}
	go func() { run.done <- r.Run(ctx) }()
	t.Cleanup(cancel)
	return run
}

func (r *running) awaitReady(t *testing.T) *running {
	t.Helper()
	select {
	case <-r.Ready():
	case err := <-r.done:
		t.Fatalf("the runner ended with %v before it was ready", err)
	case <-time.After(kafkatest.Patience):
		t.Fatalf("the runner was not ready within %s", kafkatest.Patience)
	}
	return r
}

// end waits for the end of Run.
func (r *running) end(t *testing.T) error {
	t.Helper()
	select {
	case err := <-r.done:
		return err
	case <-time.After(kafkatest.Patience):
		t.Fatalf("Run did not end within %s", kafkatest.Patience)
		return nil
	}
}

// stop ends the runner, which has to be a clean end.
func (r *running) stop(t *testing.T) {
	t.Helper()
	r.cancel()
	if err := r.end(t); err != nil {
		t.Fatalf("got %v from a stopped runner, want nil", err)
	}
}

// counting counts the records of each key and puts the row of the table names
// behind the count: in → counts → names → out.
func counting() *topology.Topology {
	return blocking(func(string) {})
}

// blocking is counting with a hook that sees each value first.
func blocking(hook func(string)) *topology.Topology {
	t := topology.New("count")
	names := topology.LookupTable(t, "names", codecs.String())
	in := topology.Input(t, "in", codecs.String())
	counted := topology.Process(in, topology.Store(t, "counts", codecs.Int64()),
		func(in processors.Record[string], row *processors.Row[int64], emit func(string)) error {
			hook(in.Value)
			n, _ := row.Get()
			row.Set(n + 1)
			emit(fmt.Sprintf("%s %s=%d", in.Key, in.Value, n+1))
			return nil
		})
	topology.Lookup(counted, names, enrich.Left(
		func(s string) string { return s[:strings.Index(s, " ")] },
		func(s string, name *string) string {
			if name == nil {
				return s
			}
			return s + " " + *name
		})).To("out", codecs.String())
	return t
}
