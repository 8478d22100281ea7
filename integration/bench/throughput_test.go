// Package bench_test measures whole processors on a real broker, side by side.
package bench_test

import (
	"cmp"
	"context"
	"crypto/rand"
	"flag"
	"fmt"
	"hash"
	"hash/fnv"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gokavro/gokavro/integration/worker"
	"github.com/gokavro/gokavro/topology/kafka"
	"github.com/gokavro/gokavro/topology/runner"
)

var recordsFlag = flag.Int("bench.records", 0, "run the comparison on a real Kafka with that many flights; 0 leaves it out")

// contestant is one way of running the topology.
type contestant struct {
	name     string
	kind     string
	delivery string // of the runner
	hasher   func() hash.Hash32
}

// contestants are plain goka, and the runner in each delivery that it has.
func contestants() []contestant {
	all := []contestant{{name: "goka with its defaults", kind: onPlainGoka, hasher: func() hash.Hash32 { return fnv.New32a() }}}
	deliveries := []string{"at_least_once"}
	if runner.Flags().Lookup("delivery") != nil {
		deliveries = append(deliveries, "exactly_once")
	}
	for _, delivery := range deliveries {
		all = append(all, contestant{name: "runner, " + delivery, kind: onRunner, delivery: delivery, hasher: kafka.NewHasher})
	}
	return all
}

func (c contestant) args(s *site) []string {
	args := []string{"--brokers", s.brokers, "--registry", s.registryURL, "--topic-prefix", s.prefix, "--auto-register"}
	if c.kind == onRunner && runner.Flags().Lookup("delivery") != nil {
		args = append(args, "--delivery", c.delivery)
	}
	return args
}

// result is what one contestant took for all records.
type result struct {
	contestant
	rate               float64 // records a second, from the first output to the last
	cpu                time.Duration
	allocations, bytes int64
	records            int
	p50, p99           time.Duration // from the input's writing to the output's reading
}

// TestRunnerAndPlainGokaSideBySide shows how fast each of them takes the same
// flights from a full topic. Compare the figures of one run: those of another
// machine, or of a busy one, say nothing.
func TestRunnerAndPlainGokaSideBySide(t *testing.T) { //nolint:paralleltest // it measures
	brokers := os.Getenv("KAFKA_BROKERS")
	switch {
	case *recordsFlag == 0:
		t.Skip("a measurement: run it with make bench")
	case brokers == "":
		t.Fatal("KAFKA_BROKERS names no brokers: start one with integration/kafka.sh")
	}
	input := loadInput(t)
	settle(t, brokers, *input)
	var results []result
	for _, c := range contestants() {
		r := measure(t, c, brokers, input)
		r.p50, r.p99 = measureLatency(t, c, brokers, input)
		results = append(results, r)
	}
	t.Logf("%d flights from full topics, then %d at %d/s; 1 process, %d partitions\n%s",
		*recordsFlag, latencyRecords, latencyRate, partitions, table(results))
}

// settle lets every contestant run once on a few flights: a broker makes its
// topics for offsets and transactions when they are first needed.
func settle(t *testing.T, brokers string, few input) {
	t.Helper()
	few.records = len(few.flights)
	for _, c := range contestants() {
		measure(t, c, brokers, &few)
	}
}

// start starts a contestant on the topics of a site.
func (c contestant) start(t *testing.T, s *site) *worker.Process {
	t.Helper()
	dir := t.ArtifactDir()
	name := strings.ReplaceAll(c.name, " ", "-") + rand.Text()[:4]
	p, err := worker.Start(worker.Launch{
		Kind: c.kind, State: filepath.Join(dir, name), Log: filepath.Join(dir, name+".log"), Args: c.args(s),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Signal(os.Kill) })
	return p
}

// measure runs one contestant on topics of its own.
func measure(t *testing.T, c contestant, brokers string, in *input) result {
	t.Helper()
	s := prepare(t, c, brokers, in)
	p := c.start(t, s)
	rate, err := s.await(t.Context(), p, int64(in.records))
	if err != nil {
		t.Fatalf("%s: %v: %s", c.name, err, p.LastLines(5))
	}
	if code, err := p.Stop(time.Minute); code != 0 || err != nil {
		t.Errorf("%s: stopping it: code %d, %v: %s", c.name, code, err, p.LastLines(5))
	}
	r := result{contestant: c, rate: rate, cpu: p.CPU(), records: in.records}
	if _, err := fmt.Sscanf(p.LastLines(1), usageFormat, &r.allocations, &r.bytes); err != nil {
		t.Errorf("%s: its last line is %q: %v", c.name, p.LastLines(1), err)
	}
	return r
}

// stall is after how long without another output a run has failed.
const stall = time.Minute

// await waits for that many outputs and returns how many came a second.
func (s *site) await(ctx context.Context, p *worker.Process, want int64) (float64, error) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	var first, last int64
	var began time.Time
	moved := time.Now()
	for last < want {
		select {
		case <-tick.C:
		case <-p.Exited():
			return 0, fmt.Errorf("it ended with code %d after %d of %d outputs", p.Code(), last, want)
		case <-ctx.Done():
			return 0, ctx.Err()
		}
		held, err := s.outputs()
		if err != nil {
			return 0, err
		}
		if held > last {
			last, moved = held, time.Now()
		}
		if first == 0 && held > 0 {
			first, began = held, moved
		}
		if time.Since(moved) > stall {
			return 0, fmt.Errorf("it stands still at %d of %d outputs", last, want)
		}
	}
	return float64(last-first) / moved.Sub(began).Seconds(), nil
}

// table shows the results, each also as a multiple of the first.
func table(results []result) string {
	lines := []string{fmt.Sprintf("%-24s %10s %7s %12s %12s %8s %8s %8s",
		"", "records/s", "ratio", "CPU/record", "allocations", "bytes", "p50", "p99")}
	for _, r := range results {
		n := float64(cmp.Or(r.records, 1))
		lines = append(lines, fmt.Sprintf("%-24s %10.0f %7.2f %9.2f µs %12.1f %8.0f %5d ms %5d ms", r.name, r.rate, r.rate/results[0].rate,
			float64(r.cpu.Microseconds())/n, float64(r.allocations)/n, float64(r.bytes)/n, r.p50.Milliseconds(), r.p99.Milliseconds()))
	}
	return strings.Join(lines, "\n")
}
