package store_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/lovoo/goka/storage"
	"github.com/syndtr/goleveldb/leveldb"

	"github.com/gokavro/gokavro/topology/internal/store"
)

const (
	benchKeys       = 100_000
	benchValueBytes = 100
	// benchCommit is how many records come between two flushes: those of 100 ms at
	// 100,000 records a second.
	benchCommit = 10_000
)

func benchNames() []string {
	names := make([]string, benchKeys)
	for i := range names {
		names[i] = fmt.Sprintf("customer-%08d", i)
	}
	return names
}

// BenchmarkGetAndSet does what a record does to its row: one read and one write,
// with a flush now and then, or goka's offset with each write.
func BenchmarkGetAndSet(b *testing.B) {
	names := benchNames()
	b.Run("store", func(b *testing.B) {
		db, table := benchStore(b)
		get := table.Get
		benchRecords(b, db, names, func(key string) {
			if _, _, err := get(key); err != nil {
				b.Fatal(err)
			}
			table.Set(key, make([]byte, benchValueBytes))
		})
	})
	b.Run("store with a cache", func(b *testing.B) {
		db, table := benchStore(b)
		cache := store.NewCache(table, 64<<20, func(stored []byte) ([]byte, error) { return stored, nil })
		benchRecords(b, db, names, func(key string) {
			if _, _, err := cache.Take(key); err != nil {
				b.Fatal(err)
			}
			value := make([]byte, benchValueBytes)
			cache.Set(key, value, value)
		})
	})
	b.Run("goka's LevelDB", func(b *testing.B) { benchLevelDB(b, names) })
}

func benchStore(b *testing.B) (*store.DB, *store.Table) {
	b.Helper()
	db, err := store.Open(store.Config{Dir: b.TempDir(), Owner: store.Owner{
		Group: "g", Tables: []store.Spec{{Name: "t", Topic: "g-t-changelog"}},
	}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := db.Close(); err != nil {
			b.Error(err)
		}
	})
	return db, db.Table("t")
}

func benchRecords(b *testing.B, db *store.DB, names []string, record func(key string)) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, name := range names {
		db.Table("t").Set(name, make([]byte, benchValueBytes))
	}
	flush := func(n int) {
		if err := db.Seal().Flush(map[string]int64{"t": int64(n)}); err != nil {
			b.Fatal(err)
		}
	}
	flush(0)
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		record(names[rng.IntN(len(names))])
		if i%benchCommit == benchCommit-1 {
			flush(i)
		}
	}
	flush(b.N)
}

func benchLevelDB(b *testing.B, names []string) {
	rng := rand.New(rand.NewPCG(1, 1))
	disk, err := leveldb.OpenFile(b.TempDir(), nil)
	if err != nil {
		b.Fatal(err)
	}
	level, err := storage.New(disk)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = level.Close() })
	for _, name := range names {
		if err := level.Set(name, make([]byte, benchValueBytes)); err != nil {
			b.Fatal(err)
		}
	}
	if err := level.MarkRecovered(); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		name := names[rng.IntN(len(names))]
		if _, err := level.Get(name); err != nil {
			b.Fatal(err)
		}
		if err := level.Set(name, make([]byte, benchValueBytes)); err != nil {
			b.Fatal(err)
		}
		if err := level.SetOffset(int64(i)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPrefix(b *testing.B) {
	db, table := benchStore(b)
	for i := range benchKeys {
		table.Set(strconv.Itoa(i/10)+"/"+strconv.Itoa(i%10), make([]byte, benchValueBytes))
		if i%benchCommit == 0 {
			if err := db.Seal().Flush(nil); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		key := strconv.Itoa(i % (benchKeys / 10))
		n := 0
		for _, err := range table.Prefix(key + "/") {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		if n != 10 {
			b.Fatalf("got %d rows of %s, want 10", n, key)
		}
		table.Set(key+"/0", nil)
		table.Set(key+"/0", []byte("again"))
	}
}
