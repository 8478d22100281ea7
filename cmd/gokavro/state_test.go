package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/codecs"
	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/processors"
	"github.com/gokavro/gokavro/topology"
	"github.com/gokavro/gokavro/topology/kafka"
	"github.com/gokavro/gokavro/topology/kafka/kafkatest"
	"github.com/gokavro/gokavro/topology/runner"
)

type tally struct {
	X int64 `avro:"x"`
}

// tallies counts the records of each key in the store tallies.
func tallies(opts ...topology.StoreOption) *topology.Topology {
	t := topology.New("tally")
	topology.Process(topology.Input(t, "in", codecs.String()), topology.Store(t, "tallies", avro.Typed[tally](), opts...),
		func(in processors.Record[string], row *processors.Row[tally], emit func(string)) error {
			n, _ := row.Get()
			row.Set(tally{n.X + 1})
			emit(in.Value)
			return nil
		}).To("out", codecs.String())
	return t
}

func (b *testBundle) stateConfig(t *testing.T) runner.Config {
	t.Helper()
	return runner.Config{
		Brokers: b.cfg.Brokers, Registry: []string{b.stack.RegistryURL()}, StateDir: t.TempDir(), TopicPrefix: "test-", CreateTopics: 3,
	}
}

// running runs a topology while work works.
func running(t *testing.T, top *topology.Topology, cfg runner.Config, work func()) {
	t.Helper()
	r, err := runner.New(top, cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	select {
	case <-r.Ready():
	case err := <-done:
		t.Fatal(err)
	case <-time.After(kafkatest.Patience):
		t.Fatal("the runner does not get ready")
	}
	work()
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func (b *testBundle) feed(t *testing.T, n int) {
	t.Helper()
	for i := range n {
		b.write(t, kafka.Record{Topic: "test-in", Partition: -1, Key: fmt.Appendf(nil, "k%d", i%7), Value: []byte("v")})
	}
}

// tallied runs tallies on 20 records and returns its state folder.
func (b *testBundle) tallied(t *testing.T, opts ...topology.StoreOption) (dir string) {
	t.Helper()
	cfg := b.stateConfig(t)
	running(t, tallies(opts...), cfg, func() {
		b.feed(t, 20)
		b.run(t, "consume", "--topic", "test-out", "--count", "20") // ends once all are there
	})
	return cfg.StateDir
}

// fromState runs a command of the table on a state folder.
func fromState(t *testing.T, dir string, args ...string) result {
	t.Helper()
	return execute(t.Context(), nil, append([]string{"table", args[0], "--state", dir}, args[1:]...)...)
}

// without returns JSON lines without some members.
func without(t *testing.T, text string, members ...string) []map[string]any {
	t.Helper()
	list := lines(t, text)
	for _, line := range list {
		for _, member := range members {
			delete(line, member)
		}
	}
	return list
}

func TestTableReadsTheStateFolderAsItReadsTheTopic(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		opts   []topology.StoreOption
		hidden []string // what is not known of a row in the folder
	}{
		"for ever": {hidden: []string{"offset", "time"}},
		"TTL":      {opts: []topology.StoreOption{topology.TTL(24 * time.Hour)}, hidden: []string{"offset"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			dir := b.tallied(t, tt.opts...)
			for _, args := range [][]string{
				{"scan"},
				{"scan", "--prefix", "k"},
				{"scan", "--from", "k2", "--to", "k5"},
				{"scan", "--limit", "3"},
				{"scan", "--prefix", "x"},
				{"get", "--key", "k4"},
				{"get", "--key", "k4", "--all-partitions"},
			} {
				topic := b.run(t, append([]string{"table", args[0], "--topic", "test-tallies"}, args[1:]...)...).ok(t)
				want := without(t, topic.stdout, tt.hidden...)
				for _, name := range []string{"tallies", "test-tallies"} {
					got := fromState(t, dir, append(args, "--topic", name)...).ok(t)
					if diff := cmp.Diff(want, lines(t, got.stdout)); diff != "" {
						t.Errorf("%v of %s (-topic +folder):\n%s", args, name, diff)
					}
				}
			}
			if got := lines(t, fromState(t, dir, "scan", "--topic", "tallies").ok(t).stdout); len(got) != 7 {
				t.Errorf("got %v, want 7 rows", got)
			}
		})
	}
}

func TestTableRefusesAStateFolderThatItCannotRead(t *testing.T) {
	t.Parallel()
	b := setup(t)
	cfg := b.stateConfig(t)
	dir := cfg.StateDir
	scan := []string{"scan", "--topic", "tallies"}
	fromState(t, dir, scan...).refused(t, 1, dir, "no process has run with it")
	running(t, tallies(), cfg, func() {
		fromState(t, dir, scan...).refused(t, 1, dir, "in use by a running process")
	})
	fromState(t, dir, "scan", "--topic", "other").refused(t, 1, dir, `no table "other"`, "tallies of topic test-tallies of group test-tally")
	fromState(t, dir, "get", "--topic", "tallies", "--key", "none").refused(t, 1, "no row", `"none"`, dir)
	fromState(t, dir, append(scan, "--brokers", "localhost:1")...).refused(t, 2, "--brokers together with --state")
	fromState(t, "", scan...).refused(t, 2, "--state is empty")
	fromState(t, dir, append(scan, "--registry", "nowhere")...).refused(t, 2, "--registry")
	damaged := filepath.Join(dir, "tables", "test-tally", "1")
	if err := os.WriteFile(filepath.Join(damaged, "SEAL"), []byte("of no use"), 0o600); err != nil {
		t.Fatal(err)
	}
	fromState(t, dir, scan...).refused(t, 1, damaged+" is damaged")
}

func TestTableSaysWhichSchemaAStateFolderDoesNotKeep(t *testing.T) {
	t.Parallel()
	b := setup(t)
	dir := b.tallied(t)
	if err := os.RemoveAll(filepath.Join(dir, "schemas")); err != nil {
		t.Fatal(err)
	}
	get := []string{"get", "--topic", "tallies", "--key", "k1"}
	got := fromState(t, dir, get...)
	line := lines(t, got.stdout)
	if got.code != 1 || len(line) != 1 || line[0]["value_base64"] == nil || !strings.Contains(fmt.Sprint(line[0]["error"]), "--registry") {
		t.Errorf("got %+v, want the row's bytes and why it does not decode", got)
	}
	got.oneLine(t, "1 of 1 records did not decode")
	decoded := fromState(t, dir, append(get, "--registry", b.stack.RegistryURL())...).ok(t)
	if diff := cmp.Diff([]string{"k1=3"}, keysOf(t, decoded.stdout)); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	if _, err := os.Stat(filepath.Join(dir, "schemas")); !os.IsNotExist(err) {
		t.Errorf("got %v, want nothing put into the folder", err)
	}
}

func TestLagOfAGroupThatCommitsInTransactionsCountsItsInput(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.tallied(t)
	lag := func() (found struct{ Lag int }) {
		got := execute(t.Context(), nil, "lag", "--brokers", b.cfg.Brokers[0], "--group", "test-tally", "--json").ok(t)
		if err := json.Unmarshal([]byte(got.stdout), &found); err != nil {
			t.Fatal(err)
		}
		return found
	}
	if got := lag().Lag; got != 0 {
		t.Errorf("behind a stopped runner: got a lag of %d, want 0", got)
	}
	b.feed(t, 3)
	if got := lag().Lag; got != 3 {
		t.Errorf("behind 3 more records: got a lag of %d", got)
	}
}
