package standby_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/integration/devstack"
	"github.com/gokavro/gokavro/topology/internal/store"
	"github.com/gokavro/gokavro/topology/kafka"
	"github.com/gokavro/gokavro/topology/kafka/kafkatest"
)

func TestPromotionReadsOnlyTheTail(t *testing.T) {
	t.Parallel()
	b := setup(t, 1)
	b.write(t, "a", 0, "k1", "1", "k2", "1", "k3", "1")
	b.write(t, "ttl", 0, "k", "1")
	b.standbys.Assign([]int32{0})
	kafkatest.Await(t, "the copy is loaded", func() bool { return b.heard.times() == 1 })
	if got := b.heard.caughtUp[0]; got.Records != 4 {
		t.Errorf("loaded %d records, want 4", got.Records)
	}
	b.write(t, "a", 0, "k1", "2", "k2", "", "k4", "2")
	b.awaitStable(t, "a")
	kafkatest.Await(t, "the copy is warm", func() bool { return cmp.Equal(b.standbys.Warm(), []int32{0}) })
	if diff := cmp.Diff(map[int32]int64{0: 0}, b.standbys.Lags()); diff != "" {
		t.Errorf("lags (-want +got):\n%s", diff)
	}
	b.standbys.Reserve(0)
	b.standbys.Assign(nil)
	b.write(t, "a", 0, "k1", "3")
	db, warm := b.take(t)
	if !warm {
		t.Error("the copy does not count as warm")
	}
	if restored := b.restore(t, db); restored != 1 {
		t.Errorf("read %d records after the promotion, want the one that the copy did not have", restored)
	}
	if diff := cmp.Diff(map[string]string{"k1": "3", "k3": "1", "k4": "2"}, rows(t, db, "a")); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{"k": "1"}, rows(t, db, "ttl")); diff != "" {
		t.Errorf("rows of the table with a TTL (-want +got):\n%s", diff)
	}
	if db, _, err := b.standbys.Take(0); db != nil || err != nil {
		t.Errorf("got %v, %v the second time, want nothing", db, err)
	}
}

func TestAStandbyHoldsNothingThatIsNotCommitted(t *testing.T) {
	t.Parallel()
	b := setup(t, 1)
	b.standbys.Assign([]int32{0})
	kafkatest.Await(t, "the copy is loaded", func() bool { return b.heard.times() == 1 })
	x := kafkatest.NewTransactor(t, b.kafka, b.topic("a"))
	x.Begin()
	x.Write("k", "committed")
	x.Commit()
	x.Begin()
	x.Write("k", "aborted")
	x.Write("aborted", "1")
	x.Abort()
	x.Begin()
	x.Write("k", "open")
	b.write(t, "a", 0, "behind it", "1")
	kafkatest.Await(t, "the markers are written", func() bool { return b.end(t, "a", kafka.ReadCommitted) == 5 })
	b.awaitStable(t, "a")
	db, _ := b.take(t)
	if diff := cmp.Diff(map[string]string{"k": "committed"}, rows(t, db, "a")); diff != "" {
		t.Errorf("rows while a transaction is open (-want +got):\n%s", diff)
	}
	if got, stable := db.Offset("a"), b.end(t, "a", kafka.ReadCommitted); got > stable {
		t.Errorf("got offset %d behind the last stable one, %d", got, stable)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	x.Commit()
	db, restored := b.promote(t)
	if restored != 2 {
		t.Errorf("read %d records after the promotion, want 2", restored)
	}
	if diff := cmp.Diff(map[string]string{"k": "open", "behind it": "1"}, rows(t, db, "a")); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

func TestAFolderGoesFromTheTaskToTheStandbyAndBack(t *testing.T) {
	t.Parallel()
	b := setup(t, 1)
	b.write(t, "a", 0, "k", "1")
	task, _ := b.promote(t)
	b.standbys.Assign([]int32{0})
	b.write(t, "a", 0, "k", "2")
	if err := task.Close(); err != nil {
		t.Fatal(err)
	}
	kafkatest.Await(t, "the copy is loaded", func() bool { return b.heard.times() == 1 })
	if got := b.heard.caughtUp[0].Records; got != 1 {
		t.Errorf("loaded %d records, want the one that the task did not have", got)
	}
	kafkatest.Await(t, "the copy is warm", func() bool { return cmp.Equal(b.standbys.Warm(), []int32{0}) })
	db, warm := b.take(t)
	if restored := b.restore(t, db); restored != 0 || !warm {
		t.Errorf("read %d records after the promotion, warm: %t, want none of a warm copy", restored, warm)
	}
	if diff := cmp.Diff(map[string]string{"k": "2"}, rows(t, db, "a")); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

func TestTakingACopyDuringItsLoadIsQuickAndSafe(t *testing.T) {
	t.Parallel()
	b := setup(t, 1)
	const keys = 200
	var pairs []string
	for i := range 10 * keys {
		pairs = append(pairs, fmt.Sprintf("k%d", i%keys), strings.Repeat("x", 20_000)+strconv.Itoa(i))
	}
	b.write(t, "a", 0, pairs...)
	met, hold := make(chan struct{}), make(chan struct{})
	var once sync.Once
	b.heard.loading = func() {
		once.Do(func() { close(met) })
		<-hold
	}
	b.standbys.Assign([]int32{0})
	<-met
	// The loading holds still: whoever waits for it waits for ever.
	db, warm := b.take(t)
	close(hold)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if warm {
		t.Error("a copy that was not loaded counts as warm")
	}
	db, _ = b.promote(t)
	got := rows(t, db, "a")
	for i := range keys {
		if want := strconv.Itoa(9*keys + i); !strings.HasSuffix(got[fmt.Sprintf("k%d", i)], "x"+want) {
			t.Fatalf("key k%d: the value does not end in %s", i, want)
		}
	}
}

// A task may end before it has opened its tables.
func TestACopyThatIsReservedAndNotTakenIsClosed(t *testing.T) {
	t.Parallel()
	b := setup(t, 1)
	b.write(t, "a", 0, "k", "1")
	b.standbys.Assign([]int32{0})
	kafkatest.Await(t, "the copy is loaded", func() bool { return b.heard.times() == 1 })
	b.standbys.Reserve(0)
	b.standbys.Assign(nil)
	if store.Free(b.store) {
		t.Error("the folder is free while the copy is reserved")
	}
	if err := b.standbys.Release(0); err != nil {
		t.Fatal(err)
	}
	if !store.Free(b.store) {
		t.Error("the folder is not free after the release")
	}
	b.standbys.Assign([]int32{0})
	kafkatest.Await(t, "the copy is loaded again", func() bool { return b.heard.times() == 2 })
}

func TestAssignReplacesTheSet(t *testing.T) {
	t.Parallel()
	b := setup(t, 3)
	for partition := range int32(3) {
		b.write(t, "a", partition, "k", "1")
	}
	b.standbys.Assign([]int32{0, 1})
	kafkatest.Await(t, "two copies are warm", func() bool { return cmp.Equal(b.standbys.Warm(), []int32{0, 1}) })
	b.standbys.Assign([]int32{1, 2})
	kafkatest.Await(t, "the others are warm", func() bool { return cmp.Equal(b.standbys.Warm(), []int32{1, 2}) })
	if got := b.heard.times(); got != 3 {
		t.Errorf("%d copies were loaded, want 3: one stays", got)
	}
	kafkatest.Await(t, "the folder of the one that left is free", func() bool {
		db, err := store.Open(b.store)
		return err == nil && db.Close() == nil
	})
	if err := b.standbys.Close(); err != nil {
		t.Fatal(err)
	}
	b.standbys.Assign([]int32{0})
	if got := b.standbys.Lags(); len(got) > 0 {
		t.Errorf("got copies %v after Close", got)
	}
}

func TestADamagedStoreIsLoadedAnew(t *testing.T) {
	t.Parallel()
	b := setup(t, 1)
	b.write(t, "a", 0, "k", "1")
	db, _ := b.promote(t)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	seal := filepath.Join(store.Folder(b.store.Dir, b.store.Owner.Group, 0), "SEAL")
	if err := os.WriteFile(seal, []byte("no seal"), 0o644); err != nil {
		t.Fatal(err)
	}
	b.standbys.Assign([]int32{0})
	kafkatest.Await(t, "the copy is loaded", func() bool { return b.heard.times() == 1 })
	if got := b.heard.caughtUp[0].Records; got != 1 {
		t.Errorf("loaded %d records, want all, 1", got)
	}
	db, _ = b.promote(t)
	if diff := cmp.Diff(map[string]string{"k": "1"}, rows(t, db, "a")); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

func TestACopyOfAChangelogThatWasMadeAnewIsLoadedAnew(t *testing.T) {
	t.Parallel()
	b := setup(t, 1)
	b.write(t, "a", 0, "k", "1", "gone", "1")
	b.standbys.Assign([]int32{0})
	kafkatest.Await(t, "the copy is loaded", func() bool { return b.heard.times() == 1 })
	kafkatest.Remake(t, b.client, kafka.Topic{Name: b.topic("a"), Partitions: 1})
	b.write(t, "a", 0, "k", "2")
	kafkatest.Await(t, "the copy is loaded again", func() bool { return b.heard.times() > 1 })
	if got := b.heard.reasons(); len(got) != 1 || !strings.Contains(got[0], "made anew") {
		t.Errorf("got %q, want why it was cleared", got)
	}
	b.awaitStable(t, "a")
	db, _ := b.promote(t)
	if diff := cmp.Diff(map[string]string{"k": "2"}, rows(t, db, "a")); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

func TestAStandbyOutlastsABrokerThatIsAway(t *testing.T) {
	t.Parallel()
	cfg := devstack.Config{NoRegistry: true, Dir: t.TempDir()}
	stack := startStack(t, cfg)
	b := setupOn(t, stack.Brokers(), 1)
	b.write(t, "a", 0, "k", "1")
	b.standbys.Assign([]int32{0})
	kafkatest.Await(t, "the copy is loaded", func() bool { return b.heard.times() == 1 })
	if err := stack.Close(); err != nil {
		t.Fatal(err)
	}
	cfg.KafkaAddr = stack.Brokers()[0]
	startStack(t, cfg)
	b.write(t, "a", 0, "k", "2")
	b.awaitStable(t, "a")
	if got := b.heard.times(); got != 1 {
		t.Errorf("the copy was loaded %d times, want once", got)
	}
	db, restored := b.promote(t)
	if diff := cmp.Diff(map[string]string{"k": "2"}, rows(t, db, "a")); diff != "" || restored > 0 {
		t.Errorf("read %d records after the promotion; rows (-want +got):\n%s", restored, diff)
	}
}

// disk is a file system whose writes fail while it is full.
type disk struct{ full atomic.Bool }

// MaybeError fails what changes the disk.
func (d *disk) MaybeError(op errorfs.Op) error {
	if d.full.Load() && op.Kind != errorfs.OpFileClose && op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
		return syscall.ENOSPC
	}
	return nil
}

// String names the injector in Pebble's words.
func (d *disk) String() string { return "disk" }

func TestAStandbyOutlastsADiskThatIsFull(t *testing.T) {
	t.Parallel()
	b := setup(t, 1)
	d := &disk{}
	b.store.FS = errorfs.Wrap(vfs.NewMem(), d)
	b.standbys = b.start(t)
	b.write(t, "a", 0, "k", "1")
	b.standbys.Assign([]int32{0})
	kafkatest.Await(t, "the copy is loaded", func() bool { return b.heard.times() == 1 })
	d.full.Store(true)
	large := strings.Repeat("2", 100_000)
	kafkatest.Await(t, "the copy is given up", func() bool {
		b.write(t, "a", 0, "k", large) // a write that fails may show at a later one
		return b.standbys.Next(0, b.topic("a")) < 0
	})
	d.full.Store(false)
	kafkatest.Await(t, "the copy is loaded again", func() bool { return b.heard.times() > 1 })
	db, restored := b.promote(t)
	if diff := cmp.Diff(map[string]string{"k": large}, rows(t, db, "a")); diff != "" || restored > 0 {
		t.Errorf("read %d records after the promotion; rows (-want +got):\n%s", restored, diff)
	}
}
