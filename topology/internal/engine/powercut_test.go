package engine_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/google/go-cmp/cmp"
	"github.com/lovoo/goka"

	"github.com/gokavro/gokavro/topology/internal/engine"
	"github.com/gokavro/gokavro/topology/internal/store"
	"github.com/gokavro/gokavro/topology/internal/txn"
)

// Keys of Kafka's API.
const (
	produceKey            = 0
	initProducerKey       = 22
	addPartitionsToTxnKey = 24
	addOffsetsToTxnKey    = 25
	endTxnKey             = 26
	txnOffsetCommitKey    = 28
)

// step is where in a commit the process dies.
type step struct {
	name string
	// request is the API key of the request that the broker does not get any more.
	// All requests of the transactions are lost from then on.
	request int16
	// at is for what is no request.
	at moment
}

type moment int

const (
	noMoment   moment = iota
	beforeTxn         // the tasks are sealed, nothing is sent
	afterTxn          // the transaction is committed, nothing is flushed
	duringDisk        // the flush is on its way to the disk
	afterDisk         // the flush has ended; the next commit begins
)

// steps are all steps of a commit, in their order.
func steps() []step {
	return []step{
		{name: "sealed", at: beforeTxn},
		{name: "adding partitions to the transaction", request: addPartitionsToTxnKey},
		{name: "writing records", request: produceKey},
		{name: "adding the group to the transaction", request: addOffsetsToTxnKey},
		{name: "committing offsets in the transaction", request: txnOffsetCommitKey},
		{name: "ending the transaction", request: endTxnKey},
		{name: "committed and not flushed", at: afterTxn},
		{name: "writing the flush to the disk", at: duringDisk},
		{name: "flushed", at: afterDisk},
	}
}

// TestAProcessThatDiesAtAnyStepOfACommitLeavesNothingWrong kills a process, or
// cuts its machine's power, and starts another on what is on the disk then.
func TestAProcessThatDiesAtAnyStepOfACommitLeavesNothingWrong(t *testing.T) {
	t.Parallel()
	for _, s := range steps() {
		for name, unsynced := range map[string]int{"kill -9": 100, "power cut": 30} {
			t.Run(s.name+", "+name, func(t *testing.T) {
				t.Parallel()
				die(t, s, unsynced)
			})
		}
	}
}

// die runs an engine until it dies at a step, and another one after it to the end.
func die(t *testing.T, s step, unsynced int) {
	t.Helper()
	b := setup(t)
	seed := rand.Uint64()
	t.Logf("what was not synced is there to %d %%, seed %d", unsynced, seed)
	v := newVictim(s, vfs.CrashCloneCfg{UnsyncedDataPercent: unsynced, RNG: rand.New(rand.NewPCG(seed, 1))})
	b.stack.CutWhere(v.cuts)
	b.write(t, 0, phases*phaseRecords)
	b.dir, b.fs, b.commit, b.call = "state", errorfs.Wrap(v.disk, v), v.wrap, v.call
	b.rowBytes = 16 << 10 // a flush is written to the disk when it fills a block of the log
	b.edit = func(cfg *engine.Config) {
		committer := cfg.Committer
		cfg.Committer = func(ctx context.Context) (txn.Committer, error) {
			if v.isDead() {
				return nil, errDead
			}
			return committer(ctx)
		}
	}
	first := b.run(t)
	select {
	case <-v.died:
	case err := <-first.ended:
		t.Fatalf("the engine ended with %v before it came to that step", err)
	case <-time.After(patience):
		t.Fatalf("no commit came to that step; %d commits", v.commits.Load())
	}
	first.cancel()

	successor := &testBundle{stack: b.stack, client: b.client, dir: b.dir, fs: v.left, log: b.log, commit: unchanged, call: ignore}
	r := successor.run(t)
	successor.await(t, phases*phaseRecords*partitions)
	r.stop(t)
	successor.checkExact(t, phases*phaseRecords)
	successor.checkRows(t, phases*phaseRecords)
}

// The records of each partition come in phases, of which each begins after that
// many commits, so that there are enough commits.
const (
	phases       = 5
	phaseRecords = 30
	// fatalCommit is the number of the commit in which the process dies.
	fatalCommit = 3
)

var errDead = errors.New("this process is dead")

// victim is a process that dies at a step.
type victim struct {
	step    step
	disk    *vfs.MemFS
	clone   vfs.CrashCloneCfg
	commits atomic.Int32 // that have begun
	flushes atomic.Bool  // the fatal commit is on its way to the disk
	silent  atomic.Bool  // no request of its transactions reaches the broker

	once  sync.Once
	died  chan struct{}
	left  *vfs.MemFS // the disk that it leaves
	mu    sync.Mutex
	phase int
	moved chan struct{} // closed at the next phase
}

func newVictim(s step, clone vfs.CrashCloneCfg) *victim {
	return &victim{step: s, disk: vfs.NewCrashableMem(), clone: clone, died: make(chan struct{}), moved: make(chan struct{})}
}

// die keeps the disk as it is. What the process does from then on has no effect.
func (v *victim) die() {
	v.once.Do(func() {
		v.left = v.disk.CrashClone(v.clone)
		close(v.died)
	})
}

func (v *victim) isDead() bool {
	select {
	case <-v.died:
		return true
	default:
		return false
	}
}

// cuts decides about a request. The successor's first one of a transaction shows
// the broker that the victim is gone.
func (v *victim) cuts(apiKey int16) bool {
	switch apiKey {
	case initProducerKey:
		v.silent.Store(false)
		return false
	case produceKey, addPartitionsToTxnKey, addOffsetsToTxnKey, endTxnKey, txnOffsetCommitKey:
	default:
		return false
	}
	if v.step.at == noMoment && v.commits.Load() == fatalCommit && apiKey == v.step.request && !v.isDead() {
		v.silent.Store(true)
		v.die()
	}
	return v.silent.Load()
}

// call holds a record back until enough was committed.
func (v *victim) call(_ goka.Context, value string) {
	_, number, _ := strings.Cut(value, "/")
	n, _ := strconv.Atoi(number)
	for {
		v.mu.Lock()
		phase, moved := v.phase, v.moved
		v.mu.Unlock()
		if n < (phase+1)*phaseRecords {
			return
		}
		select {
		case <-moved:
		case <-v.died:
			return
		}
	}
}

// advance begins the next phase.
func (v *victim) advance() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.phase++
	close(v.moved)
	v.moved = make(chan struct{})
}

// MaybeError fails every write of a dead process, and lets it die.
func (v *victim) MaybeError(op errorfs.Op) error {
	if op.Kind.ReadOrWrite() != errorfs.OpIsWrite || op.Kind == errorfs.OpFileClose {
		return nil
	}
	if v.flushes.Load() {
		v.die()
	}
	if v.isDead() {
		return syscall.EIO
	}
	return nil
}

// String names the injector in Pebble's words.
func (v *victim) String() string { return "victim" }

func (v *victim) wrap(c txn.Committer) txn.Committer { return &doomed{c, v} }

// doomed is the committer of a victim.
type doomed struct {
	txn.Committer
	victim *victim
}

// Commit does what a commit does until the process dies.
func (d *doomed) Commit(ctx context.Context, b txn.Batch) error {
	v := d.victim
	n := v.commits.Add(1)
	if n == fatalCommit && v.step.at == beforeTxn || n > fatalCommit && v.step.at == afterDisk {
		v.die()
	}
	if v.isDead() {
		return errDead
	}
	err := d.Committer.Commit(ctx, b)
	if err == nil {
		v.advance()
	}
	if n != fatalCommit || err != nil {
		return err
	}
	switch v.step.at {
	case afterTxn:
		v.die()
		return errDead
	case duringDisk:
		v.flushes.Store(true)
	}
	return nil
}

// checkRows holds the rows on the disk to those of a sequential run over n
// records of each partition.
func (b *testBundle) checkRows(t *testing.T, n int) {
	t.Helper()
	got, want := map[string]string{}, map[string]string{}
	for partition := range int32(partitions) {
		for i := range n {
			before, _ := strconv.Atoi(want[key(partition, i)])
			want[key(partition, i)] = strconv.Itoa(before + 1)
		}
		db, err := store.Open(b.storeConfig(partition))
		if err != nil {
			t.Fatal(err)
		}
		if db.Healed() != "" {
			t.Errorf("partition %d: %s", partition, db.Healed())
		}
		for row, err := range db.Table("g-table").Range("", "") {
			if err != nil {
				t.Fatal(err)
			}
			got[row.Key], _, _ = strings.Cut(string(row.Value), " ")
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("rows (-got +want): %s", diff)
	}
}

func unchanged(c txn.Committer) txn.Committer { return c }

func ignore(goka.Context, string) {}
