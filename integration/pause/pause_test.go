// Package pause measures for how long a group that is rebalanced puts nothing
// out.
package pause_test

import (
	"context"
	"crypto/rand"
	"flag"
	"hash/fnv"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/gokavro/gokavro/integration/devstack"
	"github.com/gokavro/gokavro/integration/worker"
	"github.com/gokavro/gokavro/topology/kafka"
	"github.com/gokavro/gokavro/topology/kafka/kafkatest"
)

var (
	strictFlag   = flag.Bool("pause.strict", false, "assert what is promised on a machine that does nothing else, in place of looser bounds")
	baselineFlag = flag.Bool("pause.baseline", false, "measure plain goka as well")
)

const (
	partitions = 8
	inTopic    = "in"
	outTopic   = "out"
	// patience bounds every wait.
	patience = 2 * time.Minute
)

// bounds of the time without outputs.
type bounds struct {
	stay, move, kill time.Duration
}

func limits() bounds {
	if *strictFlag {
		return bounds{stay: 400 * time.Millisecond, move: 2 * time.Second, kill: 20 * time.Second}
	}
	return bounds{stay: 5 * time.Second, move: 20 * time.Second, kill: time.Minute}
}

// TestPartitionsThatStayGoOnOnDevstack lets an instance join and leave.
func TestPartitionsThatStayGoOnOnDevstack(t *testing.T) {
	t.Parallel()
	b := begin(t, onRunner, embedded(t))
	b.joinAndLeave(t)
	b.finish(t)
}

// TestPartitionsThatStayGoOnOnKafka does so on Kafka, and kills one as well.
func TestPartitionsThatStayGoOnOnKafka(t *testing.T) {
	t.Parallel()
	brokers := given(t)
	kinds := []string{onRunner}
	if *baselineFlag {
		kinds = append(kinds, onPlainGoka)
	}
	for _, kind := range kinds {
		b := begin(t, kind, brokers)
		b.joinAndLeave(t)
		b.kill(t)
		b.finish(t)
	}
}

// embedded starts a broker and returns its address.
func embedded(t *testing.T) string {
	t.Helper()
	stack, err := devstack.Start(t.Context(), devstack.Config{NoRegistry: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stack.Close() })
	return strings.Join(stack.Brokers(), ",")
}

// given returns the addresses of the real brokers.
func given(t *testing.T) string {
	t.Helper()
	brokers := os.Getenv("KAFKA_BROKERS")
	if brokers == "" {
		if os.Getenv("REQUIRE_KAFKA") == "1" {
			t.Fatal("REQUIRE_KAFKA=1, but KAFKA_BROKERS names no brokers")
		}
		t.Skip("needs a real Kafka: set KAFKA_BROKERS")
	}
	return brokers
}

// bench is a group under a steady input.
type bench struct {
	kind, brokers, prefix string
	watch                 *watch
	workers               map[string]*worker.Process
	logs                  map[string]string // by worker
	stopFeed              func() int
	strict                bool // whether to assert
}

// begin starts two workers and the input.
func begin(t *testing.T, kind, brokers string) *bench {
	t.Helper()
	b := &bench{
		kind: kind, brokers: brokers, prefix: "pause-" + strings.ToLower(rand.Text()[:8]) + "-", strict: kind != onPlainGoka,
		watch: &watch{seen: map[int32][]sight{}, count: map[string]int{}}, workers: map[string]*worker.Process{}, logs: map[string]string{},
	}
	client := kafkatest.Dial(t, kafka.Config{Brokers: strings.Split(brokers, ",")})
	kafkatest.Create(t, client,
		kafka.Topic{Name: b.prefix + inTopic, Partitions: partitions}, kafka.Topic{Name: b.prefix + outTopic, Partitions: partitions})
	if hasTable(kind) {
		b.fillTable(t, client)
	}
	b.start(t, "one")
	b.start(t, "two")
	var reading sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(func() {
		cancel()
		reading.Wait()
	})
	reading.Go(func() {
		_ = client.Read(ctx, kafka.Query{Topic: b.prefix + outTopic}, b.watch.note) // what is missing is noticed
	})
	b.feed(t)
	b.settle(t, 2)
	return b
}

func (b *bench) feed(t *testing.T) {
	t.Helper()
	writer, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(b.brokers, ",")...), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	written := make(chan int, 1)
	go func() {
		defer writer.Close()
		n := feed(ctx, writer, b.prefix+inTopic)
		_ = writer.Flush(context.Background()) // what is missing is noticed
		written <- n
	}()
	b.stopFeed = sync.OnceValue(func() int {
		cancel()
		return <-written
	})
	t.Cleanup(func() { b.stopFeed() })
}

// start starts a worker.
func (b *bench) start(t *testing.T, name string) {
	t.Helper()
	dir := t.TempDir()
	b.logs[name] = filepath.Join(dir, "log")
	args := []string{"--brokers", b.brokers}
	if b.kind == onStandby {
		args = append(args, "--num-standby", "1")
	}
	p, err := worker.Start(worker.Launch{
		Kind: b.kind, State: filepath.Join(dir, "state"), Log: b.logs[name],
		Args: args, Env: []string{nameEnv + "=" + name, prefixEnv + "=" + b.prefix},
	})
	if err != nil {
		t.Fatal(err)
	}
	b.workers[name] = p
	t.Cleanup(func() {
		_ = p.Signal(syscall.SIGKILL)
		<-p.Exited()
		if t.Failed() {
			t.Logf("%s: %s", name, p.LastLines(10))
		}
	})
}

// stop stops a worker gracefully.
func (b *bench) stop(t *testing.T, name string) {
	t.Helper()
	if code, err := b.workers[name].Stop(patience); err != nil || code != 0 {
		t.Fatalf("%s: stopping: code %d, %v", b.kind, code, err)
	}
}

// settle waits until that many workers put out, each of them its share, and
// returns which partitions each has.
func (b *bench) settle(t *testing.T, workers int) map[int32]string {
	t.Helper()
	for deadline := time.Now().Add(patience); ; {
		owners, age := b.watch.owners()
		shares := map[string]int{}
		for _, by := range owners {
			shares[by]++
		}
		even := len(owners) == partitions && len(shares) == workers
		for _, share := range shares {
			even = even && share >= partitions/workers && share <= (partitions+workers-1)/workers
		}
		if even && age < time.Second {
			return owners
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: %d workers do not come to an even share of fresh outputs: %v, %s old", b.kind, workers, owners, age)
		}
		pause(t, 20*time.Millisecond)
	}
}

func pause(t *testing.T, d time.Duration) {
	t.Helper()
	select {
	case <-time.After(d):
	case <-t.Context().Done():
	}
}

func (b *bench) joinAndLeave(t *testing.T) {
	t.Helper()
	b.step(t, "an instance joins", 3, limits().move, func() { b.start(t, "three") })
	b.step(t, "an instance leaves", 2, limits().move, func() { b.stop(t, "three") })
}

func (b *bench) kill(t *testing.T) {
	t.Helper()
	b.step(t, "kill -9 of an instance", 1, limits().kill, func() { _ = b.workers["two"].Signal(syscall.SIGKILL) })
}

// step does something to the group and tells the longest pauses that come of it.
func (b *bench) step(t *testing.T, what string, workers int, most time.Duration, do func()) {
	t.Helper()
	pause(t, time.Second) // of what went before
	before, _ := b.watch.owners()
	from := time.Now()
	do()
	after := b.settle(t, workers)
	pause(t, time.Second)
	stay, move := changes(before, after)
	longest := func(of []int32) (gap time.Duration) {
		for _, partition := range of {
			gap = max(gap, b.watch.gap(partition, from))
		}
		return gap
	}
	t.Logf("%-7s %-24s %d partitions stay: %4d ms; %d move: %5d ms", b.kind, what,
		len(stay), longest(stay).Milliseconds(), len(move), longest(move).Milliseconds())
	if !b.strict {
		return
	}
	if got := longest(stay); got > limits().stay {
		t.Errorf("%s: nothing for %s of partitions that stay, want %s at most", what, got, limits().stay)
	}
	if got := longest(move); got > most {
		t.Errorf("%s: nothing for %s of partitions that move, want %s at most", what, got, most)
	}
	if must := mustMove(before, workers); len(move) != must {
		t.Errorf("%s: partitions %v moved, from %v to %v, want %d of them", what, move, before, after, must)
	}
}

// mustMove returns how many partitions have to move when a member joins or one
// leaves.
func mustMove(before map[int32]string, workers int) int {
	shares := map[string]int{}
	for _, by := range before {
		shares[by]++
	}
	if len(shares) < workers {
		return partitions / workers
	}
	least := partitions
	for _, share := range shares {
		least = min(least, share)
	}
	return least
}

// finish stops the input and checks that each has one output.
func (b *bench) finish(t *testing.T) {
	t.Helper()
	written := b.stopFeed()
	for deadline := time.Now().Add(patience); ; pause(t, 20*time.Millisecond) {
		missing, repeated := b.watch.compare(written)
		if b.strict && repeated > 0 {
			t.Fatalf("%s: %d outputs are repeated", b.kind, repeated)
		}
		if missing == 0 || !b.strict {
			t.Logf("%-7s %d inputs, %d without an output, %d outputs repeated", b.kind, written*partitions, missing, repeated)
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: %d of %d inputs have no output", b.kind, missing, written*partitions)
		}
	}
}

// compare counts the inputs without an output, and the outputs too many.
func (w *watch) compare(written int) (missing, repeated int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	total := 0
	for _, n := range w.count {
		total += n
	}
	return written*partitions - len(w.count), total - len(w.count)
}

func partitionOf(key string) int {
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(key))
	partition := int(int32(hash.Sum32()) % partitions)
	return max(partition, -partition)
}
