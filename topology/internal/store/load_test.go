package store_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestLoadTakesTheLastRecordOfEachKey(t *testing.T) {
	t.Parallel()
	// Small loads and large ones are written in different ways.
	for _, size := range []int{1, 100_000} {
		t.Run(fmt.Sprintf("values of %d bytes", size), func(t *testing.T) {
			t.Parallel()
			onEach(t, func(t *testing.T, b *testBundle) {
				value := func(s string) string { return strings.Repeat(s, size) }
				b.db.Table("a").Set("old", []byte("0"))
				b.db.Table("a").Set("gone", []byte("0"))
				b.flush(t, 3)
				loader, err := b.db.Load("a")
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range []struct{ key, value string }{
					{"longer key 2", "1"}, {"x", "2"}, {"longer key 1", "3"}, {"x", "4"}, {"", "5"}, {"gone", ""}, {"y", "6"}, {"y", ""},
				} {
					encoded := []byte(value(r.value))
					if r.value == "" {
						encoded = nil
					}
					loader.Add([]byte(r.key), encoded, time.Time{})
				}
				if err := loader.Commit(12); err != nil {
					t.Fatal(err)
				}
				if left := loader.Bytes(); left != 0 {
					t.Errorf("%d bytes are left after Commit", left)
				}
				b.reopen(t)
				want := map[string]string{"longer key 2": value("1"), "longer key 1": value("3"), "x": value("4"), "": value("5"), "old": "0"}
				if diff := cmp.Diff(want, b.rows(t, "a")); diff != "" {
					t.Errorf("rows (-want +got):\n%s", diff)
				}
				if got := b.db.Offset("a"); got != 12 {
					t.Errorf("got offset %d, want 12", got)
				}
				if got := b.db.Offset("b"); got != 3 {
					t.Errorf("got offset %d of the other table, want 3", got)
				}
			})
		})
	}
}

func TestLoadedRowsExpireByTheirRecordsTime(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 100_000} {
		t.Run(fmt.Sprintf("values of %d bytes", size), func(t *testing.T) {
			t.Parallel()
			onEach(t, func(t *testing.T, b *testBundle) {
				loader, err := b.db.Load("ttl")
				if err != nil {
					t.Fatal(err)
				}
				for i := range 6 {
					loader.Add(fmt.Append(nil, i), make([]byte, size), b.clock.now().Add(-time.Duration(i)*20*time.Minute))
				}
				if err := loader.Commit(6); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff([]string{"0", "1", "2"}, sortedKeys(b.rows(t, "ttl"))); diff != "" {
					t.Errorf("rows (-want +got):\n%s", diff)
				}
				b.clock.advance(3 * time.Minute) // an entry of the index is up to a thirty-second of the TTL late
				if diff := cmp.Diff([]string{"3", "4", "5"}, b.expired(t)); diff != "" {
					t.Errorf("tombstones (-want +got):\n%s", diff)
				}
			})
		})
	}
}
