package store_test

import (
	"os"
	"testing"

	"github.com/gokavro/gokavro/topology/internal/store"
)

func TestOnlyADatabaseThatNobodyHasOpenIsRemoved(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	b.db.Table("a").Set("k", []byte("1"))
	b.flush(t, 1)
	if removed, err := store.Remove(b.cfg); store.Free(b.cfg) || removed || err != nil {
		t.Errorf("got %t, %v while it is open", removed, err)
	}
	if err := b.db.Close(); err != nil {
		t.Fatal(err)
	}
	if !store.Free(b.cfg) {
		t.Error("it is not free after it was closed")
	}
	if removed, err := store.Remove(b.cfg); !removed || err != nil {
		t.Errorf("got %t, %v after it was closed", removed, err)
	}
	if _, err := os.Stat(store.Folder(b.cfg.Dir, "g", 3)); !os.IsNotExist(err) {
		t.Errorf("got %v, want that the folder is gone", err)
	}
	b.open(t)
	if got := b.get(t, "a", "k"); got != "(none)" {
		t.Errorf("got %s from a new database", got)
	}
}
