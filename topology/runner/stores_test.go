package runner_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/codecs"
	"github.com/gokavro/gokavro/integration/devstack"
	"github.com/gokavro/gokavro/processors"
	"github.com/gokavro/gokavro/topology"
	"github.com/gokavro/gokavro/topology/kafka"
	"github.com/gokavro/gokavro/topology/kafka/kafkatest"
	"github.com/gokavro/gokavro/topology/runner"
)

// visits counts the records of each key in two stores, of which the rows of the
// second are gone after a while: in → all, recent → seen.
func visits(ttl time.Duration) *topology.Topology {
	t := topology.New("visits")
	in := topology.Input(t, "in", codecs.String())
	count := func(in processors.Record[string], row *processors.Row[int64], emit func(string)) error {
		n, _ := row.Get()
		row.Set(n + 1)
		emit(fmt.Sprintf("%s %d", in.Value, n+1))
		return nil
	}
	all := topology.Process(in, topology.Store(t, "all", codecs.Int64()), count)
	topology.Process(all, topology.Store(t, "recent", codecs.Int64(), topology.TTL(ttl)), count).To("seen", codecs.String())
	return t
}

// restored sums up how many records the log says were restored of a topic.
func (l *log) restored(topic string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	line := regexp.MustCompile(`msg="restored a table" topic=` + topic + ` partition=\d+ records=(\d+)`)
	for _, found := range line.FindAllStringSubmatch(l.text.String(), -1) {
		records, _ := strconv.Atoi(found[1])
		n += records
	}
	return n
}

// reset forgets what was logged so far.
func (l *log) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Reset()
}

func TestRowsOfOneStoreExpireAndThoseOfAnotherStay(t *testing.T) {
	t.Parallel()
	b := setup(t, devstack.Config{})
	r := start(t, visits(time.Second), b.config(t)).awaitReady(t)
	b.write(t, record("in", "k", "x"))
	b.awaitValues(t, "seen", 1)
	kafkatest.Await(t, "a tombstone in the topic of the rows that expire", func() bool {
		return slices.ContainsFunc(b.read(t, "recent"), func(r kafka.Record) bool { return string(r.Key) == "k" && r.Value == nil })
	})
	b.write(t, record("in", "k", "y"))
	got := b.awaitValues(t, "seen", 2)
	r.stop(t)
	if diff := cmp.Diff(got, []string{"x 1 1", "y 2 1"}); diff != "" {
		t.Errorf("value, count of all, count of the recent (-got +want): %s", diff)
	}
	for _, r := range b.read(t, "all") {
		if r.Value == nil {
			t.Error("a row that does not expire has got a tombstone")
		}
	}
}

// fill writes each of so many keys once.
func (b *testBundle) fill(t *testing.T, keys int) {
	t.Helper()
	var records []kafka.Record
	for i := range keys {
		records = append(records, record("in", fmt.Sprintf("k%03d", i), "v"))
	}
	b.write(t, records...)
}

// awaitCounts holds the newest outputs to those of a run in which every key has come
// n times.
func (b *testBundle) awaitCounts(t *testing.T, keys, n int) {
	t.Helper()
	var want []string
	for i := range n {
		want = append(want, slices.Repeat([]string{fmt.Sprintf("v %d %d", i+1, i+1)}, keys)...)
	}
	if diff := cmp.Diff(b.awaitValues(t, "seen", n*keys), want); diff != "" {
		t.Errorf("outputs after %d rounds (-got +want): %s", n, diff)
	}
}

const visitors = 100

// visited runs the topology once over a round of all keys.
func (b *testBundle) visited(t *testing.T, cfg runner.Config, round int) {
	t.Helper()
	r := start(t, visits(time.Hour), cfg).awaitReady(t)
	b.fill(t, visitors)
	b.awaitCounts(t, visitors, round)
	r.stop(t)
}

func TestARestartReadsOnlyWhatIsNew(t *testing.T) {
	t.Parallel()
	b := setup(t, devstack.Config{})
	cfg := b.config(t)
	b.visited(t, cfg, 1)
	b.visited(t, cfg, 2)
	if n := b.log.restored("all") + b.log.restored("recent"); n > 0 {
		t.Errorf("got %d records restored after a graceful stop, want none", n)
	}
	other := b.config(t)
	b.visited(t, other, 3)
	if n := b.log.restored("all"); n < visitors || n > 2*visitors {
		t.Errorf("got %d records restored into another folder, want those of two rounds or, of one commit, the last", n)
	}
	b.log.reset()
	b.visited(t, cfg, 4) // the folder lacks the round of the other one
	for _, table := range []string{"all", "recent"} {
		if n := b.log.restored(table); n != visitors {
			t.Errorf("got %d records of %s restored into a folder that lacks one round of %d", n, table, visitors)
		}
	}
}

func TestEventsTellHowTablesAreRestored(t *testing.T) {
	t.Parallel()
	b := setup(t, devstack.Config{})
	b.visited(t, b.config(t), 1)
	cfg := b.config(t)
	var mu sync.Mutex
	records := map[string]int64{}
	cfg.Events.Restored = func(r runner.Restore) {
		mu.Lock()
		defer mu.Unlock()
		records[r.Topic] += r.Records
		if r.Next != r.End || r.Left != 0 || r.Records > 0 && (r.Bytes == 0 || r.RecordsPerSecond == 0) {
			t.Errorf("got %+v, want it at its end", r)
		}
		if text := r.String(); !strings.HasPrefix(text, fmt.Sprintf("%s/%d: offset %d of ", r.Topic, r.Partition, r.Next)) {
			t.Errorf("got the text %q", text)
		}
	}
	seen := map[string]bool{}
	cfg.Events.Restoring = func(r runner.Restore) {
		mu.Lock()
		defer mu.Unlock()
		seen[r.Topic] = true
	}
	start(t, visits(time.Hour), cfg).awaitReady(t).stop(t)
	mu.Lock()
	defer mu.Unlock()
	if diff := cmp.Diff(records, map[string]int64{"all": visitors, "recent": visitors}); diff != "" {
		t.Errorf("records restored (-got +want): %s", diff)
	}
	if diff := cmp.Diff(seen, map[string]bool{"all": true, "recent": true}); diff != "" {
		t.Errorf("tables under way (-got +want): %s", diff)
	}
}

func TestStateIsHealed(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		harm func(t *testing.T, b *testBundle, dir string)
		says string // in the log
	}{
		"a lost folder": {func(t *testing.T, _ *testBundle, dir string) {
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
		}, `msg="restored a table"`},
		"a damaged file": {func(t *testing.T, _ *testBundle, dir string) {
			manifests, err := filepath.Glob(filepath.Join(dir, "tables", "visits", "*", "MANIFEST-*"))
			if err != nil || len(manifests) == 0 {
				t.Fatal(manifests, err)
			}
			for _, file := range manifests {
				if err := os.WriteFile(file, []byte("damaged"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}, `msg="the store is damaged, is emptied and has to be restored from its changelog"`},
		"deleted records": {func(t *testing.T, b *testBundle, dir string) {
			other := b.config(t)
			b.visited(t, other, 2) // so that the folder is behind
			b.truncate(t, "all")
		}, `msg="restoring a table from the beginning" topic=all`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, devstack.Config{})
			cfg := b.config(t)
			b.visited(t, cfg, 1)
			tt.harm(t, b, cfg.StateDir)
			b.log.reset()
			b.visited(t, cfg, 1+len(b.values(t, "seen"))/visitors)
			if !b.log.has(tt.says) {
				t.Errorf("the log does not say %s", tt.says)
			}
		})
	}
}

// truncate copies a table's last rows behind its end, as compaction would keep
// them, and deletes everything before them.
func (b *testBundle) truncate(t *testing.T, topic string) {
	t.Helper()
	last := map[string]kafka.Record{}
	before := map[int32]int64{}
	for _, r := range b.read(t, topic) {
		last[string(r.Key)] = r
	}
	for partition := range int32(4) {
		end, err := b.client.EndOffset(topic, partition, kafka.ReadUncommitted)
		if err != nil {
			t.Fatal(err)
		}
		before[partition] = end
	}
	for _, r := range last {
		b.write(t, r)
	}
	admin, err := sarama.NewClusterAdminFromClient(b.client.Sarama())
	if err != nil {
		t.Fatal(err)
	}
	if err := admin.DeleteRecords(topic, before); err != nil {
		t.Fatal(err)
	}
}

// A topic that was made anew is empty, so the table is: what the folder holds
// would be seen by this process alone.
func TestATableWhoseTopicWasMadeAnewStartsOver(t *testing.T) {
	t.Parallel()
	b := setup(t, devstack.Config{})
	cfg := b.config(t)
	b.visited(t, cfg, 1)
	admin, err := sarama.NewClusterAdminFromClient(b.client.Sarama())
	if err != nil {
		t.Fatal(err)
	}
	for _, topic := range []string{"all", "recent"} {
		if err := admin.DeleteTopic(topic); err != nil {
			t.Fatal(err)
		}
	}
	r := start(t, visits(time.Hour), cfg).awaitReady(t)
	b.write(t, record("in", "k000", "again"))
	if got := b.awaitValues(t, "seen", visitors+1)[0]; got != "again 1 1" {
		t.Errorf("got %q, want a count that begins anew", got)
	}
	r.stop(t)
	if !b.log.has("it was made anew") {
		t.Error("the log does not say that the topic was made anew")
	}
}

func TestAStateFolderOfAnotherTopologyIsRefused(t *testing.T) {
	t.Parallel()
	b := setup(t, devstack.Config{})
	cfg := b.config(t)
	b.visited(t, cfg, 1)
	check := func(err error, parts ...string) {
		t.Helper()
		if err == nil {
			t.Fatal("got no error")
		}
		for _, part := range append(parts, cfg.StateDir, "delete", "restore") {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("got %v, want %q in it", err, part)
			}
		}
		if strings.Contains(err.Error(), "\n") {
			t.Errorf("got %q, want one line", err)
		}
	}
	check(start(t, counting(), cfg).end(t), `group "visits", not of "count"`, "--state")

	// Nor does it help to give the folder the other name.
	tables := filepath.Join(cfg.StateDir, "tables")
	if err := os.Rename(filepath.Join(tables, "visits"), filepath.Join(tables, "count")); err != nil {
		t.Fatal(err)
	}
	check(start(t, counting(), cfg).end(t), `group "visits"`, `not of group "count"`)
}

func TestAStopDuringARestoreIsQuick(t *testing.T) {
	t.Parallel()
	b := setup(t, devstack.Config{})
	b.visited(t, b.config(t), 1)
	// The broker answers no fetch any more: the restore hangs.
	var fetches atomic.Int32
	b.stack.CutWhere(func(apiKey int16) bool {
		const fetch = 1
		if apiKey == fetch {
			fetches.Add(1)
		}
		return apiKey == fetch
	})
	for _, delivery := range []runner.Delivery{runner.ExactlyOnce, runner.AtLeastOnce} {
		cfg := b.config(t)
		cfg.Delivery = delivery
		fetches.Store(0)
		r := start(t, visits(time.Hour), cfg)
		kafkatest.Await(t, "a restore that has begun", func() bool { return fetches.Load() > 0 })
		begin := time.Now()
		r.stop(t)
		if took := time.Since(begin); took > runner.DefaultStopTimeout/2 {
			t.Errorf("%s: the stop took %s, want it at once", delivery, took)
		}
	}
}
