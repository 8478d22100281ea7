package store_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/topology/internal/store"
)

// model is what the tables a and b have to hold, as plain maps.
type model struct {
	now     map[string]map[string]string
	flushed []map[string]map[string]string // by the offset of the flush
	sealed  []sealed
}

// sealed is a generation with the state that it brings about.
type sealed struct {
	generation *store.Generation
	state      map[string]map[string]string
}

func emptyState() map[string]map[string]string {
	return map[string]map[string]string{"a": {}, "b": {}}
}

func cloned(state map[string]map[string]string) map[string]map[string]string {
	return map[string]map[string]string{"a": maps.Clone(state["a"]), "b": maps.Clone(state["b"])}
}

// walker does random things to a database and to the model.
type walker struct {
	*testBundle
	*model
	rng *rand.Rand
	fs  *vfs.MemFS
}

func (w *walker) key() string {
	keys := []string{"", "__offset", "\x00", "\xff"}
	n := w.rng.IntN(60)
	if n < len(keys) {
		return keys[n]
	}
	return fmt.Sprintf("k%02d", n)
}

func (w *walker) table() string { return []string{"a", "b"}[w.rng.IntN(2)] }

func (w *walker) step(t *testing.T) {
	switch n := w.rng.IntN(100); {
	case n < 55:
		table, key, value := w.table(), w.key(), strconv.Itoa(w.rng.IntN(1000))
		w.db.Table(table).Set(key, []byte(value))
		w.now[table][key] = value
	case n < 70:
		table, key := w.table(), w.key()
		w.db.Table(table).Delete(key)
		delete(w.now[table], key)
	case n < 80 && len(w.sealed) < 3:
		w.sealed = append(w.sealed, sealed{w.db.Seal(), cloned(w.now)})
	case n < 90 && len(w.sealed) > 0:
		w.flushOne(t)
	case n < 93:
		w.db.Drop()
		w.back(len(w.flushed) - 1)
	case n < 95:
		w.load(t)
	case n < 97:
		w.reopen(t)
		w.back(len(w.flushed) - 1)
	case n < 99:
		w.crash(t)
	default:
		w.check(t)
	}
}

func (w *walker) flushOne(t *testing.T) {
	offset := int64(len(w.flushed))
	if err := w.sealed[0].generation.Flush(map[string]int64{"a": offset, "b": offset}); err != nil {
		t.Fatal(err)
	}
	w.flushed = append(w.flushed, w.sealed[0].state)
	w.sealed = w.sealed[1:]
}

// load brings a lot of rows into table a, and syncs them to the disk, so that no
// crash goes back behind it; and b's offset with an empty load.
func (w *walker) load(t *testing.T) {
	w.db.Drop()
	w.back(len(w.flushed) - 1)
	offset := int64(len(w.flushed))
	for _, table := range []string{"a", "b"} {
		loader, err := w.db.Load(table)
		if err != nil {
			t.Fatal(err)
		}
		for range w.rng.IntN(400) {
			key, value := w.key(), make([]byte, w.rng.IntN(2000))
			if w.rng.IntN(10) == 0 {
				value = nil
				delete(w.now[table], key)
			} else {
				w.now[table][key] = string(value)
			}
			loader.Add([]byte(key), value, time.Time{})
		}
		if err := loader.Commit(offset); err != nil {
			t.Fatal(err)
		}
	}
	w.flushed = append(w.flushed, cloned(w.now))
}

// crash goes on from what a power cut may leave.
func (w *walker) crash(t *testing.T) {
	left := w.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: w.rng.IntN(101), RNG: w.rng})
	if err := w.db.Close(); err != nil {
		t.Fatal(err)
	}
	w.fs, w.cfg.FS = left, left
	w.open(t)
	if healed := w.db.Healed(); healed != "" {
		t.Fatalf("a power cut counts as damage: %s", healed)
	}
	for table := range w.now {
		offset := max(w.db.Offset(table), 0)
		if diff := cmp.Diff(w.flushed[offset][table], w.rows(t, table)); diff != "" {
			t.Fatalf("table %s is not what flush %d of %d left (-want +got):\n%s", table, offset, len(w.flushed), diff)
		}
	}
	if a, b := w.db.Offset("a"), w.db.Offset("b"); a == b {
		w.back(int(max(a, 0)))
		return
	}
	// A load writes one table after the other.
	state := emptyState()
	for table := range state {
		state[table] = w.rows(t, table)
	}
	w.flushed = append(w.flushed, state)
	w.flush(t, int64(len(w.flushed)-1))
	w.back(len(w.flushed) - 1)
}

// back returns to what a flush left.
func (w *walker) back(flush int) {
	w.flushed = w.flushed[:flush+1]
	w.now, w.sealed = cloned(w.flushed[flush]), nil
}

func (w *walker) flush(t *testing.T, offset int64) {
	t.Helper()
	if err := w.db.Seal().Flush(map[string]int64{"a": offset, "b": offset}); err != nil {
		t.Fatal(err)
	}
}

// check compares everything.
func (w *walker) check(t *testing.T) {
	for table, want := range w.now {
		if diff := cmp.Diff(want, w.rows(t, table)); diff != "" {
			t.Fatalf("table %s (-want +got):\n%s", table, diff)
		}
		if diff := cmp.Diff(sortedKeys(want), keysOf(t, w.db.Table(table).Range("", ""))); diff != "" {
			t.Fatalf("order of table %s (-want +got):\n%s", table, diff)
		}
		for range 20 {
			key := w.key()
			value, ok := want[key]
			if !ok {
				value = "(none)"
			}
			if got := w.get(t, table, key); got != value {
				t.Fatalf("table %s, key %q: got %q, want %q", table, key, got, value)
			}
		}
	}
}

func TestTheStoreIsAMapThroughEverything(t *testing.T) {
	t.Parallel()
	for seed := range uint64(12) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			fs := vfs.NewCrashableMem()
			b := setup(t, fs)
			state := emptyState()
			w := &walker{
				testBundle: b, fs: fs, rng: rand.New(rand.NewPCG(seed, 1)),
				model: &model{now: state, flushed: []map[string]map[string]string{cloned(state)}},
			}
			for range 1500 {
				w.step(t)
			}
			w.check(t)
		})
	}
}
