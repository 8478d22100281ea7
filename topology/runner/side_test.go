package runner_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/codecs"
	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/integration/devstack"
	"github.com/gokavro/gokavro/processors"
	"github.com/gokavro/gokavro/topology"
	"github.com/gokavro/gokavro/topology/kafka"
	"github.com/gokavro/gokavro/topology/runner"
)

// production is what a side run may not change.
type production struct {
	Offsets map[string]map[int32]int64
	Ends    map[string]int64
	Rows    []string
}

// produced runs a topology over n records of some keys and returns what came of
// it. All that it writes ends with the marker of a transaction.
func (b *testBundle) produced(t *testing.T, cfg runner.Config, n int) production {
	t.Helper()
	b.topics(t, 4, "in")
	b.write(t, inputs(0, n)...)
	r := start(t, counting(), cfg)
	b.awaitValues(t, "out", n)
	r.stop(t)
	return b.production(t)
}

// inputs are records of seven keys, a second apart.
func inputs(from, to int) (records []kafka.Record) {
	for i := from; i < to; i++ {
		r := record("in", fmt.Sprintf("k%d", i%7), fmt.Sprintf("v%02d", i))
		r.Time = time.Unix(1_700_000_000+int64(i), 0)
		records = append(records, r)
	}
	return records
}

// sequential is what counting writes of inputs.
func sequential(records []kafka.Record) (values []string) {
	seen := map[string]int{}
	for _, r := range records {
		seen[string(r.Key)]++
		values = append(values, fmt.Sprintf("%s %s=%d", r.Key, r.Value, seen[string(r.Key)]))
	}
	slices.Sort(values)
	return values
}

func (b *testBundle) production(t *testing.T) production {
	t.Helper()
	p := production{Ends: map[string]int64{}}
	var err error
	if p.Offsets, err = b.client.Committed("count"); err != nil {
		t.Fatal(err)
	}
	for _, topic := range []string{"in", "names", "counts", "out", "count-dead-letters"} {
		for partition := range int32(4) {
			end, err := b.client.EndOffset(topic, partition, kafka.ReadUncommitted)
			if err != nil {
				t.Fatal(err)
			}
			p.Ends[fmt.Sprint(topic, "/", partition)] = end
		}
	}
	for _, row := range b.read(t, "counts") {
		p.Rows = append(p.Rows, fmt.Sprintf("%s %x", row.Key, row.Value))
	}
	slices.Sort(p.Rows)
	return p
}

// sideConfig is for a side run in production's own folder.
func sideConfig(cfg runner.Config, name, from, until string) runner.Config {
	cfg.Side, cfg.From, cfg.Until = name, from, until
	return cfg
}

func TestASideRunEndsByItselfAndLeavesProductionAlone(t *testing.T) {
	t.Parallel()
	b := setup(t, devstack.Config{})
	cfg := b.config(t)
	before := b.produced(t, cfg, 40)
	if err := start(t, counting(), sideConfig(cfg, "fix", "", "end")).end(t); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(b.values(t, "fix.out"), sequential(inputs(0, 40))); diff != "" {
		t.Errorf("the side run's outputs (-got +want): %s", diff)
	}
	if diff := cmp.Diff(b.production(t), before); diff != "" {
		t.Errorf("production has changed (-got +want): %s", diff)
	}
	if !b.log.has(`msg="the side run has reached its end" side=fix from=beginning until=end in=40 out=40 dead_letters=0`) {
		t.Error("the log has no summary")
	}
	// Production goes on as if nothing had been.
	b.write(t, inputs(40, 47)...)
	r := start(t, counting(), cfg)
	if diff := cmp.Diff(b.awaitValues(t, "out", 47), sequential(inputs(0, 47))); diff != "" {
		t.Errorf("production's outputs (-got +want): %s", diff)
	}
	r.stop(t)
}

func TestASideRunWithoutAnEndWorksBesideProduction(t *testing.T) {
	t.Parallel()
	b := setup(t, devstack.Config{})
	cfg := b.config(t)
	b.produced(t, cfg, 20)
	r := start(t, counting(), cfg).awaitReady(t)
	aside := start(t, counting(), sideConfig(cfg, "", "time:2023-11-14T22:13:30Z", "")).awaitReady(t)
	b.write(t, inputs(20, 30)...)
	if diff := cmp.Diff(b.awaitValues(t, "replay.out", 20), sequential(inputs(10, 30))); diff != "" {
		t.Errorf("the side run's outputs (-got +want): %s", diff)
	}
	if diff := cmp.Diff(b.awaitValues(t, "out", 30), sequential(inputs(0, 30))); diff != "" {
		t.Errorf("production's outputs (-got +want): %s", diff)
	}
	aside.stop(t)
	r.stop(t)
}

// The input of this one is written in transactions: its last offset is a marker,
// which no consumer is handed.
func TestASideRunEndsBehindTransactionsAndEmptyPartitions(t *testing.T) {
	t.Parallel()
	b := setup(t, devstack.Config{})
	cfg := b.config(t)
	b.produced(t, cfg, 3)
	next := topology.New("next")
	topology.Input(next, "out", codecs.String()).To("copied", codecs.String())
	topology.Input(next, "count-dead-letters", codecs.Bytes()).To("letters", codecs.Bytes())
	if err := start(t, next, sideConfig(cfg, "fix", "", "end")).end(t); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(b.values(t, "fix.copied"), b.values(t, "out")); diff != "" {
		t.Errorf("the copies (-got +want): %s", diff)
	}
}

func TestASideRunGoesOnToTheEndThatItBeganWith(t *testing.T) {
	t.Parallel()
	b := setup(t, devstack.Config{})
	cfg := b.config(t)
	b.produced(t, cfg, 40)
	reached, goOn := make(chan struct{}), make(chan struct{})
	var once sync.Once
	slow := blocking(func(value string) {
		if value == "v20" {
			once.Do(func() { close(reached) })
			<-goOn
		}
	})
	r := start(t, slow, sideConfig(cfg, "fix", "", "end"))
	<-reached
	b.write(t, inputs(40, 60)...)
	r.cancel()
	close(goOn)
	if err := r.end(t); err != nil {
		t.Fatal(err)
	}
	if err := start(t, counting(), sideConfig(cfg, "fix", "beginning", "end")).end(t); err != nil {
		t.Fatal(err)
	}
	want := sequential(inputs(0, 40))
	if diff := cmp.Diff(b.values(t, "fix.out"), want); diff != "" {
		t.Errorf("after the second start (-got +want): %s", diff)
	}
	if err := start(t, counting(), sideConfig(cfg, "fix", "beginning", "end")).end(t); err != nil {
		t.Fatalf("a start when all is done: %v", err)
	}
	if diff := cmp.Diff(b.values(t, "fix.out"), want); diff != "" {
		t.Errorf("after the third start (-got +want): %s", diff)
	}
}

func TestPositionsBoundASideRun(t *testing.T) {
	t.Parallel()
	b := setup(t, devstack.Config{})
	cfg := b.config(t)
	b.produced(t, cfg, 40)
	var partition int32
	held := b.read(t, "in")
	for _, r := range held {
		if string(r.Value) == "v00" {
			partition = r.Partition
		}
	}
	var longest int64
	for _, r := range held {
		longest = max(longest, r.Offset+1)
	}
	tests := []struct {
		name, from, until string
		want              func(r kafka.Record) bool
	}{
		{
			"beyond_some", fmt.Sprint("offset:", longest-1), fmt.Sprint("offset:", longest+5),
			func(r kafka.Record) bool { return r.Offset >= longest-1 },
		},
		{
			"times", "time:2023-11-14T22:13:30Z", "time:2023-11-14T22:13:40Z",
			func(r kafka.Record) bool { return r.Time.Unix() >= 1_700_000_010 && r.Time.Unix() < 1_700_000_020 },
		},
		{
			"offsets", fmt.Sprintf("end,in/%d=offset:1", partition), fmt.Sprintf("end,in/%d=offset:3", partition),
			func(r kafka.Record) bool { return r.Partition == partition && r.Offset >= 1 && r.Offset < 3 },
		},
		{"nothing", "beginning", "beginning", func(kafka.Record) bool { return false }},
		{"the_future", "beginning", "time:2999-01-01T00:00:00Z", func(kafka.Record) bool { return true }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if err := start(t, counting(), sideConfig(cfg, tt.name, tt.from, tt.until)).end(t); err != nil {
				t.Fatal(err)
			}
			var of []kafka.Record
			for _, r := range inputs(0, 40) {
				at := slices.IndexFunc(held, func(h kafka.Record) bool { return bytes.Equal(h.Value, r.Value) })
				if tt.want(held[at]) {
					of = append(of, r)
				}
			}
			if diff := cmp.Diff(b.values(t, tt.name+".out"), sequential(of)); diff != "" {
				t.Errorf("outputs (-got +want): %s", diff)
			}
		})
	}
}

func TestACountIsThatManyRecords(t *testing.T) {
	t.Parallel()
	b := setup(t, devstack.Config{})
	cfg := b.config(t)
	b.produced(t, cfg, 40)
	for count, want := range map[int]int{1: 1, 11: 11, 39: 39, 100: 40} {
		name := fmt.Sprint("n", count)
		if err := start(t, counting(), sideConfig(cfg, name, "", fmt.Sprint("count:", count))).end(t); err != nil {
			t.Fatal(err)
		}
		if got := b.values(t, name+".out"); len(got) != want {
			t.Errorf("count:%d: got %d records, want %d", count, len(got), want)
		}
	}
}

func TestASideRunRefusesWhatDoesNotBelongTogether(t *testing.T) {
	t.Parallel()
	b := setup(t, devstack.Config{})
	cfg := b.config(t)
	b.produced(t, cfg, 10)
	fix := sideConfig(cfg, "fix", "", "end")
	if err := start(t, counting(), fix).end(t); err != nil {
		t.Fatal(err)
	}
	elsewhere := fix
	elsewhere.StateDir = t.TempDir()
	refused(t, elsewhere, "where its run ends is not in this state folder")
	refused(t, sideConfig(cfg, "fix", "end", "end"), `it was begun from "beginning" until "end"`)
	if err := b.client.DeleteGroup("fix.count"); err != nil {
		t.Fatal(err)
	}
	refused(t, fix, "the offsets of group fix.count are gone")
	refused(t, elsewhere, "topic fix.", "holds records of an earlier run", "--side-drop")
	plan := filepath.Join(fix.StateDir, "side", "fix", "replay.json")
	if err := os.WriteFile(plan, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t, fix, "replay.json is damaged")
	for from, fault := range map[string]string{"offset:1000": "has no offset 1000", "in/9=end": "there is no partition 9 of topic in", "in/0=offset:1000": "in/0 has no offset 1000"} {
		refused(t, sideConfig(cfg, "other", from, "end"), fault)
	}
	if _, err := b.client.Partitions("other.out"); !errors.Is(err, kafka.ErrTopicNotFound) {
		t.Errorf("got %v for a topic of a side run that was refused, want none", err)
	}
	unknown := sideConfig(cfg, "fix", "", "end,inn=beginning")
	if _, err := runner.New(counting(), unknown); err == nil || !strings.Contains(err.Error(), "topic inn, which is no input") {
		t.Errorf("got %v of a topic that is no input", err)
	}
}

// refused runs a side run that has to fail with all of these words.
func refused(t *testing.T, cfg runner.Config, words ...string) {
	t.Helper()
	err := start(t, counting(), cfg).end(t)
	for _, word := range words {
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("got %v, want an error with %q", err, word)
		}
	}
}

func TestASideRunIsDropped(t *testing.T) {
	t.Parallel()
	b := setup(t, devstack.Config{})
	cfg := b.config(t)
	before := b.produced(t, cfg, 10)
	args := []string{"--brokers", cfg.Brokers[0], "--registry", cfg.Registry[0], "--state", cfg.StateDir, "--side", "fix"}
	command := func(more ...string) (int, string) {
		var out bytes.Buffer
		code := runner.Command(t.Context(), counting, append(slices.Clone(args), more...), &out, &out)
		return code, out.String()
	}
	if code, said := command("--validate"); code != runner.ExitOK {
		t.Errorf("before there is anything of it: got code %d: %s", code, said)
	}
	for range 2 { // the name is free again
		if code, said := command("--until", "end"); code != runner.ExitOK {
			t.Fatalf("got code %d: %s", code, said)
		}
		if got := b.values(t, "fix.out"); len(got) != 10 {
			t.Fatalf("got %d outputs, want 10", len(got))
		}
		code, said := command("--side-drop")
		if code != runner.ExitOK || !strings.Contains(said, "side run fix is removed") {
			t.Fatalf("got code %d: %s", code, said)
		}
	}
	if diff := cmp.Diff(b.production(t), before); diff != "" {
		t.Errorf("production has changed (-got +want): %s", diff)
	}
	if left, err := os.ReadDir(filepath.Join(cfg.StateDir, "side")); err != nil || len(left) > 0 {
		t.Errorf("got %v, %v in the state folder, want nothing", left, err)
	}
	if partitions, err := b.client.Partitions("fix.out"); err == nil {
		t.Errorf("topic fix.out is still there with %d partitions", partitions)
	}
	if code, said := command("--side-drop", "--side", ""); code != runner.ExitUsage {
		t.Errorf("without a name: got code %d: %s", code, said)
	}
}

// order is what a topology writes in these tests.
type order struct {
	ID int64 `avro:"id"`
}

// A codec whose subject production shares gets no new schema by a side run, and
// that of one's own is registered.
func TestASideRunRegistersInItsOwnSubjectsOnly(t *testing.T) {
	t.Parallel()
	b := setup(t, devstack.Config{})
	cfg := b.config(t)
	build := func(opts ...avro.Option) *topology.Topology {
		top := topology.New("orders")
		in := topology.Input(top, "in", codecs.String())
		topology.Each(in, "order", processors.Map(func(s string) order { return order{ID: int64(len(s))} })).To("orders", avro.Typed[order](append(opts, avro.Name("Order"), avro.Namespace("test"))...))
		return top
	}
	b.topics(t, 2, "in")
	b.write(t, record("in", "k", "v"))
	shared := start(t, build(avro.Subject("shared")), sideConfig(cfg, "a", "", "end"))
	if err := shared.end(t); err == nil || !strings.Contains(err.Error(), "shared") {
		t.Errorf("got %v, want an error about the subject that is shared", err)
	}
	if err := start(t, build(), sideConfig(cfg, "b", "", "end")).end(t); err != nil {
		t.Fatal(err)
	}
	if got := b.read(t, "b.orders"); len(got) != 1 {
		t.Errorf("got %d records, want 1", len(got))
	}
}

// What would be parked for a later try would be left behind at the end.
func TestASideRunWithAnEndParksNothing(t *testing.T) {
	t.Parallel()
	b := setup(t, devstack.Config{})
	cfg := b.config(t)
	b.produced(t, cfg, 10)
	o := &outages{}
	o.set(func(value string) bool { return value == "v03" })
	if err := start(t, parked(o), sideConfig(cfg, "fix", "", "end")).end(t); err != nil {
		t.Fatal(err)
	}
	if got := len(b.read(t, "fix.out")); got != 9 {
		t.Errorf("got %d outputs, want 9", got)
	}
	if got := len(b.read(t, "fix.count-dead-letters")); got != 1 {
		t.Errorf("got %d dead letters, want 1", got)
	}
}
