package store_test

import (
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/topology/internal/store"
)

// openReader opens the bundle's database for reading, without being told of its
// tables.
func (b *testBundle) openReader() (*store.Reader, error) {
	cfg := b.cfg
	cfg.Owner.Tables = nil
	return store.OpenReader(cfg)
}

// kept returns the rows of a table between two keys, with their times if they
// have any.
func kept(t *testing.T, r *store.Reader, table, from, to string) (rows []string) {
	t.Helper()
	for row, err := range r.Range(table, from, to) {
		if err != nil {
			t.Fatal(err)
		}
		text := row.Key + "=" + string(row.Value)
		if !row.Time.IsZero() {
			text += row.Time.UTC().Format("@15:04:05")
		}
		rows = append(rows, text)
	}
	return rows
}

func TestAReaderSeesWhatTheDiskHas(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, b *testBundle) {
		for _, key := range []string{"b", "a", "ab", "gone", "c\xff"} {
			b.db.Table("a").Set(key, []byte("1"))
		}
		b.db.Table("b").Set("other", []byte("2"))
		b.db.Table("ttl").Set("old", []byte("3"))
		b.clock.advance(time.Hour / 2)
		b.db.Table("ttl").Set("young", []byte{})
		b.flush(t, 5)
		b.db.Table("a").Delete("gone")
		b.flush(t, 6)
		b.db.Table("a").Set("unflushed", []byte("4"))
		if err := b.db.Close(); err != nil {
			t.Fatal(err)
		}
		r, err := b.openReader()
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		}()
		if diff := cmp.Diff(b.cfg.Owner, r.Owner()); diff != "" {
			t.Errorf("owner (-want +got):\n%s", diff)
		}
		for _, tt := range []struct {
			table, from, to string
			want            []string
		}{
			{table: "a", want: []string{"a=1", "ab=1", "b=1", "c\xff=1"}},
			{table: "a", from: "ab", to: "c\xff", want: []string{"ab=1", "b=1"}},
			{table: "a", from: "x"},
			{table: "b", want: []string{"other=2"}},
			{table: "ttl", want: []string{"old=3@22:13:20", "young=@22:43:20"}},
		} {
			if diff := cmp.Diff(tt.want, kept(t, r, tt.table, tt.from, tt.to)); diff != "" {
				t.Errorf("%+v (-want +got):\n%s", tt, diff)
			}
		}
		b.clock.advance(time.Hour / 2)
		if diff := cmp.Diff([]string{"young=@22:43:20"}, kept(t, r, "ttl", "", "")); diff != "" {
			t.Errorf("rows within the TTL (-want +got):\n%s", diff)
		}
		for row, err := range r.Range("nothing", "", "") {
			if err == nil || !strings.Contains(err.Error(), `"nothing"`) || strings.Contains(err.Error(), "damaged") {
				t.Errorf("a table that is not there: got %+v, %v, want an error that names it", row, err)
			}
		}
	})
}

// files returns the contents and times of all files below a folder.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		var text []byte
		if !entry.IsDir() {
			text, err = os.ReadFile(path)
		}
		found[path] = info.ModTime().String() + " " + string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestAReaderChangesNothing(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(t *testing.T, folder string){
		"sound":   func(*testing.T, string) {},
		"damaged": func(t *testing.T, folder string) { overwrite(t, filepath.Join(folder, "SEAL")) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, nil)
			b.db.Table("a").Set("k", []byte("v"))
			b.flush(t, 1)
			if err := b.db.Close(); err != nil {
				t.Fatal(err)
			}
			damage(t, store.Folder(b.cfg.Dir, "g", 3))
			before := files(t, b.cfg.Dir)
			if r, err := b.openReader(); err == nil {
				kept(t, r, "a", "", "")
				if err := r.Close(); err != nil {
					t.Error(err)
				}
			}
			if diff := cmp.Diff(before, files(t, b.cfg.Dir)); diff != "" {
				t.Errorf("the folder (-before +after):\n%s", diff)
			}
		})
	}
}

func overwrite(t *testing.T, path string) {
	t.Helper()
	if err := os.WriteFile(path, []byte("of no use"), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestAReaderNamesAFolderThatIsDamaged(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(t *testing.T, folder string){
		"seal": func(t *testing.T, folder string) { overwrite(t, filepath.Join(folder, "SEAL")) },
		"mark": func(t *testing.T, folder string) { overwrite(t, filepath.Join(folder, "DAMAGED")) },
		"table files": func(t *testing.T, folder string) {
			list, err := filepath.Glob(filepath.Join(folder, "*.sst"))
			if err != nil || len(list) == 0 {
				t.Fatalf("got the table files %v, %v", list, err)
			}
			for _, path := range list {
				overwrite(t, path)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, nil)
			loader, err := b.db.Load("a")
			if err != nil {
				t.Fatal(err)
			}
			loader.Add([]byte("k"), make([]byte, 300<<10), time.Now()) // more than a small load
			if err := loader.Commit(1); err != nil {
				t.Fatal(err)
			}
			if err := b.db.Close(); err != nil {
				t.Fatal(err)
			}
			folder := store.Folder(b.cfg.Dir, "g", 3)
			damage(t, folder)
			r, err := b.openReader()
			if err == nil {
				defer func() { _ = r.Close() }()
				for _, failed := range r.Range("a", "", "") {
					err = failed
				}
			}
			if err == nil || !strings.Contains(err.Error(), folder+" is damaged") {
				t.Errorf("got %v, want the damaged folder", err)
			}
		})
	}
}

func TestAReaderRefusesTheStateOfSomethingElse(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	if err := b.db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(store.Folder(b.cfg.Dir, "g", 3), store.Folder(b.cfg.Dir, "g", 4)); err != nil {
		t.Fatal(err)
	}
	cfg := b.cfg
	cfg.Owner.Partition = 4
	if _, err := store.OpenReader(cfg); err == nil || !strings.Contains(err.Error(), `group "g" partition 3`) {
		t.Errorf("got %v, want whose state it is", err)
	}
}

func TestAReaderOfAFolderWithoutADatabaseHasNoTables(t *testing.T) {
	t.Parallel()
	cfg := store.Config{Dir: t.TempDir(), Owner: store.Owner{Group: "g"}}
	if err := os.MkdirAll(store.Folder(cfg.Dir, "g", 0), 0o700); err != nil {
		t.Fatal(err)
	}
	r, err := store.OpenReader(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Owner(); len(got.Tables) > 0 {
		t.Errorf("got %+v, want no tables", got)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

func TestOwnersFindsWhatFolderNames(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if owners, err := store.Owners(filepath.Join(dir, "missing")); err != nil || len(owners) > 0 {
		t.Errorf("a folder that is not there: got %v, %v, want none", owners, err)
	}
	want := []store.Owner{{Group: ".a/b c%", Partition: 0}, {Group: "g", Partition: 2}, {Group: "g", Partition: 10}}
	for _, owner := range want {
		if err := os.MkdirAll(store.Folder(dir, owner.Group, owner.Partition), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, other := range []string{"g/x", "g/01", "g/-", "%zz/1", "a b/1"} {
		if err := os.MkdirAll(filepath.Join(dir, other), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	overwrite(t, filepath.Join(dir, "g", "3"))
	got, err := store.Owners(dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("owners (-want +got):\n%s", diff)
	}
}

// TestAReaderReadsWhatAKillLeaves takes the disk as it is at a kill, in the
// middle of things.
func TestAReaderReadsWhatAKillLeaves(t *testing.T) {
	t.Parallel()
	disk := vfs.NewCrashableMem()
	b := setup(t, disk)
	b.db.Table("a").Set("k", []byte("v"))
	b.flush(t, 1)
	if err := b.db.Clear("b"); err != nil { // waits for the disk
		t.Fatal(err)
	}
	killed := disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rand.New(rand.NewPCG(1, 2))})
	cfg := b.cfg
	cfg.FS = killed
	r, err := store.OpenReader(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	if diff := cmp.Diff([]string{"k=v"}, kept(t, r, "a", "", "")); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}
