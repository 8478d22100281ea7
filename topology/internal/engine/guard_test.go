package engine_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/lovoo/goka"

	"github.com/gokavro/gokavro/topology/internal/engine"
	"github.com/gokavro/gokavro/topology/internal/guard"
	"github.com/gokavro/gokavro/topology/internal/task"
	"github.com/gokavro/gokavro/topology/internal/txn"
	"github.com/gokavro/gokavro/topology/kafka"
)

// mortal is an engine whose process can die: from then on nothing of it has an
// effect.
type mortal struct {
	*testBundle
	settle     time.Duration
	stopWithin time.Duration
	dead       atomic.Bool
	once       sync.Once
	died       chan struct{}
	aside      *sync.Map // deaths by the value of the record that was set aside
}

func (b *testBundle) mortal() *mortal {
	m := &mortal{testBundle: b, settle: time.Millisecond, stopWithin: patience, died: make(chan struct{}), aside: &sync.Map{}}
	m.commit = func(c txn.Committer) txn.Committer { return &mortalCommitter{c, m} }
	m.edit = func(cfg *engine.Config) {
		cfg.Settle, cfg.StopTimeout = m.settle, m.stopWithin
		cfg.Commits = func(ctx context.Context, of map[string][]int32) (map[string]map[int32]kafka.Commit, error) {
			return b.client.Commits(ctx, "g", of)
		}
		whole := cfg.Task
		cfg.Task = func(partition int32) task.Config {
			c := whole(partition)
			c.Aside = func(k task.Killed) ([]task.Output, error) {
				m.aside.Store(string(k.Message.Value), k.Deaths)
				return nil, nil
			}
			return c
		}
	}
	return m
}

// die ends the process. A callback that calls it does not return before all is
// over.
func (m *mortal) die() {
	m.once.Do(func() {
		m.dead.Store(true)
		close(m.died)
	})
}

type mortalCommitter struct {
	txn.Committer
	m *mortal
}

func (c *mortalCommitter) Write(ctx context.Context, records []*kafka.Record) error {
	if c.m.dead.Load() {
		return errDead
	}
	return c.Committer.Write(ctx, records)
}

func (c *mortalCommitter) Commit(ctx context.Context, b txn.Batch) error {
	if c.m.dead.Load() {
		return errDead
	}
	return c.Committer.Commit(ctx, b)
}

// live runs the engine until it dies or ends is closed, and reports whether it
// lives.
func (m *mortal) live(t *testing.T, ends <-chan struct{}) bool {
	t.Helper()
	buried := make(chan struct{})
	call := m.call
	m.call = func(ctx goka.Context, value string) {
		call(ctx, value)
		if m.dead.Load() {
			<-buried
			ctx.Fail(errDead)
		}
	}
	r := m.run(t)
	select {
	case <-m.died:
		r.cancel()
		close(buried)
		if err := r.wait(t); err != nil {
			t.Error(err)
		}
		return false
	case <-ends:
		r.cancel()
		if err := r.wait(t); err != nil {
			t.Error(err)
		}
		return true
	case <-time.After(patience):
		t.Fatal("it neither dies nor ends")
		return false
	}
}

// seen is closed when there are n outputs.
func (b *testBundle) seen(t *testing.T, n int) <-chan struct{} {
	t.Helper()
	all := make(chan struct{})
	go func() {
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for t.Context().Err() == nil {
			count := 0
			err := b.client.Read(t.Context(), kafka.Query{Topic: "out", UntilEnd: true}, func(kafka.Record) error { count++; return nil })
			if err == nil && count >= n {
				close(all)
				return
			}
			<-tick.C
		}
	}()
	return all
}

// checkOthers is checkExact without one record of a partition.
func (b *testBundle) checkOthers(t *testing.T, n int, without string) {
	t.Helper()
	want := map[string]string{}
	counts := map[string]int{}
	for i := range n {
		for partition := range int32(partitions) {
			value := fmt.Sprintf("%d/%d", partition, i)
			if value == without {
				continue
			}
			counts[key(partition, i)]++
			want[value] = strconv.Itoa(counts[key(partition, i)])
		}
	}
	if diff := cmp.Diff(b.outputs(t), want); diff != "" {
		t.Errorf("outputs (-got +want): %s", diff)
	}
}

// metadata returns what is kept with the group's offsets, by partition.
func (b *testBundle) metadata(t *testing.T) map[int32]string {
	t.Helper()
	all, err := b.client.Commits(t.Context(), "g", map[string][]int32{"in": {0, 1, 2, 3}})
	if err != nil {
		t.Fatal(err)
	}
	texts := map[int32]string{}
	for partition, commit := range all["in"] {
		if commit.Metadata != "" {
			texts[partition] = commit.Metadata
		}
	}
	return texts
}

// A record that ends every process that takes it is set aside, and nothing else
// is, although all partitions have records in hand when the process ends.
func TestARecordThatKillsItsProcessIsSetAside(t *testing.T) {
	t.Parallel()
	for _, poison := range []string{"1/0", "2/37"} {
		t.Run(poison, func(t *testing.T) {
			t.Parallel()
			const each = 60
			b := setup(t)
			b.write(t, 0, each)
			aside, all := &sync.Map{}, b.seen(t, each*partitions-1)
			for start := 1; ; start++ {
				one := *b
				m := one.mortal()
				m.aside = aside
				m.call = func(_ goka.Context, value string) {
					if value == poison {
						m.die()
					}
				}
				if m.live(t, all) {
					break
				}
				if start == 4 {
					t.Fatal("the fourth process has died too")
				}
			}
			got := map[string]int{}
			aside.Range(func(value, deaths any) bool { got[value.(string)] = deaths.(int); return true })
			if diff := cmp.Diff(got, map[string]int{poison: 2}); diff != "" {
				t.Errorf("set aside (-got +want): %s", diff)
			}
			b.checkOthers(t, each, poison)
			for partition, text := range b.metadata(t) {
				// The start of a process that died behind a partition's last record stays.
				if m := guard.Parse(text); m.Record != guard.None || m.Starts > 1 {
					t.Errorf("got the metadata %s of partition %d at the end, want no suspect", text, partition)
				}
			}
		})
	}
}

// Processes that die at moments of no meaning set nothing aside.
func TestProcessesThatAreKilledSetNothingAside(t *testing.T) {
	t.Parallel()
	const each, lives = 150, 5
	b := setup(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	aside, all := &sync.Map{}, b.seen(t, each*partitions)
	b.write(t, 0, each)
	for range lives {
		one := *b
		m := one.mortal()
		m.aside, m.settle = aside, 2*patience
		time.AfterFunc(time.Duration(random.IntN(1500))*time.Millisecond, m.die)
		var left atomic.Int32
		left.Store(int32(1 + random.IntN(each)))
		m.call = func(goka.Context, string) {
			if left.Add(-1) == 0 {
				m.die()
			}
		}
		if m.live(t, all) {
			break
		}
	}
	one := *b
	m := one.mortal()
	m.aside = aside
	if !m.live(t, all) {
		t.Fatal("it has died by itself")
	}
	aside.Range(func(value, deaths any) bool {
		t.Errorf("%v was set aside after %v deaths", value, deaths)
		return true
	})
	b.checkExact(t, each)
}

// A process that stops or hands over while it has a record in hand has not died.
func TestAStopAndARebalanceAreNoDeaths(t *testing.T) {
	t.Parallel()
	b := setup(t)
	first := *b
	m := first.mortal()
	m.stopWithin = 100 * time.Millisecond
	hung, release := make(chan struct{}, partitions), make(chan struct{})
	m.call = func(goka.Context, string) {
		select {
		case <-release:
		case hung <- struct{}{}:
			<-release
		}
	}
	r := m.run(t)
	b.write(t, 0, 20)
	for range partitions {
		<-hung
	}
	for partition, text := range b.metadata(t) {
		if !strings.HasSuffix(text, " starts=1") {
			t.Errorf("partition %d: got %q while the first record is in hand", partition, text)
		}
	}
	other := *b
	other.dir = t.TempDir()
	guest := other.mortal()
	guest.settle = patience
	edit := guest.edit
	guest.edit = func(cfg *engine.Config) {
		edit(cfg)
		cfg.Committer = func(ctx context.Context) (txn.Committer, error) {
			return txn.NewExactlyOnce(ctx, b.client.Config(), txn.Config{TransactionalID: "other"})
		}
	}
	seen := make(chan string, 100*partitions)
	guest.call = func(ctx goka.Context, _ string) {
		seen <- b.metadata(t)[ctx.Partition()]
	}
	g := guest.run(t)
	if text := <-seen; !strings.HasSuffix(text, " starts=1") {
		t.Errorf("got %q of a partition that was handed over, want the first start", text)
	}
	r.cancel()
	err := <-r.ended
	if _, stuck := errors.AsType[*engine.StopError](err); !stuck {
		t.Errorf("got %v of a stop that callbacks hold up, want a StopError", err)
	}
	r.ended <- nil
	close(release)
	<-r.released
	b.await(t, 20*partitions)
	g.stop(t)
	if texts := b.metadata(t); len(texts) > 0 {
		t.Errorf("got the metadata %v after the stop, want none", texts)
	}
	b.checkExact(t, 20)
}

// An engine that starts over after a fault has not died.
func TestAnEngineThatStartsOverHasNotDied(t *testing.T) {
	t.Parallel()
	b := setup(t)
	m := b.mortal()
	m.settle = patience
	var texts sync.Map
	m.commit = func(c txn.Committer) txn.Committer { return &faltering{c, &texts, &atomic.Int32{}} }
	r := m.run(t)
	b.write(t, 0, 10)
	b.await(t, 10*partitions)
	r.cancel()
	_ = r.wait(t)
	texts.Range(func(text, _ any) bool {
		if !strings.HasSuffix(text.(string), " starts=1") {
			t.Errorf("got the metadata %q", text)
		}
		return true
	})
	b.checkExact(t, 10)
}

// faltering fails at its third commit, as long as there are more than a few.
type faltering struct {
	txn.Committer
	texts   *sync.Map
	commits *atomic.Int32
}

func (f *faltering) Commit(ctx context.Context, b txn.Batch) error {
	for _, text := range b.Metadata["in"] {
		f.texts.Store(text, true)
	}
	if f.commits.Add(1) == 3 && len(b.Metadata["in"]) > 0 {
		return errAsked
	}
	return f.Committer.Commit(ctx, b)
}
