package standby_test

import (
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/gokavro/gokavro/topology/internal/standby"
	"github.com/gokavro/gokavro/topology/internal/store"
)

func TestFoldersThatNobodyOpensForADayAreRemoved(t *testing.T) {
	t.Parallel()
	at := store.Config{Dir: t.TempDir(), Owner: store.Owner{Group: "g"}}
	open := func(group string, partition int32) *store.DB {
		db, err := store.Open(store.Config{Dir: at.Dir, Owner: store.Owner{Group: group, Partition: partition}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		return db
	}
	shut := func(db *store.DB) {
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	shut(open("g", 0))
	shut(open("other", 0))
	back := open("g", 1)
	open("g", 2)
	l, now := standby.NewLeftovers(at, slog.New(slog.DiscardHandler)), time.Now()
	sweep := func(after time.Duration) {
		now = now.Add(after)
		l.Sweep(now)
	}
	there := func(group string, partition int32) bool {
		_, err := os.Stat(store.Folder(at.Dir, group, partition))
		return err == nil
	}
	sweep(0)
	sweep(23 * time.Hour)
	shut(back)
	sweep(30 * time.Minute)
	if !there("g", 0) || !there("g", 1) {
		t.Error("a folder was removed within a day")
	}
	sweep(30 * time.Minute)
	sweep(0)
	if there("g", 0) {
		t.Error("a folder that nobody needed for a day is still there")
	}
	for group, partition := range map[string]int32{"other": 0, "g": 1} {
		if !there(group, partition) {
			t.Errorf("the folder of group %s partition %d was removed", group, partition)
		}
	}
	sweep(48 * time.Hour)
	if there("g", 1) || !there("g", 2) {
		t.Error("want the one removed that is closed, and not the one that is open")
	}
}
