package store_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/topology/internal/store"
)

func TestReadsSeeWritesAtOnce(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, b *testBundle) {
		for _, key := range []string{"k", "", "__offset", "\xff\xff", "a\x00b"} {
			b.db.Table("a").Set(key, []byte("1"))
			if got := b.get(t, "a", key); got != "1" {
				t.Errorf("key %q: got %s, want what was set", key, got)
			}
			if got := b.get(t, "b", key); got != "(none)" {
				t.Errorf("key %q: got %s in another table", key, got)
			}
			b.flush(t, 1)
			if got := b.get(t, "a", key); got != "1" {
				t.Errorf("key %q: got %s after a flush", key, got)
			}
			b.db.Table("a").Delete(key)
			if got := b.get(t, "a", key); got != "(none)" {
				t.Errorf("key %q: got %s after it was deleted", key, got)
			}
		}
	})
}

func TestAnEmptyValueIsAValue(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, b *testBundle) {
		for _, table := range []string{"a", "ttl"} {
			b.db.Table(table).Set("k", []byte{})
			b.flush(t, 1)
			value, ok, err := b.db.Table(table).Get("k")
			if err != nil || !ok || value == nil || len(value) != 0 {
				t.Errorf("got %v, %v, %v, want an empty value", value, ok, err)
			}
		}
	})
}

func TestOnlyWhatIsFlushedOutlivesARestart(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, b *testBundle) {
		b.db.Table("a").Set("flushed", []byte("1"))
		b.flush(t, 7)
		b.db.Table("a").Set("sealed", []byte("2"))
		b.db.Seal()
		b.db.Table("a").Set("written", []byte("3"))
		b.reopen(t)
		if diff := cmp.Diff(map[string]string{"flushed": "1"}, b.rows(t, "a")); diff != "" {
			t.Errorf("rows (-want +got):\n%s", diff)
		}
		if got := b.db.Offset("a"); got != 7 {
			t.Errorf("got offset %d, want 7", got)
		}
	})
}

func TestANewStoreKnowsNoOffset(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, b *testBundle) {
		if got := b.db.Offset("a"); got != -1 {
			t.Errorf("got offset %d, want -1", got)
		}
	})
}

func TestDropForgetsWhatIsNotFlushed(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, b *testBundle) {
		table := b.db.Table("a")
		table.Set("k", []byte("1"))
		b.flush(t, 1)
		table.Set("k", []byte("2"))
		sealed := b.db.Seal()
		table.Delete("k")
		b.db.Drop()
		if got := b.get(t, "a", "k"); got != "1" {
			t.Errorf("got %s, want what was flushed", got)
		}
		if err := sealed.Flush(nil); err == nil {
			t.Error("a dropped generation was flushed")
		}
	})
}

func TestGenerationsAreFlushedInOrderAndOnce(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, b *testBundle) {
		table := b.db.Table("a")
		table.Set("k", []byte("1"))
		first := b.db.Seal()
		table.Set("k", []byte("2"))
		second := b.db.Seal()
		if err := second.Flush(nil); err == nil {
			t.Error("the second generation was flushed before the first")
		}
		for _, g := range []*store.Generation{first, second} {
			if err := g.Flush(nil); err != nil {
				t.Fatal(err)
			}
			if err := g.Flush(nil); err == nil {
				t.Error("a generation was flushed twice")
			}
		}
		if got := b.get(t, "a", "k"); got != "2" {
			t.Errorf("got %s, want 2", got)
		}
	})
}

func TestChangesAreTheLastWriteOfEachKeyInOrder(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, b *testBundle) {
		table := b.db.Table("a")
		table.Set("b", []byte("1"))
		table.Set("c", []byte("2"))
		table.Set("b", []byte("3"))
		table.Set("a", []byte("4"))
		table.Delete("c")
		g := b.db.Seal()
		table.Set("later", nil)
		var got []string
		for change := range g.Changes("a") {
			text := change.Key + "=" + string(change.Value)
			if change.Value == nil {
				text = change.Key + " deleted"
			}
			got = append(got, text)
		}
		if diff := cmp.Diff([]string{"a=4", "b=3", "c deleted"}, got); diff != "" {
			t.Errorf("changes (-want +got):\n%s", diff)
		}
		for change := range g.Changes("b") {
			t.Errorf("got a change of key %q in a table that was not written to", change.Key)
		}
	})
}

func TestRangesMergeEverythingInOrder(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, b *testBundle) {
		table := b.db.Table("a")
		for _, key := range []string{"", "a", "a1", "a3", "b", "\xff", "\xff\xff"} {
			table.Set(key, []byte("flushed"))
		}
		b.flush(t, 1)
		table.Set("a2", []byte("sealed"))
		table.Delete("a1")
		b.db.Seal()
		table.Set("a4", []byte("written"))
		table.Set("a3", []byte("written"))
		tests := []struct {
			name string
			got  []string
			want []string
		}{
			{"all", keysOf(t, table.Range("", "")), []string{"", "a", "a2", "a3", "a4", "b", "\xff", "\xff\xff"}},
			{"from", keysOf(t, table.Range("a3", "")), []string{"a3", "a4", "b", "\xff", "\xff\xff"}},
			{"to", keysOf(t, table.Range("", "a3")), []string{"", "a", "a2"}},
			{"between", keysOf(t, table.Range("a1", "a4")), []string{"a2", "a3"}},
			{"nothing", keysOf(t, table.Range("c", "b")), []string{}},
			{"prefix", keysOf(t, table.Prefix("a")), []string{"a", "a2", "a3", "a4"}},
			{"prefix without an end", keysOf(t, table.Prefix("\xff")), []string{"\xff", "\xff\xff"}},
			{"empty prefix", keysOf(t, table.Prefix("")), []string{"", "a", "a2", "a3", "a4", "b", "\xff", "\xff\xff"}},
		}
		for _, test := range tests {
			if diff := cmp.Diff(test.want, test.got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", test.name, diff)
			}
		}
		if got := b.rows(t, "a")["a3"]; got != "written" {
			t.Errorf("got %s, want the newest write", got)
		}
	})
}

func TestARangeIsAsItWasWhenItBegan(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, b *testBundle) {
		table := b.db.Table("a")
		table.Set("a", []byte("1"))
		b.flush(t, 1)
		table.Set("b", []byte("1"))
		got := []string{}
		for row, err := range table.Range("", "") {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, row.Key)
			table.Set(row.Key+"x", []byte("2"))
			b.flush(t, 2)
		}
		if diff := cmp.Diff([]string{"a", "b"}, got); diff != "" {
			t.Errorf("keys (-want +got):\n%s", diff)
		}
		for _, err := range table.Range("", "") {
			if err != nil {
				t.Error(err)
			}
			break
		}
	})
}

func TestAFolderOfSomethingElseIsRefused(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(*store.Config)
		want   string
	}{
		{"topic", func(c *store.Config) { c.Owner.Tables[0].Topic = "other" }, `table "a" of topic "g-a-changelog"`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, nil)
			cfg := b.cfg
			cfg.Owner.Tables = append([]store.Spec(nil), cfg.Owner.Tables...)
			test.change(&cfg)
			if err := b.db.Close(); err != nil {
				t.Fatal(err)
			}
			_, err := store.Open(cfg)
			if refused := new(store.OwnerError); !errors.As(err, &refused) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want a refusal with %q", err, test.want)
			}
			b.open(t)
		})
	}
}

func TestAFolderThatIsOpenIsRefused(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, b *testBundle) {
		if _, err := store.Open(b.cfg); err == nil || !strings.Contains(err.Error(), "in use") {
			t.Errorf("got %v, want that it is in use", err)
		}
	})
}

func TestATableThatIsGoneLosesItsRows(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, b *testBundle) {
		b.db.Table("a").Set("k", []byte("1"))
		b.db.Table("b").Set("k", []byte("1"))
		b.flush(t, 5)
		all := b.cfg.Owner.Tables
		b.cfg.Owner.Tables = all[1:]
		b.reopen(t)
		if b.db.Table("a") != nil {
			t.Error("the table is still there")
		}
		b.cfg.Owner.Tables = all
		b.reopen(t)
		if got, offset := b.get(t, "a", "k"), b.db.Offset("a"); got != "(none)" || offset != -1 {
			t.Errorf("got %s and offset %d of a table that was gone meanwhile", got, offset)
		}
		if got := b.get(t, "b", "k"); got != "1" {
			t.Errorf("got %s of the other table, want 1", got)
		}
	})
}

func TestClearEmptiesOneTable(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, b *testBundle) {
		for _, table := range []string{"a", "b"} {
			b.db.Table(table).Set("k", []byte("1"))
		}
		b.flush(t, 5)
		b.db.Table("a").Set("l", []byte("1"))
		if err := b.db.Clear("a"); err != nil {
			t.Fatal(err)
		}
		b.reopen(t)
		if rows, offset := b.rows(t, "a"), b.db.Offset("a"); len(rows) > 0 || offset != -1 {
			t.Errorf("got rows %v and offset %d", rows, offset)
		}
		if got, offset := b.get(t, "b", "k"), b.db.Offset("b"); got != "1" || offset != 5 {
			t.Errorf("got %s and offset %d of the other table", got, offset)
		}
	})
}

func TestAClosedStoreSaysSo(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, b *testBundle) {
		g := b.db.Seal()
		for range 2 {
			if err := b.db.Close(); err != nil {
				t.Fatal(err)
			}
		}
		_, _, read := b.db.Table("a").Get("k")
		for _, err := range []error{read, g.Flush(nil), b.db.Clear("a")} {
			if !errors.Is(err, store.ErrClosed) {
				t.Errorf("got %v, want that it is closed", err)
			}
		}
	})
}
