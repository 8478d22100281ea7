package restore_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A compacted topic forgets a deletion after a day: a store that is older than
// that would keep the row.
func TestATableThatWasAwayTooLongIsRestoredWhole(t *testing.T) {
	t.Parallel()
	whole := map[string]string{"b": "2", "c": "3", "d": "4"}
	tail := map[string]string{"gone": "1", "b": "2", "c": "3", "d": "4"}
	tests := []struct {
		name string
		age  time.Duration // 0 is not known, as in folders of earlier builds
		next int64
		want map[string]string
	}{
		{name: "longer", age: 25 * time.Hour, next: 1, want: whole},
		{name: "not that long", age: 23 * time.Hour, next: 1, want: tail},
		{name: "nothing is known of it", next: 1, want: tail},
		{name: "nothing has happened since but a marker", age: 25 * time.Hour, next: 2, want: map[string]string{"gone": "1", "b": "2", "d": "4"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, 1)
			b.write(t, 0, "b", "2", "c", "3", "d", "4")
			loader, err := b.dbs[0].Load("t")
			if err != nil {
				t.Fatal(err)
			}
			loader.Add([]byte("gone"), []byte("1"), time.Now())
			loader.Add([]byte("b"), []byte("2"), time.Now())
			if err := loader.Commit(tt.next); err != nil {
				t.Fatal(err)
			}
			if tt.age > 0 {
				if err := b.dbs[0].Confirm("t", time.Now().Add(-tt.age)); err != nil {
					t.Fatal(err)
				}
			}
			h := b.restore(t)
			if diff := cmp.Diff(tt.want, b.rows(t, 0)); diff != "" {
				t.Errorf("rows (-want +got):\n%s", diff)
			}
			if _, kept := tt.want["gone"]; kept != (len(h.cleared) == 0) {
				t.Errorf("got cleared %q, want the row kept: %t", h.cleared, kept)
			}
			if len(h.cleared) == 1 && !strings.Contains(h.cleared[0], "delete.retention.ms") {
				t.Errorf("got %q, want the reason", h.cleared)
			}
			if since := time.Since(b.dbs[0].Confirmed("t")); since > time.Hour {
				t.Errorf("after the restore the table is from %s ago, want now", since)
			}
		})
	}
}
