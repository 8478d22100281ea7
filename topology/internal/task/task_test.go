package task_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"
	"github.com/lovoo/goka"

	"github.com/gokavro/gokavro/codecs"
	"github.com/gokavro/gokavro/topology/internal/store"
	"github.com/gokavro/gokavro/topology/internal/task"
)

const patience = 60 * time.Second

const table = "g-table"

// testBundle is a task at work.
type testBundle struct {
	*task.Task
	ended  chan error
	sealed []*task.Sealed
}

// start runs a group on partition 3, with a table in memory.
func start(t *testing.T, change func(*task.Config), edges ...goka.Edge) *testBundle {
	t.Helper()
	cfg := task.Config{
		Graph: goka.DefineGroup("g", edges...), Partition: 3, Topics: []string{"in", "other"},
		Tables: []store.Spec{{Name: table, Topic: "changes"}}, Limits: task.Limits{MaxIdle: time.Hour},
		Open: func(context.Context) (task.State, error) {
			db, err := store.Open(store.Config{
				Dir: "state", FS: store.InMemory(),
				Owner: store.Owner{Group: "g", Partition: 3, Tables: []store.Spec{{Name: table, Topic: "changes"}}},
			})
			return task.State{DB: db}, err
		},
	}
	if change != nil {
		change(&cfg)
	}
	b := &testBundle{Task: task.New(cfg), ended: make(chan error, 1)}
	go func() { b.ended <- b.Run() }()
	t.Cleanup(func() {
		b.Kill()
		_ = b.end(t)
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// end waits for the end of Run.
func (b *testBundle) end(t *testing.T) error {
	t.Helper()
	select {
	case err := <-b.ended:
		b.ended <- err
		return err
	case <-time.After(patience):
		t.Fatal("the task does not end")
		return nil
	}
}

func (b *testBundle) put(t *testing.T, messages ...*sarama.ConsumerMessage) {
	t.Helper()
	for _, m := range messages {
		if err := b.Put(t.Context(), m.Topic, m.Offset+1, []*sarama.ConsumerMessage{m}); err != nil {
			t.Fatal(err)
		}
	}
}

// seal waits until a number of units has been handed over since the start.
func (b *testBundle) seal(t *testing.T, units int) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for b.units() < units {
		if b.take(t) {
			continue
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("got %d units, waited for %d", b.units(), units)
		}
	}
	if b.units() > units {
		t.Fatalf("got %d units, want %d", b.units(), units)
	}
}

// take keeps what a commit would take, and reports whether there was any.
func (b *testBundle) take(t *testing.T) bool {
	t.Helper()
	s, err := b.Seal()
	if err != nil {
		t.Fatal(err)
	}
	if s == nil {
		return false
	}
	b.sealed = append(b.sealed, s)
	return true
}

func (b *testBundle) units() (n int) {
	for _, s := range b.sealed {
		n += s.Units()
	}
	return n
}

// outputs returns what was written to the topic, as key=value.
func (b *testBundle) outputs(t *testing.T, topic string) []string {
	t.Helper()
	var list []string
	for _, s := range b.sealed {
		for _, r := range s.Records() {
			if r.Topic != topic {
				continue
			}
			value := "<none>"
			if r.Value != nil {
				value = string(r.Value)
			}
			list = append(list, string(r.Key)+"="+value)
		}
	}
	return list
}

func (b *testBundle) offsets() map[string]int64 {
	all := map[string]int64{}
	for _, s := range b.sealed {
		for topic, offset := range s.Offsets() {
			all[topic] = max(all[topic], offset)
		}
	}
	return all
}

func message(topic string, offset int64, value string) *sarama.ConsumerMessage {
	return &sarama.ConsumerMessage{
		Topic: topic, Partition: 3, Offset: offset, Key: []byte("k"), Value: []byte(value), Timestamp: time.UnixMilli(offset),
	}
}

var text = codecs.String()

// appending keeps all values of a key as its row, and writes the row.
func appending(ctx goka.Context, msg any) {
	row, _ := ctx.Value().(string)
	row += msg.(string)
	ctx.SetValue(row)
	ctx.Emit("out", ctx.Key(), row)
}

// blocking is appending that tells of each record and waits for its release.
func blocking(entered chan<- string, release <-chan struct{}) goka.ProcessCallback {
	return func(ctx goka.Context, msg any) {
		entered <- msg.(string)
		<-release
		appending(ctx, msg)
	}
}

func edges(callback goka.ProcessCallback) []goka.Edge {
	return []goka.Edge{
		goka.Inputs(goka.Streams{"in", "other"}, text, callback), goka.Output("out", text), goka.Persist(text),
	}
}

func TestUnitsHoldWhatTheirRecordsDid(t *testing.T) {
	t.Parallel()
	b := start(t, nil, edges(appending)...)
	b.put(t, message("in", 5, "a"), message("in", 6, "b"), message("in", 7, "c"))
	b.seal(t, 3)
	if diff := cmp.Diff(b.outputs(t, "out"), []string{"k=a", "k=ab", "k=abc"}); diff != "" {
		t.Errorf("outputs (-got +want): %s", diff)
	}
	changes := b.outputs(t, "changes")
	if last := changes[len(changes)-1]; last != "k=abc" || len(changes) > len(b.sealed) {
		t.Errorf("got changes %v of %d commits, want the last value of each", changes, len(b.sealed))
	}
	if diff := cmp.Diff(b.offsets(), map[string]int64{"in": 8}); diff != "" {
		t.Errorf("offsets (-got +want): %s", diff)
	}
}

func TestRecordsThatWereTakenInBeforeAreLeftOut(t *testing.T) {
	t.Parallel()
	b := start(t, nil, edges(appending)...)
	b.put(t, message("in", 5, "a"), message("in", 6, "b"))
	b.put(t, message("in", 5, "a"), message("in", 6, "b"), message("in", 7, "c"))
	b.seal(t, 3)
	if diff := cmp.Diff(b.outputs(t, "out"), []string{"k=a", "k=ab", "k=abc"}); diff != "" {
		t.Errorf("outputs (-got +want): %s", diff)
	}
}

// failures are the ways in which a callback fails, by name.
func failures() map[string]func(goka.Context) {
	return map[string]func(goka.Context){
		"Fail":            func(ctx goka.Context) { ctx.Fail(errors.New("asked to fail")) },
		"a panic":         func(goka.Context) { panic("asked to panic") },
		"a wrong value":   func(ctx goka.Context) { ctx.SetValue(7) },
		"no such output":  func(ctx goka.Context) { ctx.Emit("nowhere", "k", "x") },
		"a deferred fail": func(ctx goka.Context) { ctx.DeferCommit()(errors.New("asked to fail later")) },
	}
}

// A record whose callback fails leaves nothing, and is taken again with those
// behind it.
func TestAFailedRecordLeavesNothing(t *testing.T) {
	t.Parallel()
	for name, fail := range failures() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var failures atomic.Int32
			b := start(t, nil, edges(func(ctx goka.Context, msg any) {
				appending(ctx, msg)
				if msg == "b" && failures.Add(1) <= 2 {
					fail(ctx)
				}
			})...)
			b.put(t, message("in", 5, "a"), message("in", 6, "b"), message("in", 7, "c"))
			b.seal(t, 3)
			if diff := cmp.Diff(b.outputs(t, "out"), []string{"k=a", "k=ab", "k=abc"}); diff != "" {
				t.Errorf("outputs (-got +want): %s", diff)
			}
		})
	}
}

func TestARecordThatFailsAgainAndAgainEndsTheTask(t *testing.T) {
	t.Parallel()
	b := start(t, func(cfg *task.Config) { cfg.Limits.Restarts = 2 }, edges(func(ctx goka.Context, msg any) {
		if msg == "b" {
			ctx.Fail(errors.New("asked to fail"))
		}
		appending(ctx, msg)
	})...)
	b.put(t, message("in", 5, "a"), message("in", 6, "b"))
	if err := b.end(t); err == nil || err.Error() != "partition 3: asked to fail" {
		t.Errorf("got %v, want what failed", err)
	}
	b.seal(t, 1)
	if diff := cmp.Diff(b.offsets(), map[string]int64{"in": 6}); diff != "" {
		t.Errorf("offsets (-got +want): %s", diff)
	}
}

func TestAFatalFaultIsNotTriedAgain(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	b := start(t, nil, edges(func(ctx goka.Context, _ any) {
		calls.Add(1)
		ctx.Fail(&task.FatalError{Err: errors.New("beyond repair")})
	})...)
	b.put(t, message("in", 5, "a"))
	if err := b.end(t); err == nil || !strings.Contains(err.Error(), "beyond repair") || calls.Load() != 1 {
		t.Errorf("got %v after %d calls, want the fault after one", err, calls.Load())
	}
}

// A record that is done is not handed over before those in front of it are.
func TestUnitsAreHandedOverInTheirOrder(t *testing.T) {
	t.Parallel()
	release := make(chan func(error), 1)
	b := start(t, nil, edges(func(ctx goka.Context, msg any) {
		appending(ctx, msg)
		if msg == "a" {
			release <- ctx.DeferCommit()
		}
	})...)
	b.put(t, message("in", 5, "a"), message("in", 6, "b"), message("other", 9, "c"))
	done := <-release
	if b.take(t) {
		t.Errorf("got %d units while the first record is not done", b.units())
	}
	done(nil)
	b.seal(t, 3)
	if diff := cmp.Diff(b.outputs(t, "out"), []string{"k=a", "k=ab", "k=abc"}); diff != "" {
		t.Errorf("outputs (-got +want): %s", diff)
	}
}

func TestTopicsAreMergedByTime(t *testing.T) {
	t.Parallel()
	b := start(t, nil, edges(appending)...)
	// Of "other" there is one more record that is not here yet, so the newer one
	// of "in" waits for it.
	if err := b.Put(t.Context(), "other", 3, []*sarama.ConsumerMessage{message("other", 1, "1")}); err != nil {
		t.Fatal(err)
	}
	b.seal(t, 1)
	b.put(t, message("in", 4, "4"))
	b.put(t, message("other", 2, "2"))
	b.seal(t, 3)
	if got := b.outputs(t, "out"); got[len(got)-1] != "k=124" {
		t.Errorf("got %v, want the records in the order of their times", got)
	}
}

func TestStopFinishesTheRecordInHand(t *testing.T) {
	t.Parallel()
	entered, release := make(chan string, 9), make(chan struct{})
	b := start(t, nil, edges(blocking(entered, release))...)
	b.put(t, message("in", 5, "a"), message("in", 6, "b"))
	<-entered
	b.Stop()
	close(release)
	if err := b.end(t); err != nil {
		t.Errorf("got %v, want a clean end", err)
	}
	b.seal(t, 1)
	if diff := cmp.Diff(b.outputs(t, "out"), []string{"k=a"}); diff != "" {
		t.Errorf("outputs (-got +want): %s", diff)
	}
}

func TestNothingIsHandedOverAfterKill(t *testing.T) {
	t.Parallel()
	entered, release := make(chan struct{}), make(chan struct{})
	b := start(t, nil, edges(func(ctx goka.Context, msg any) {
		close(entered)
		<-release
		appending(ctx, msg)
	})...)
	b.put(t, message("in", 5, "a"))
	<-entered
	b.Kill()
	close(release)
	if err := b.end(t); err != nil {
		t.Errorf("got %v, want a clean end", err)
	}
	if b.take(t) {
		t.Errorf("got %d units", b.units())
	}
}

func TestACodecThatPanicsIsAFaultOfTheRecord(t *testing.T) {
	t.Parallel()
	check := func(m *sarama.ConsumerMessage) error {
		if string(m.Value) == "b" {
			return errors.New("the codec panicked")
		}
		return nil
	}
	b := start(t, func(cfg *task.Config) { cfg.Check, cfg.Limits.Restarts = check, 1 }, edges(appending)...)
	b.put(t, message("in", 5, "a"), message("in", 6, "b"), message("in", 7, "c"))
	if err := b.end(t); err == nil || !strings.Contains(err.Error(), "the codec panicked") {
		t.Errorf("got %v, want what the check said", err)
	}
	b.seal(t, 1)
}

func TestAFullBufferWaitsForACommit(t *testing.T) {
	t.Parallel()
	changed := make(chan struct{}, 1)
	b := start(t, func(cfg *task.Config) {
		cfg.Limits.Units = 2
		cfg.Changed = func() {
			select {
			case changed <- struct{}{}:
			default:
			}
		}
	}, edges(appending)...)
	for offset := range int64(10) {
		b.put(t, message("in", offset, "x"))
	}
	for range 5 {
		<-changed
		if b.take(t) && b.sealed[len(b.sealed)-1].Units() > 2 {
			t.Errorf("got %d units at once, want at most 2", b.sealed[len(b.sealed)-1].Units())
		}
	}
	b.seal(t, 10)
}

// An input's timestamp may be one that no record can be written with.
func TestTimesThatCannotBeWrittenAreLeftToTheCommit(t *testing.T) {
	t.Parallel()
	b := start(t, nil, edges(appending)...)
	odd := []time.Time{time.UnixMilli(-5), time.UnixMilli(1 << 60), {}}
	for i, at := range odd {
		m := message("in", int64(i), "x")
		m.Timestamp = at
		b.put(t, m)
	}
	b.seal(t, len(odd))
	for _, s := range b.sealed {
		for _, r := range s.Records() {
			if !r.Time.IsZero() {
				t.Errorf("got a record for %s with the time %s, want none", r.Topic, r.Time)
			}
		}
	}
}

func TestRowsOutliveTheirFlush(t *testing.T) {
	t.Parallel()
	b := start(t, nil, edges(appending)...)
	for offset, value := range []string{"a", "b", "c"} {
		b.put(t, message("in", int64(offset), value))
		b.seal(t, offset+1)
		if err := b.sealed[len(b.sealed)-1].Flush(); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(b.outputs(t, "out"), []string{"k=a", "k=ab", "k=abc"}); diff != "" {
		t.Errorf("outputs (-got +want): %s", diff)
	}
}

func TestVisitorsChangeRows(t *testing.T) {
	t.Parallel()
	b := start(t, nil, append(edges(appending), goka.Visitor("mark", func(ctx goka.Context, meta any) {
		ctx.SetValue(ctx.Value().(string) + meta.(string))
	}))...)
	b.put(t, message("in", 5, "a"))
	b.seal(t, 1)
	visited, err := b.Visit(t.Context(), "mark", "!")
	if err != nil || visited != 1 {
		t.Fatalf("got %d rows visited, %v", visited, err)
	}
	b.put(t, message("in", 6, "b"))
	b.seal(t, 3)
	if got := b.outputs(t, "out"); got[len(got)-1] != "k=a!b" {
		t.Errorf("got %v, want the visitor's change", got)
	}
	if diff := cmp.Diff(b.offsets(), map[string]int64{"in": 7}); diff != "" {
		t.Errorf("offsets (-got +want): %s", diff)
	}
}

func TestExpiredRowsBecomeTombstones(t *testing.T) {
	t.Parallel()
	past := time.Now().Add(-time.Hour)
	var clock atomic.Int64
	clock.Store(past.UnixMilli())
	aging := []store.Spec{{Name: table, Topic: "changes", TTL: time.Minute}}
	b := start(t, func(cfg *task.Config) {
		cfg.Tables = aging
		cfg.Open = func(context.Context) (task.State, error) {
			db, err := store.Open(store.Config{
				Dir: "state", FS: store.InMemory(), Now: func() time.Time { return time.UnixMilli(clock.Load()) },
				Owner: store.Owner{Group: "g", Partition: 3, Tables: aging},
			})
			return task.State{DB: db}, err
		}
	}, edges(appending)...)
	b.put(t, message("in", 5, "a"))
	b.seal(t, 1)
	if err := b.sealed[0].Flush(); err != nil {
		t.Fatal(err)
	}
	clock.Store(time.Now().UnixMilli())
	deadline := time.After(patience)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !b.take(t) {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("no row expires")
		}
	}
	if diff := cmp.Diff(b.outputs(t, "changes"), []string{"k=a", "k=<none>"}); diff != "" {
		t.Errorf("changes (-got +want): %s", diff)
	}
}
