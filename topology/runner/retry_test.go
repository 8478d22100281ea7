package runner_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/codecs"
	"github.com/gokavro/gokavro/integration/devstack"
	"github.com/gokavro/gokavro/processors"
	"github.com/gokavro/gokavro/topology"
	"github.com/gokavro/gokavro/topology/graph"
	"github.com/gokavro/gokavro/topology/kafka"
	"github.com/gokavro/gokavro/topology/kafka/kafkatest"
	"github.com/gokavro/gokavro/topology/runner"
)

// outages are the values that a topology cannot process at the moment. It is safe
// for concurrent use.
type outages struct {
	mu     sync.Mutex
	broken func(string) bool
}

func (o *outages) set(broken func(string) bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.broken = broken
}

func (o *outages) has(value string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.broken != nil && o.broken(value)
}

// parkedRetry parks what fails for a moment, as often as it does.
var parkedRetry = graph.Retry{Topic: true, TopicAttempts: 1000, Backoff: 20 * time.Millisecond, MaxBackoff: 50 * time.Millisecond}

// parked counts the records of each key: in → counts → out. What o has fails and
// is parked.
func parked(o *outages) *topology.Topology {
	t := topology.New("count")
	in := topology.Input(t, "in", codecs.String(), topology.Retry(parkedRetry))
	topology.Process(in, topology.Store(t, "counts", codecs.Int64()),
		func(in processors.Record[string], row *processors.Row[int64], emit func(string)) error {
			if o.has(in.Value) {
				return errors.New("it is broken")
			}
			n, _ := row.Get()
			row.Set(n + 1)
			emit(fmt.Sprintf("%s=%d", in.Value, n+1))
			return nil
		}).To("out", codecs.String())
	return t
}

// inOrder fails the test unless topic out holds the values of each key once, in
// their order.
func inOrder(t *testing.T, out []kafka.Record, keys, each int) {
	t.Helper()
	got := map[string][]string{}
	for _, r := range out {
		got[string(r.Key)] = append(got[string(r.Key)], string(r.Value))
	}
	want := map[string][]string{}
	for k := range keys {
		key := fmt.Sprintf("k%02d", k)
		for i := range each {
			want[key] = append(want[key], fmt.Sprintf("%s-%03d=%d", key, i, i+1))
		}
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("outputs by key (-got +want): %s", diff)
	}
}

// tables creates compacted topics with that many partitions.
func (b *testBundle) tables(t *testing.T, partitions int32, names ...string) {
	t.Helper()
	for _, name := range names {
		kafkatest.Create(t, b.client, kafka.Topic{Name: name, Partitions: partitions, Compact: true})
	}
}

func TestParkedKeysKeepTheirOrderAcrossARestart(t *testing.T) {
	t.Parallel()
	kinds := map[string]func(*testing.T, *testBundle, *outages) *running{
		"a topology": func(t *testing.T, b *testBundle, o *outages) *running { return start(t, parked(o), b.config(t)) },
		"a goka group": func(t *testing.T, b *testBundle, o *outages) *running {
			cfg := b.groupConfig(t)
			cfg.Partitioner = runner.Murmur2
			return b.runGroup(t, cfg, countingGroup(o), runner.OnError(graph.Policy{Retry: parkedRetry}))
		},
	}
	for name, start := range kinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, devstack.Config{})
			b.topics(t, 4, "in", "send", "out", "places")
			b.checkParkedKeys(t, func(o *outages) *running { return start(t, b, o) })
		})
	}
}

// What a broker does not take as a parked record is set aside, and does not end
// the run again and again.
func TestWhatIsTooLargeToBeParkedBecomesADeadLetter(t *testing.T) {
	t.Parallel()
	large := "large" + strings.Repeat(".", 1000)
	broken := func(value string) bool { return value == large || value == "bad" }
	for name, start := range map[string]func(*testing.T, *testBundle, *outages) *running{
		"a topology": func(t *testing.T, b *testBundle, o *outages) *running { return start(t, parked(o), b.oneConfig(t)) },
		"a goka group": func(t *testing.T, b *testBundle, o *outages) *running {
			return b.runGroup(t, b.groupConfig(t), countingGroup(o), runner.OnError(graph.Policy{Retry: parkedRetry}))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, devstack.Config{})
			b.topics(t, 1, "in", "send", "out", "places")
			b.tables(t, 1, "count-parked")
			b.limited(t, "count-parked", "900")
			b.write(t, record("in", "a", "a0"), record("in", "a", large), record("in", "a", "a1"),
				record("in", "b", "bad"), record("in", "b", large), record("in", "c", "c0"))
			o := &outages{broken: broken}
			r := start(t, b, o)
			b.awaitValues(t, "count-dead-letters", 2)
			o.set(nil)
			b.awaitValues(t, "out", 4)
			r.stop(t)
			if diff := cmp.Diff([]string{"a0=1", "a1=2", "bad=1", "c0=1"}, slices.Sorted(slices.Values(b.values(t, "out")))); diff != "" {
				t.Errorf("outputs (-want +got): %s", diff)
			}
			for _, letter := range b.values(t, "count-dead-letters") { // the bytes of its texts are in it
				if !strings.Contains(letter, "raise the topic's max.message.bytes") || !strings.Contains(letter, large) {
					t.Errorf("got the letter %q", letter)
				}
			}
		})
	}
}

// checkParkedKeys starts processes of group count, each with an empty state
// folder, and parks and frees keys.
func (b *testBundle) checkParkedKeys(t *testing.T, start func(*outages) *running) {
	t.Helper()
	const keys, each = 40, 25
	var records []kafka.Record
	for i := range each {
		for k := range keys {
			key := fmt.Sprintf("k%02d", k)
			records = append(records, record("in", key, fmt.Sprintf("%s-%03d", key, i)))
		}
	}
	b.write(t, records...)
	// Of every other key the fourth record and the tenth cannot be processed.
	o := &outages{broken: func(value string) bool {
		return strings.Contains("02468", value[2:3]) && (strings.HasSuffix(value, "-003") || strings.HasSuffix(value, "-009"))
	}}
	r := start(o)
	b.awaitValues(t, "out", keys/2*each+keys/2*3)
	r.stop(t)
	if got := len(b.read(t, "out")); got != keys/2*each+keys/2*3 {
		t.Fatalf("got %d outputs while half of the keys are parked, want %d", got, keys/2*each+keys/2*3)
	}

	// One of the two is mended.
	o.set(func(value string) bool {
		return strings.HasSuffix(value, "-009") && strings.Contains("02468", value[2:3])
	})
	r = start(o)
	b.awaitValues(t, "out", keys/2*each+keys/2*9)
	o.set(nil)
	b.awaitValues(t, "out", keys*each)
	r.stop(t)
	if r.Stats().Parked == 0 {
		t.Error("got no parked records counted")
	}
	inOrder(t, b.read(t, "out"), keys, each)
	if letters := b.read(t, "count-dead-letters"); len(letters) > 0 {
		t.Errorf("got %d dead letters, want none", len(letters))
	}
	left := map[string]bool{}
	for _, row := range b.read(t, "count-parked") {
		left[string(row.Key)] = row.Value != nil
	}
	for key, there := range left {
		if there {
			t.Errorf("the row %q of parked records is left over", key)
		}
	}
}

func TestWhatRetriesNeedIsSaidWhenItIsMissing(t *testing.T) {
	t.Parallel()
	b := setup(t, devstack.Config{})
	b.topics(t, 2, "in", "out", "count-dead-letters")
	b.tables(t, 2, "counts")
	cfg := b.config(t)
	cfg.CreateTopics, cfg.AutoRegister = 0, true
	err := start(t, parked(&outages{}), cfg).end(t)
	if want := `topic "count-parked" of the parked records does not exist: create it compacted`; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q in it", err, want)
	}
	b.topics(t, 3, "count-retry")
	b.tables(t, 2, "count-parked")
	err = start(t, parked(&outages{}), cfg).end(t)
	if err == nil || !strings.Contains(err.Error(), `"count-retry" has 3 partitions`) {
		t.Errorf("got %v, want the retry topic's partitions refused", err)
	}
}

func TestATopologyRunsWithoutARetryTopic(t *testing.T) {
	t.Parallel()
	b := setup(t, devstack.Config{})
	b.topics(t, 2, "in", "out", "count-dead-letters")
	b.tables(t, 2, "counts", "names")
	cfg := b.config(t)
	cfg.CreateTopics, cfg.AutoRegister = 0, true
	b.write(t, record("in", "k", "v"))
	r := start(t, counting(), cfg).awaitReady(t)
	if got := b.awaitValues(t, "out", 1); !slices.Equal(got, []string{"k v=1"}) {
		t.Errorf("got %v", got)
	}
	r.stop(t)
	if !b.log.has("dead letters cannot be replayed") {
		t.Error("the log does not say what is missing for a replay")
	}
}
