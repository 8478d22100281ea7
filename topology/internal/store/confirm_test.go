package store_test

import (
	"testing"
	"time"
)

func TestWhenATableWasAsItsChangelogIsKnownAfterARestart(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, b *testBundle) {
		expect := func(when string, want time.Time) {
			t.Helper()
			b.reopen(t)
			if got := b.db.Confirmed("a"); !got.Equal(want) {
				t.Errorf("%s: got %s, want %s", when, got, want)
			}
		}
		confirm := func() {
			t.Helper()
			if err := b.db.Confirm("a", b.clock.now()); err != nil {
				t.Fatal(err)
			}
		}
		expect("a new table", time.Time{})
		confirm()
		first := b.clock.now()
		b.clock.advance(time.Second)
		confirm()
		b.flush(t, 1)
		expect("not worth a note", first)

		b.clock.advance(time.Hour)
		sealed := b.clock.now()
		b.db.Table("a").Set("k", []byte("v"))
		g := b.db.Seal()
		b.clock.advance(time.Hour)
		if err := g.Flush(map[string]int64{"a": 2}); err != nil {
			t.Fatal(err)
		}
		expect("a flush counts from its sealing", sealed)

		if err := b.db.Clear("a"); err != nil {
			t.Fatal(err)
		}
		expect("an emptied table", time.Time{})
		if err := b.db.Confirm("strange", sealed); err == nil {
			t.Error("got no error for a table that is not there")
		}
	})
}
