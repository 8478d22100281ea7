package runner_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/codecs"
	"github.com/gokavro/gokavro/integration/devstack"
	"github.com/gokavro/gokavro/topology/kafka"
	"github.com/gokavro/gokavro/topology/kafka/kafkatest"
	"github.com/gokavro/gokavro/topology/runner"
)

// disk is a file system that fails while it is told to.
type disk struct {
	fault atomic.Pointer[error]
	reads bool // whether reads fail as well
}

// MaybeError fails what the disk does.
func (d *disk) MaybeError(op errorfs.Op) error {
	fault := d.fault.Load()
	if fault == nil || op.Kind == errorfs.OpFileClose || !d.reads && op.Kind.ReadOrWrite() != errorfs.OpIsWrite {
		return nil
	}
	return *fault
}

// String names the injector in Pebble's words.
func (d *disk) String() string { return "disk" }

// TestADiskThatFailsIsWaitedFor lets the disk fail under a runner that is at
// work.
func TestADiskThatFailsIsWaitedFor(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		fault error
		reads bool
	}{
		{name: "full", fault: syscall.ENOSPC},
		{name: "writes fail", fault: syscall.EIO},
		{name: "all fails", fault: syscall.EIO, reads: true},
	} {
		for _, delivery := range []runner.Delivery{runner.ExactlyOnce, runner.AtLeastOnce} {
			if delivery == runner.AtLeastOnce && tt.fault == syscall.EIO { //nolint:errorlint // the same number, not its kind
				continue
			}
			t.Run(fmt.Sprintf("%s/%s", tt.name, delivery), func(t *testing.T) {
				t.Parallel()
				b := setup(t, devstack.Config{})
				b.keyBytes = 8 << 10 // so that a round does not stay in the store's buffers
				d := &disk{reads: tt.reads}
				cfg := b.config(t)
				cfg.Delivery = delivery
				r, err := runner.New(counting(), cfg)
				if err != nil {
					t.Fatal(err)
				}
				r.OnDisk(errorfs.Wrap(vfs.NewMem(), d))
				running := run(t, r).awaitReady(t)
				b.round(t, 0)
				b.awaitRounds(t, 1, delivery)
				d.fault.Store(&tt.fault)
				b.round(t, 1)
				running.awaitState(t, runner.Degraded, tt.fault.Error())
				b.round(t, 2)
				d.fault.Store(nil)
				b.awaitRounds(t, 3, delivery)
				running.awaitState(t, runner.Running, "")
				running.stop(t)
				if delivery == runner.ExactlyOnce {
					b.checkCounts(t, 3)
				}
			})
		}
	}
}

const roundKeys = 20

func (b *testBundle) roundKey(i int) string {
	return fmt.Sprintf("k%02d", i) + strings.Repeat("x", b.keyBytes)
}

// round writes one record of each key.
func (b *testBundle) round(t *testing.T, n int) {
	t.Helper()
	var records []kafka.Record
	for i := range roundKeys {
		records = append(records, record("in", b.roundKey(i), strconv.Itoa(n)))
	}
	b.write(t, records...)
}

// awaitRounds waits for the outputs of so many rounds: each once, unless it may
// be repeated.
func (b *testBundle) awaitRounds(t *testing.T, n int, delivery runner.Delivery) {
	t.Helper()
	var want []string
	for i := range roundKeys {
		for j := range n {
			want = append(want, fmt.Sprintf("%s %d=%d", b.roundKey(i), j, j+1))
		}
	}
	slices.Sort(want)
	if delivery == runner.AtLeastOnce {
		want = uncounted(want)
	}
	var got []string
	kafkatest.Await(t, fmt.Sprintf("the outputs of %d rounds", n), func() bool {
		if got = b.values(t, "out"); delivery == runner.AtLeastOnce {
			got = uncounted(got)
		}
		return len(got) >= len(want)
	})
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("outputs of %d rounds (-got +want): %s", n, diff)
	}
}

// uncounted leaves the counts of outputs out, which repeated records have moved,
// and what is there twice then.
func uncounted(outputs []string) []string {
	for i, output := range outputs {
		outputs[i], _, _ = strings.Cut(output, "=")
	}
	slices.Sort(outputs)
	return slices.Compact(outputs)
}

// checkCounts holds the table to so many rounds, none of which was repeated.
func (b *testBundle) checkCounts(t *testing.T, n int64) {
	t.Helper()
	got := map[string]any{}
	for _, r := range b.read(t, "counts") {
		var err error
		if got[string(r.Key)], err = codecs.Int64().Decode(r.Value); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]any{}
	for i := range roundKeys {
		want[b.roundKey(i)] = n
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("rows (-got +want): %s", diff)
	}
}
