package integration_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/lovoo/goka"

	"github.com/gokavro/gokavro/codecs"
	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/integration/worker"
	"github.com/gokavro/gokavro/processors"
	"github.com/gokavro/gokavro/processors/dlq"
	"github.com/gokavro/gokavro/topology"
	"github.com/gokavro/gokavro/topology/graph"
	"github.com/gokavro/gokavro/topology/kafka"
	"github.com/gokavro/gokavro/topology/kafka/kafkatest"
	"github.com/gokavro/gokavro/topology/runner"
)

const (
	// deadly is the kind of worker that one record kills.
	deadly = "deadly"
	// deadlyByHand is the same, written for goka.
	deadlyByHand = "deadly-goka"
	// deadlyExit is their exit code then.
	deadlyExit = 66
	// deadlyWord is how the record's value begins.
	deadlyWord = "deadly"
	// deadlyTried names a file in their environment. With it, the record fails once,
	// which makes the file, and is parked, and kills only when it is tried again.
	deadlyTried = "TEST_DEADLY_TRIED"
)

// meet ends the process over the deadly word.
func meet(word string) error {
	if !strings.HasPrefix(word, deadlyWord) {
		return nil
	}
	if path := os.Getenv(deadlyTried); path != "" {
		if tried, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL, 0o600); err == nil {
			_ = tried.Close()
			return errors.New("it is tried again later")
		}
	}
	end()
	return nil
}

// deadlyRetry parks the record long enough for a commit.
func deadlyRetry() graph.Retry {
	return graph.Retry{Topic: os.Getenv(deadlyTried) != "", Backoff: 2 * time.Second}
}

// fragile counts the words of each key, and dies of one.
func fragile() *topology.Topology {
	t := topology.New("fragile")
	counts := topology.Store(t, "fragile-counts", codecs.Int64())
	counted := topology.Process(topology.Input(t, "words", codecs.String(), topology.Retry(deadlyRetry())), counts,
		func(in processors.Record[string], row *processors.Row[int64], emit func(string)) error {
			if err := meet(in.Value); err != nil {
				return err
			}
			n, _ := row.Get()
			row.Set(n + 1)
			emit(fmt.Sprintf("%s=%d", in.Value, n+1))
			return nil
		})
	counted.To("counted", codecs.String())
	return t
}

// fragileGroup is the same, by hand.
func fragileGroup(prefix string) *goka.GroupGraph {
	counted := goka.Stream(prefix + "counted")
	return goka.DefineGroup(goka.Group(prefix+"fragile"),
		goka.Input(goka.Stream(prefix+"words"), codecs.String(), func(ctx goka.Context, msg any) {
			word, _ := msg.(string)
			if err := meet(word); err != nil {
				ctx.Fail(err)
			}
			n, _ := ctx.Value().(int64)
			ctx.SetValue(n + 1)
			ctx.Emit(counted, ctx.Key(), fmt.Sprintf("%s=%d", word, n+1))
		}),
		goka.Output(counted, codecs.String()),
		goka.Persist(codecs.Int64()))
}

// runFragileGroup runs it with the settings of the command line. The prefix is
// for the graph, not for the runner.
func runFragileGroup() error {
	flags := runner.Flags()
	if err := flags.Parse(os.Args[1:]); err != nil {
		return err
	}
	cfg, err := runner.Load(flags)
	if err != nil {
		return err
	}
	prefix := cfg.TopicPrefix
	cfg.TopicPrefix, cfg.CreateTopics = "", 0
	cfg.Logger = slog.New(slog.NewTextHandler(os.Stderr, nil))
	group, err := runner.FromGoka(cfg, fragileGroup(prefix), runner.Hasher(kafka.NewHasher), runner.OnError(graph.Policy{Retry: deadlyRetry()}))
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	return group.Run(ctx)
}

// words writes so many words to each partition, in one of them with a deadly
// one in front of the word with that number.
func (c *cluster) words(t *testing.T, each, at int) {
	t.Helper()
	kafkatest.Create(t, c.kafka,
		kafka.Topic{Name: c.topic("words"), Partitions: partitions}, kafka.Topic{Name: c.topic("counted"), Partitions: partitions})
	var records []kafka.Record
	write := func(key, value string) {
		records = append(records, kafka.Record{
			Topic: c.topic("words"), Partition: -1, Key: []byte(key), Value: []byte(value), Headers: []kafka.Header{{Key: "h", Value: []byte("1")}},
		})
	}
	for n := range each {
		if n == at {
			write("key-0", deadlyWord+" \x01")
		}
		for key := range 2 * partitions {
			write(fmt.Sprintf("key-%d", key), fmt.Sprintf("key-%d %d", key, n))
		}
	}
	kafkatest.Write(t, c.kafka.Config(), records...)
}

// counted returns what was put out, each word once, with its counts in their
// order.
func (c *cluster) counted(t *testing.T) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	for _, r := range kafkatest.Read(t, c.kafka, kafka.Query{Topic: c.topic("counted")}) {
		word, count, _ := strings.Cut(string(r.Value), "=")
		found[word] = append(found[word], count)
	}
	return found
}

// death is how a record kills.
type death struct {
	kind     string
	delivery runner.Delivery
	parked   bool // it kills when it is tried again
	ending   ending
}

func (d death) String() string {
	return fmt.Sprintf("%s, %s, %s, parked %t", d.kind, d.delivery, d.ending.name, d.parked)
}

// survive starts workers until all words are counted and the deadly one is
// kept, and returns how many it took.
func (c *cluster) survive(t *testing.T, d death, words int) (starts int) {
	t.Helper()
	dir := t.TempDir()
	launch := worker.Launch{
		Kind: d.kind, State: filepath.Join(dir, "state"), Log: filepath.Join(dir, "log"),
		Args: c.args("--topic-prefix", c.prefix, "--create-topics", strconv.Itoa(partitions), "--delivery", string(d.delivery)),
	}
	launch.Env = []string{endingEnv + "=" + d.ending.name}
	if d.parked {
		launch.Env = append(launch.Env, deadlyTried+"="+filepath.Join(dir, "tried"))
	}
	deadline := time.NewTimer(kafkatest.Patience)
	defer deadline.Stop()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		p, err := worker.Start(launch)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = p.Signal(os.Kill) })
		starts++
		for !p.Ended() {
			select {
			case <-tick.C:
			case <-p.Exited():
			case <-deadline.C:
				t.Fatalf("start %d does not get to the end: %s", starts, p.LastLines(10))
			}
			if !p.IsRunning() || c.held(t, c.topic("fragile-dead-letters")) == 0 || len(c.counted(t)) < words {
				continue
			}
			if code, err := p.Stop(kafkatest.Patience); code != 0 || err != nil {
				t.Errorf("got exit code %d, %v of the last stop", code, err)
			}
			return starts
		}
		if p.Code() != d.ending.code || !strings.Contains(string(p.Logged()), d.ending.log) {
			t.Fatalf("start %d ended with code %d, want %d and %q in its log: %s", starts, p.Code(), d.ending.code, d.ending.log, p.LastLines(5))
		}
	}
}

// A record whose processing ends the process is set aside with its bytes after a
// few starts. All others are processed in their order.
func TestARecordThatKillsTheProcessIsSetAside(t *testing.T) {
	t.Parallel()
	const each, at = 60, 10
	all := []death{
		{deadly, runner.ExactlyOnce, false, exits()},
		{deadly, runner.AtLeastOnce, false, exits()},
		{deadlyByHand, runner.ExactlyOnce, false, exits()},
		{deadly, runner.ExactlyOnce, true, exits()},
		{deadlyByHand, runner.AtLeastOnce, true, exits()},
	}
	survives := func(t *testing.T, c *cluster, d death) {
		t.Helper()
		own := newCluster(t, c.brokers, c.registry)
		own.words(t, each, at)
		most := 6 // of which two may be in the middle of a rebalance, as each start has one, and do not count
		if d.parked {
			most++ // the first process is through its first batches when the record is due
		}
		if starts := own.survive(t, d, each*2*partitions); starts > most {
			t.Errorf("it took %d starts, want %d at most", starts, most)
		}
		own.checkCounted(t, d.delivery, each)
		own.checkDeadly(t)
	}
	onEachCluster(t, func(t *testing.T, c *cluster) {
		for _, d := range all {
			t.Run(d.String(), func(t *testing.T) {
				t.Parallel()
				survives(t, c, d)
			})
		}
	})
	// How it ends is nothing to a broker.
	c := newCluster(t, "", "")
	for _, e := range endings()[1:] {
		d := death{deadly, runner.ExactlyOnce, false, e}
		t.Run(d.String(), func(t *testing.T) {
			t.Parallel()
			survives(t, c, d)
		})
	}
}

// checkCounted wants each word to be counted, in order and exactly once where
// that is promised.
func (c *cluster) checkCounted(t *testing.T, delivery runner.Delivery, each int) {
	t.Helper()
	got, want := c.counted(t), map[string][]string{}
	for key := range 2 * partitions {
		for n := range each {
			word := fmt.Sprintf("key-%d %d", key, n)
			want[word] = []string{strconv.Itoa(n + 1)}
			if counts := got[word]; delivery == runner.AtLeastOnce && len(counts) > 0 {
				want[word] = counts
			}
		}
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("counted (-got +want): %s", diff)
	}
}

func (c *cluster) checkDeadly(t *testing.T) {
	t.Helper()
	codec := avro.Typed[dlq.Letter](avro.Namespace(dlq.Namespace), avro.Name(dlq.Name), avro.Registry(c.schemas))
	var letters []dlq.Letter
	for _, r := range kafkatest.Read(t, c.kafka, kafka.Query{Topic: c.topic("fragile-dead-letters")}) {
		var letter dlq.Letter
		if err := codec.Read(r.Value, &letter); err != nil {
			t.Fatal(err)
		}
		letters = append(letters, letter)
	}
	if len(letters) != 1 {
		t.Fatalf("got %d dead letters, want one: %+v", len(letters), letters)
	}
	letter := letters[0]
	if letter.Value == nil || string(*letter.Value) != deadlyWord+" \x01" || string(letter.Key) != "key-0" ||
		len(letter.Headers) != 1 || letter.Topic != c.topic("words") {
		t.Errorf("got the letter %+v, want the record as it was", letter)
	}
	if want := "processing it killed the process 2 times"; !strings.Contains(letter.Error, want) {
		t.Errorf("got the error %q, want %q", letter.Error, want)
	}
}
