package runner_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/lovoo/goka"
	"github.com/lovoo/goka/codec"

	"github.com/gokavro/gokavro/integration/devstack"
	"github.com/gokavro/gokavro/topology/runner"
)

// counted runs counting in a state folder, until it has counted a few records
// and is stopped.
func (b *testBundle) counted(t *testing.T, cfg runner.Config) {
	t.Helper()
	r := start(t, counting(), cfg).awaitReady(t)
	for i := range 20 {
		b.write(t, record(cfg.TopicPrefix+"in", fmt.Sprintf("k%d", i%7), "v"))
	}
	b.awaitValues(t, cfg.TopicPrefix+"out", 20)
	r.stop(t)
}

func openState(t *testing.T, dir string) *runner.StateFolder {
	t.Helper()
	state, err := runner.OpenState(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := state.Close(); err != nil {
			t.Error(err)
		}
	})
	return state
}

// stateRows returns the rows of a table, by partition and key.
func stateRows(t *testing.T, state *runner.StateFolder, name, from, to string) (rows []string) {
	t.Helper()
	table, err := state.Table(name)
	if err != nil {
		t.Fatal(err)
	}
	for row, err := range state.Rows(table, from, to) {
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, fmt.Sprintf("%d %s=%x", row.Partition, row.Key, row.Value))
	}
	return rows
}

// topicRows returns the last value of each key of a topic, by partition and key.
func (b *testBundle) topicRows(t *testing.T, topic string) []string {
	t.Helper()
	last := map[string]string{}
	for _, r := range b.read(t, topic) {
		last[fmt.Sprintf("%d %s", r.Partition, r.Key)] = fmt.Sprintf("=%x", r.Value)
	}
	var rows []string
	for _, at := range slices.Sorted(maps.Keys(last)) {
		rows = append(rows, at+last[at])
	}
	return rows
}

func TestAStateFolderHasTheRowsOfItsTopic(t *testing.T) {
	t.Parallel()
	b := setup(t, devstack.Config{})
	cfg := b.config(t)
	cfg.TopicPrefix = "test-"
	b.counted(t, cfg)
	state := openState(t, cfg.StateDir)
	want := []runner.StateTable{{Group: "test-count", Name: "counts", Topic: "test-counts", Partitions: []int32{0, 1, 2, 3}}}
	if diff := cmp.Diff(want, state.Tables()); diff != "" {
		t.Errorf("tables (-want +got):\n%s", diff)
	}
	rows := b.topicRows(t, "test-counts")
	for _, name := range []string{"counts", "test-counts"} {
		if diff := cmp.Diff(rows, stateRows(t, state, name, "", "")); diff != "" {
			t.Errorf("rows of %s (-topic +folder):\n%s", name, diff)
		}
	}
	if got := stateRows(t, state, "counts", "k3", "k4"); len(got) != 1 || !strings.Contains(got[0], "k3=") {
		t.Errorf("from k3 to k4: got %v, want k3", got)
	}
	again := openState(t, cfg.StateDir)
	if got := again.Tables(); len(got) != 1 {
		t.Errorf("opened a second time: got %v", got)
	}
	if _, err := state.Table("names"); err == nil || !strings.Contains(err.Error(), "counts of topic test-counts of group test-count") {
		t.Errorf("an unknown table: got %v, want those that there are", err)
	}
	if err := start(t, counting(), cfg).end(t); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("a start while the folder is read: got %v, want it refused", err)
	}
}

func TestAStateFolderThatARunnerHoldsIsNotRead(t *testing.T) {
	t.Parallel()
	b := setup(t, devstack.Config{})
	cfg := b.config(t)
	r := start(t, counting(), cfg).awaitReady(t)
	if _, err := runner.OpenState(cfg.StateDir); err == nil || !strings.Contains(err.Error(), "in use by a running process") {
		t.Errorf("got %v, want the folder refused", err)
	}
	r.stop(t)
	openState(t, cfg.StateDir)
}

func TestOpenStateNamesWhatCannotBeRead(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "missing")
	if _, err := runner.OpenState(dir); err == nil || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "no process has run with it") {
		t.Errorf("a folder that is not there: got %v", err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder was made: %v", err)
	}
	b := setup(t, devstack.Config{})
	cfg := b.config(t)
	b.counted(t, cfg)
	damaged := filepath.Join(cfg.StateDir, "tables", "count", "2")
	if err := os.WriteFile(filepath.Join(damaged, "SEAL"), []byte("of no use"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := runner.OpenState(cfg.StateDir); err == nil || !strings.Contains(err.Error(), damaged+" is damaged") {
		t.Errorf("got %v, want the damaged folder", err)
	}
	start(t, counting(), cfg).awaitReady(t).stop(t) // heals it
	if diff := cmp.Diff(b.topicRows(t, "counts"), stateRows(t, openState(t, cfg.StateDir), "counts", "", "")); diff != "" {
		t.Errorf("rows after the restore (-topic +folder):\n%s", diff)
	}
}

func TestAStateFolderIsReadByTopicOrName(t *testing.T) {
	t.Parallel()
	b := setup(t, devstack.Config{})
	cfg := b.config(t)
	cfg.TopicPrefix = "a-"
	b.counted(t, cfg)
	state := openState(t, cfg.StateDir)
	for _, name := range []string{"a-counts", "counts"} {
		if diff := cmp.Diff(b.topicRows(t, "a-counts"), stateRows(t, state, name, "", "")); diff != "" {
			t.Errorf("rows of %s (-topic +folder):\n%s", name, diff)
		}
	}
	if err := state.Close(); err != nil {
		t.Fatal(err)
	}
	for row, err := range state.Rows(state.Tables()[0], "", "") {
		if err == nil || !strings.Contains(err.Error(), "closed") {
			t.Errorf("rows of a folder that is closed: got %+v, %v", row, err)
		}
	}
}

func TestTheStateOfAHandWrittenGroupIsRead(t *testing.T) {
	t.Parallel()
	b := setup(t, devstack.Config{})
	b.topics(t, 2, "in")
	cfg := b.config(t)
	cfg.Registry, cfg.CreateTopics = nil, 0
	group := goka.DefineGroup("sums",
		goka.Input("in", new(codec.String), func(ctx goka.Context, msg any) { ctx.SetValue(msg) }),
		goka.Persist(new(codec.String)))
	g, err := runner.FromGoka(cfg, group)
	if err != nil {
		t.Fatal(err)
	}
	r := run(t, g).awaitReady(t)
	b.write(t, record("in", "a", "1"), record("in", "b", "2"))
	b.awaitValues(t, "sums-table", 2)
	r.stop(t)
	rows := stateRows(t, openState(t, cfg.StateDir), "sums-table", "", "")
	if diff := cmp.Diff(b.topicRows(t, "sums-table"), rows); diff != "" || len(rows) != 2 {
		t.Errorf("rows (-topic +folder):\n%s", diff)
	}
}
