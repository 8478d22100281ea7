package backend

import (
	"os"
	"path/filepath"
	"testing"
)

func TestStateStartsEmptyEveryTime(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	build := storageBuilder(dir, Names{"group-table": "rows"})
	for range 2 {
		store, err := build("group-table", 5)
		if err != nil {
			t.Fatal(err)
		}
		if err := store.Open(); err != nil {
			t.Fatal(err)
		}
		if value, err := store.Get("k"); value != nil || err != nil {
			t.Errorf("got %q, %v from a new store, want nothing", value, err)
		}
		if err := store.Set("k", []byte("v")); err != nil {
			t.Fatal(err)
		}
		if err := store.SetOffset(7); err != nil {
			t.Fatal(err)
		}
		if value, err := store.Get("k"); string(value) != "v" || err != nil {
			t.Errorf("got %q, %v, want what was set", value, err)
		}
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "rows", "5")); err != nil {
		t.Errorf("got %v, want a folder for each partition under the topic's name", err)
	}
}

func TestAStateFolderThatCannotBeMadeIsAnError(t *testing.T) {
	t.Parallel()
	inTheWay := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(inTheWay, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := storageBuilder(inTheWay, nil)("topic", 0); err == nil {
		t.Error("got no error from a folder that is a file")
	}
}
