package store_test

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/topology/internal/store"
)

// failing lets a number of writes through and then fails them all.
type failing struct {
	left atomic.Int64
	err  error
}

// MaybeError fails what changes the disk.
func (f *failing) MaybeError(op errorfs.Op) error {
	if op.Kind.ReadOrWrite() != errorfs.OpIsWrite || op.Kind == errorfs.OpFileClose || f.left.Add(-1) >= 0 {
		return nil
	}
	return f.err
}

// String names the injector in Pebble's words.
func (f *failing) String() string { return "failing" }

// TestADiskThatFailsLeavesWholeFlushes fills the disk at every point of a run of
// flushes and loads.
func TestADiskThatFailsLeavesWholeFlushes(t *testing.T) {
	t.Parallel()
	for _, fault := range []error{syscall.ENOSPC, syscall.EIO} {
		t.Run(fault.Error(), func(t *testing.T) {
			t.Parallel()
			for after := int64(0); after < 160; after += 3 {
				checkFailure(t, after, fault)
			}
		})
	}
}

const failureValueBytes = 40_000

func checkFailure(t *testing.T, after int64, fault error) {
	t.Helper()
	disk := vfs.NewMem()
	inject := &failing{err: fault}
	inject.left.Store(1 << 40)
	b := &testBundle{cfg: store.Config{
		Dir: "state", FS: errorfs.Wrap(disk, inject),
		Owner: store.Owner{Group: "g", Tables: []store.Spec{{Name: "a", Topic: "t"}}},
	}}
	b.open(t)
	inject.left.Store(after)
	failed, flushed := writeUntil(t, b.db)
	if !failed {
		t.Fatalf("fault after %d writes: nothing noticed it", after)
	}
	if err := b.db.Close(); err != nil {
		t.Fatalf("fault after %d writes: closing: %v", after, err)
	}
	inject.left.Store(1 << 40)
	b.open(t)
	defer func() { _ = b.db.Close() }()
	if healed := b.db.Healed(); healed != "" {
		t.Errorf("fault after %d writes: counts as damage: %s", after, healed)
	}
	got := b.db.Offset("a")
	if got > flushed+1 {
		t.Fatalf("fault after %d writes: got offset %d, only %d were flushed", after, got, flushed)
	}
	want := map[string]string{}
	for round := range got + 1 {
		key, value := roundOf(int(round))
		want[key], want["each"] = string(value), string(value)
	}
	if diff := cmp.Diff(want, b.rows(t, "a")); diff != "" {
		t.Fatalf("fault after %d writes: offset %d (-want +got):\n%.500s", after, got, diff)
	}
	b.db.Table("a").Set("again", []byte("1"))
	if err := b.db.Seal().Flush(nil); err != nil {
		t.Errorf("fault after %d writes: the store does not work again: %v", after, err)
	}
}

func roundOf(round int) (key string, value []byte) {
	value = make([]byte, failureValueBytes)
	for i := range value {
		value[i] = byte(round*i>>3 + round)
	}
	return fmt.Sprintf("k%d", round%50), value
}

// writeUntil flushes and loads until an error comes; it returns the last offset
// that was confirmed.
func writeUntil(t *testing.T, db *store.DB) (failed bool, flushed int64) {
	flushed = -1
	for round := range 400 {
		key, value := roundOf(round)
		var err error
		if round%8 == 7 {
			loader, failed := db.Load("a")
			if failed != nil {
				t.Fatal(failed)
			}
			for range 8 { // more than a small load
				loader.Add([]byte(key), value, time.Time{})
			}
			loader.Add([]byte("each"), value, time.Time{})
			err = loader.Commit(int64(round))
		} else {
			db.Table("a").Set(key, value)
			db.Table("a").Set("each", value)
			err = db.Seal().Flush(map[string]int64{"a": int64(round)})
		}
		if err != nil {
			return true, flushed
		}
		flushed = int64(round)
	}
	return false, flushed
}

func TestAFullDiskAtTheStartIsNoDamage(t *testing.T) {
	t.Parallel()
	for after := range int64(12) {
		disk := vfs.NewMem()
		inject := &failing{err: syscall.ENOSPC}
		inject.left.Store(after)
		cfg := store.Config{Dir: "state", FS: errorfs.Wrap(disk, inject), Owner: store.Owner{Group: "g"}}
		_, err := store.Open(cfg)
		if !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("fault after %d writes: got %v, want the disk's error", after, err)
		}
		inject.left.Store(1 << 40)
		db, err := store.Open(cfg)
		if err != nil {
			t.Fatalf("fault after %d writes: opening again: %v", after, err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
}

// filled makes a database with files of every kind, and returns its rows.
func filled(t *testing.T, dir string) (store.Config, map[string]string) {
	t.Helper()
	b := &testBundle{cfg: store.Config{Dir: dir, Owner: store.Owner{Group: "g", Tables: []store.Spec{{Name: "a", Topic: "t"}}}}}
	b.open(t)
	loader, err := b.db.Load("a")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3000 {
		loader.Add(fmt.Appendf(nil, "loaded%06d", i), fmt.Appendf(nil, "%0100d", i), time.Time{})
	}
	if err := loader.Commit(5); err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		b.db.Table("a").Set(fmt.Sprintf("set%d", i), fmt.Appendf(nil, "%0100d", i))
		if err := b.db.Seal().Flush(map[string]int64{"a": int64(6 + i)}); err != nil {
			t.Fatal(err)
		}
	}
	rows := b.rows(t, "a")
	if err := b.db.Close(); err != nil {
		t.Fatal(err)
	}
	return b.cfg, rows
}

// damage changes a file in one of several ways.
func damage(t *testing.T, rng *rand.Rand, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	how := "removed"
	switch n := rng.IntN(5); {
	case n == 0:
		err = os.Remove(path)
	case n == 1 || len(data) == 0:
		how, err = "truncated", os.Truncate(path, int64(rng.IntN(len(data)+1)))
	case n == 2:
		at := rng.IntN(len(data))
		how = fmt.Sprintf("zeroed from %d", at)
		clear(data[at:])
		err = os.WriteFile(path, data, 0o600)
	default:
		at := rng.IntN(len(data))
		how = fmt.Sprintf("a bit flipped at %d", at)
		data[at] ^= 1 << rng.IntN(8)
		err = os.WriteFile(path, data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return how
}

// TestDamageIsFoundAndHealed damages a file, and expects that either everything
// is as some flush left it, or the store is empty and says why: at once, or
// after a read has failed.
func TestDamageIsFoundAndHealed(t *testing.T) {
	t.Parallel()
	const seeds = 150
	healed := 0
	for seed := range uint64(seeds) {
		rng := rand.New(rand.NewPCG(seed, 2))
		dir := t.TempDir()
		cfg, rows := filled(t, dir)
		files, err := filepath.Glob(filepath.Join(store.Folder(dir, "g", 0), "*"))
		if err != nil || len(files) < 4 {
			t.Fatal(files, err)
		}
		file := files[rng.IntN(len(files))]
		what := fmt.Sprintf("seed %d: %s %s", seed, filepath.Base(file), damage(t, rng, file))
		db := openHealed(t, cfg, what)
		if db.Healed() != "" {
			healed++
		}
		checkWhole(t, db, rows, what)
		if err := db.Close(); err != nil {
			t.Errorf("%s: closing: %v", what, err)
		}
	}
	if healed < seeds/4 {
		t.Errorf("only %d of %d were found damaged", healed, seeds)
	}
}

// openHealed opens the store, and again if reading it meets damage.
func openHealed(t *testing.T, cfg store.Config, what string) *store.DB {
	t.Helper()
	db, err := store.Open(cfg)
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	if err = readAll(db); err == nil {
		return db
	}
	if !strings.Contains(err.Error(), "is damaged") {
		t.Errorf("%s: got %v, want that it is damaged", what, err)
	}
	if err := db.Close(); err != nil {
		t.Errorf("%s: closing: %v", what, err)
	}
	if db, err = store.Open(cfg); err != nil {
		t.Fatalf("%s: opening it again: %v", what, err)
	}
	if db.Healed() == "" {
		t.Errorf("%s: a read met damage, but the store is not emptied", what)
	}
	return db
}

func readAll(db *store.DB) error {
	for _, err := range db.Table("a").Range("", "") {
		if err != nil {
			return err
		}
	}
	return nil
}

func checkWhole(t *testing.T, db *store.DB, rows map[string]string, what string) {
	t.Helper()
	offset, want := db.Offset("a"), map[string]string{}
	for key, value := range rows {
		var n int64
		if _, err := fmt.Sscanf(key, "set%d", &n); err != nil {
			n = -1
		}
		if offset >= 6+n {
			want[key] = value
		}
	}
	got := map[string]string{}
	for row, err := range db.Table("a").Range("", "") {
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		got[row.Key] = string(row.Value)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: offset %d, healed %q (-want +got):\n%.1000s", what, offset, db.Healed(), diff)
	}
	if db.Healed() != "" && offset != -1 {
		t.Errorf("%s: got offset %d of a store that was emptied", what, offset)
	}
}

func TestAFolderWithoutRightsIsNoDamage(t *testing.T) {
	t.Parallel()
	disk := vfs.NewMem()
	inject := errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpOpen {
			return fs.ErrPermission
		}
		return nil
	})
	cfg := store.Config{Dir: "state", FS: disk, Owner: store.Owner{Group: "g"}}
	db, err := store.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	cfg.FS = errorfs.Wrap(disk, inject)
	if _, err = store.Open(cfg); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("got %v, want that rights are missing", err)
	}
}
