package integration_test

import (
	"context"
	"flag"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/lovoo/goka"

	"github.com/gokavro/gokavro/codecs"
	"github.com/gokavro/gokavro/topology/kafka"
	"github.com/gokavro/gokavro/topology/kafka/kafkatest"
	"github.com/gokavro/gokavro/topology/runner"
)

var recoveryKeys = flag.Int("recovery.keys", 100_000, "how many rows the table has that is recovered; a tenth of it on devstack")

// recovery is a group with a big table, its folder, and what its log tells.
type recovery struct {
	*cluster
	keys     int
	state    string
	restored atomic.Int64 // records, as the log says
	mu       sync.Mutex
	warnings []string
}

// Enabled takes the log from info on.
func (r *recovery) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelInfo }

// Handle counts what is restored and keeps what is warned of.
func (r *recovery) Handle(_ context.Context, line slog.Record) error {
	line.Attrs(func(a slog.Attr) bool {
		if line.Message == "restored a table" && a.Key == "records" {
			r.restored.Add(a.Value.Int64())
		}
		return true
	})
	if line.Level >= slog.LevelWarn {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.warnings = append(r.warnings, line.Message)
	}
	return nil
}

// WithAttrs is not used by the runner.
func (r *recovery) WithAttrs([]slog.Attr) slog.Handler { return r }

// WithGroup is not used by the runner.
func (r *recovery) WithGroup(string) slog.Handler { return r }

func (r *recovery) warned(part string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Contains(strings.Join(r.warnings, "\n"), part)
}

func (r *recovery) table() string { return r.topic("big-table") }

// fill writes each row of the table into its topic.
func (r *recovery) fill(t *testing.T) {
	t.Helper()
	kafkatest.Fill(t, r.kafka.Config(), func(put func(kafka.Record)) {
		for i := range r.keys {
			key := fmt.Sprintf("customer-%08d", i)
			value, err := codecs.String().Encode("row of " + key + strings.Repeat(".", 64))
			if err != nil {
				t.Fatal(err)
			}
			put(kafka.Record{Topic: r.table(), Partition: int32(i % partitions), Key: []byte(key), Value: value})
		}
	})
}

// group has a table, and a visitor that counts the rows that are as written.
func (r *recovery) group(good *atomic.Int64) *goka.GroupGraph {
	return goka.DefineGroup(goka.Group(r.topic("big")),
		goka.Input(goka.Stream(r.topic("in")), codecs.String(), func(goka.Context, any) {}),
		goka.Persist(codecs.String()),
		goka.Visitor("check", func(ctx goka.Context, _ any) {
			if value, _ := ctx.Value().(string); strings.HasPrefix(value, "row of "+ctx.Key()+".") {
				good.Add(1)
			}
		}),
	)
}

// run starts the group, shows how long that takes, and checks every row. A visit
// that is broken off, by damage that it meets, is made again.
func (r *recovery) run(t *testing.T, name string) {
	t.Helper()
	r.restored.Store(0)
	var good atomic.Int64
	p, err := runner.FromGoka(runner.Config{Brokers: strings.Split(r.brokers, ","), StateDir: r.state, Logger: slog.New(r)}, r.group(&good))
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	running := launchGroup(t, p)
	took, n := time.Since(began), r.restored.Load()
	t.Logf("%s: ready after %s: %d records restored, %.0f a second", name, took.Round(time.Millisecond), n, float64(n)/took.Seconds())
	deadline := time.Now().Add(kafkatest.Patience)
	for visited := int64(0); visited != int64(r.keys); {
		good.Store(0)
		if visited, err = p.VisitAll(t.Context(), "check", nil); visited != int64(r.keys) && time.Now().After(deadline) {
			t.Fatalf("%s: got %d rows visited, %v, want %d", name, visited, err, r.keys)
		}
	}
	if good.Load() != int64(r.keys) {
		t.Errorf("%s: got %d right rows, want %d", name, good.Load(), r.keys)
	}
	if later := r.restored.Load() - n; later > 0 {
		t.Logf("%s: %d records restored later on; all rows checked after %s", name, later, time.Since(began).Round(time.Millisecond))
	}
	running.stop(t)
}

// TestABigTableIsRecovered shows how long it takes.
func TestABigTableIsRecovered(t *testing.T) {
	t.Parallel()
	onEachCluster(t, func(t *testing.T, c *cluster) {
		r := &recovery{cluster: c, keys: *recoveryKeys, state: t.TempDir()}
		if strings.HasSuffix(t.Name(), "devstack") {
			r.keys /= 10
		}
		kafkatest.Create(t, c.kafka,
			kafka.Topic{Name: r.topic("in"), Partitions: partitions},
			kafka.Topic{Name: r.table(), Partitions: partitions, Compact: true})
		r.fill(t)
		r.check(t, "no store", int64(r.keys), "")
		r.check(t, "a store that is up to date", 0, "")
		r.damage(t)
		r.check(t, "a damaged file", -1, "the store is damaged, is emptied")
		if err := os.RemoveAll(r.state); err != nil {
			t.Fatal(err)
		}
		r.check(t, "a deleted store", int64(r.keys), "")
		r.truncate(t)
		r.check(t, "a truncated topic", int64(r.keys), "restoring a table from the beginning")
	})
}

// check runs the group, and looks at what the log tells; less than 0 is any
// number of records.
func (r *recovery) check(t *testing.T, name string, restored int64, warning string) {
	t.Helper()
	r.run(t, name)
	if n := r.restored.Load(); restored >= 0 && n != restored {
		t.Errorf("%s: got %d records restored, want %d", name, n, restored)
	}
	if !r.warned(warning) {
		t.Errorf("%s: the log does not say %q", name, warning)
	}
}

// damage spoils the middle of the biggest file of rows.
func (r *recovery) damage(t *testing.T) {
	t.Helper()
	var biggest string
	var size int64
	err := filepath.WalkDir(r.state, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".sst" {
			return err
		}
		info, err := entry.Info()
		if err == nil && info.Size() > size {
			biggest, size = path, info.Size()
		}
		return err
	})
	if err != nil || biggest == "" {
		t.Fatalf("got no file of rows in %s: %v", r.state, err)
	}
	file, err := os.OpenFile(biggest, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = file.WriteAt(make([]byte, 4096), size/2)
	if closing := file.Close(); err != nil || closing != nil {
		t.Fatal(err, closing)
	}
}

// truncate writes every row twice again and deletes what was there before the
// second time, so that the topic begins behind what the folder knows.
func (r *recovery) truncate(t *testing.T) {
	t.Helper()
	r.fill(t)
	before := map[int32]int64{}
	for partition := range int32(partitions) {
		end, err := r.kafka.EndOffset(r.table(), partition, kafka.ReadUncommitted)
		if err != nil {
			t.Fatal(err)
		}
		before[partition] = end
	}
	r.fill(t)
	admin, err := sarama.NewClusterAdminFromClient(r.kafka.Sarama())
	if err != nil {
		t.Fatal(err)
	}
	// Kafka lets nobody delete the records of a topic that is compacted only, and a
	// group refuses to start on one that is not.
	clean(t, admin, r.table(), "compact,delete")
	kafkatest.Await(t, "the records are deleted", func() bool { return admin.DeleteRecords(r.table(), before) == nil })
	clean(t, admin, r.table(), "compact")
}

// clean sets the cleanup policy of a topic.
func clean(t *testing.T, admin sarama.ClusterAdmin, topic, policy string) {
	t.Helper()
	entries := map[string]sarama.IncrementalAlterConfigsEntry{
		"cleanup.policy": {Operation: sarama.IncrementalAlterConfigsOperationSet, Value: &policy},
	}
	if err := admin.IncrementalAlterConfig(sarama.TopicResource, topic, entries, false); err != nil {
		t.Fatal(err)
	}
	kafkatest.Await(t, "the topic has its new cleanup policy", func() bool {
		set, err := admin.DescribeConfigs([]*sarama.ConfigResource{
			{Type: sarama.TopicResource, Name: topic, ConfigNames: []string{"cleanup.policy"}},
		}, sarama.DescribeConfigsOptions{})
		return err == nil && len(set) == 1 && len(set[0].Configs) == 1 && set[0].Configs[0].Value == policy
	})
}
