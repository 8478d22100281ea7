package runner_test

import (
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gokavro/gokavro/codecs"
	"github.com/gokavro/gokavro/integration/devstack"
	"github.com/gokavro/gokavro/processors"
	"github.com/gokavro/gokavro/topology"
	"github.com/gokavro/gokavro/topology/kafka"
	"github.com/gokavro/gokavro/topology/kafka/kafkatest"
	"github.com/gokavro/gokavro/topology/runner"
)

const (
	floodRecords = 800
	floodBytes   = 64 << 10
	produceKey   = 0
)

// heap returns the bytes in use.
func heap() int {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int(stats.HeapAlloc)
}

// TestASlowOutputSlowsTheInput floods a runner while the broker takes nothing.
func TestASlowOutputSlowsTheInput(t *testing.T) { //nolint:paralleltest // it looks at the heap of the process
	b := setup(t, devstack.Config{})
	cfg := b.config(t)
	cfg.FetchBytes, cfg.BufferBytes, cfg.CacheBytes = 4<<20, 8<<20, 4<<20
	var taken atomic.Int64
	top := topology.New("flood")
	topology.Each(topology.Input(top, "in", codecs.String()), "take", func(r processors.Record[string], _ *processors.Row[processors.None], emit func(string)) error {
		taken.Add(1)
		emit(r.Value)
		return nil
	}).To("out", codecs.String())
	b.topics(t, 4, "in")
	var records []kafka.Record
	value := strings.Repeat("x", floodBytes)
	for i := range floodRecords {
		records = append(records, record("in", strconv.Itoa(i), value))
	}
	b.write(t, records...)
	before := heap()
	open := make(chan struct{})
	held := b.stack.Disturb(devstack.Trouble{APIKey: produceKey, Times: 1, Hold: func() { <-open }})
	r := start(t, top, cfg)
	kafkatest.Await(t, "an output that is held back", func() bool { return held() > 0 })
	var in int64
	since := time.Now()
	kafkatest.Await(t, "the input to stand still for a second", func() bool {
		if now := taken.Load(); now != in {
			in, since = now, time.Now()
		}
		return in > 0 && time.Since(since) > time.Second
	})
	grown := heap() - before
	t.Logf("%d of %d records of %d bytes are taken, and the heap has grown by %d bytes", in, floodRecords, floodBytes, grown)
	// sarama keeps some records of each partition ready.
	if most := cfg.FetchBytes + cfg.BufferBytes + cfg.CacheBytes + 4*16*floodBytes + 8<<20; grown > most {
		t.Errorf("the heap has grown by %d bytes, want %d at most", grown, most)
	}
	if in > floodRecords/4 {
		t.Errorf("got %d of %d records taken while nothing could be written", in, floodRecords)
	}
	close(open)
	kafkatest.Await(t, "all records", func() bool { return r.Stats().Out >= floodRecords })
	r.stop(t)
	if got := len(b.read(t, "out")); got != floodRecords {
		t.Errorf("got %d records, want %d", got, floodRecords)
	}
}

// lanes are two inputs in one topology: in-a → out-a, in-b → out-b.
func lanes() *topology.Topology {
	t := topology.New("lanes")
	for _, name := range []string{"a", "b"} {
		topology.Input(t, "in-"+name, codecs.String()).To("out-"+name, codecs.String())
	}
	return t
}

// TestAStepThatIsPausedLeavesTheOthersAtWork pauses one of two lanes, also over
// a fault that has the engine start over.
func TestAStepThatIsPausedLeavesTheOthersAtWork(t *testing.T) {
	t.Parallel()
	b := setup(t, devstack.Config{})
	b.topics(t, 2, "in-a", "in-b")
	cfg := b.config(t)
	cfg.CreateTopics = 2
	r, err := runner.New(lanes(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Pause("out-a"); err != nil {
		t.Fatal(err)
	}
	running := run(t, r).awaitReady(t)
	send := func(n int) {
		for i := range 20 {
			b.write(t, record("in-a", strconv.Itoa(i), strconv.Itoa(n)), record("in-b", strconv.Itoa(i), strconv.Itoa(n)))
		}
	}
	send(1)
	b.awaitValues(t, "out-b", 20)
	const unknownServerError = -1
	b.stack.Disturb(devstack.Trouble{APIKey: endTxnKey, Times: 1, Code: unknownServerError})
	send(2)
	b.awaitValues(t, "out-b", 40)
	if got := b.values(t, "out-a"); len(got) > 0 {
		t.Errorf("got %d records of a step that is paused", len(got))
	}
	if got := r.Paused(); !slices.Equal(got, []string{"out-a"}) {
		t.Errorf("got %v paused, want out-a", got)
	}
	if err := r.Resume("out-a"); err != nil {
		t.Fatal(err)
	}
	b.awaitValues(t, "out-a", 40)
	if err := r.Pause("in-b"); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		b.write(t, record("in-a", strconv.Itoa(i), "3"))
	}
	b.awaitValues(t, "out-a", 60)
	running.stop(t)
	if len(b.values(t, "out-a")) != 60 || len(b.values(t, "out-b")) != 40 {
		t.Errorf("got %d and %d records, want 60 and 40", len(b.values(t, "out-a")), len(b.values(t, "out-b")))
	}
	if err := r.Pause("no-step"); err == nil || !strings.Contains(err.Error(), "use one of in-a, out-a, in-b, out-b") {
		t.Errorf("got %v of a step that is not there", err)
	}
}

// TestAStepStaysPausedThroughRebalances pauses it in a process while partitions
// stay there, leave it and come to it.
func TestAStepStaysPausedThroughRebalances(t *testing.T) {
	t.Parallel()
	b := setup(t, devstack.Config{})
	b.topics(t, 4, "in-a", "in-b")
	sent := 0
	send := func() {
		sent += 20
		for i := range 20 {
			b.write(t, record("in-a", strconv.Itoa(i), "v"), record("in-b", strconv.Itoa(i), "v"))
		}
		b.awaitValues(t, "out-b", sent)
	}
	checkPaused := func() {
		if got := len(b.values(t, "out-a")); got != 20 {
			t.Errorf("got %d records of a step that is paused, want the 20 from before", got)
		}
	}
	begin := func(paused bool) (*runner.Runner, *running) {
		cfg := b.config(t)
		cfg.CreateTopics = 4
		r, err := runner.New(lanes(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		if paused {
			pauseStep(t, r)
		}
		return r, run(t, r).awaitReady(t)
	}
	first, one := begin(false)
	send()
	b.awaitValues(t, "out-a", 20)
	pauseStep(t, first)
	_, two := begin(true)
	send()
	checkPaused()
	kafkatest.Await(t, "the second process to have partitions", func() bool { return two.Stats().In > 0 })
	two.stop(t)
	send()
	checkPaused()
	if err := first.Resume("out-a"); err != nil {
		t.Fatal(err)
	}
	b.awaitValues(t, "out-a", sent)
	one.stop(t)
}

func pauseStep(t *testing.T, r *runner.Runner) {
	t.Helper()
	if err := r.Pause("out-a"); err != nil {
		t.Fatal(err)
	}
}

const endTxnKey = 26
