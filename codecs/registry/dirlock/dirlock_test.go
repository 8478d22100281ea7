package dirlock_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/gokavro/gokavro/codecs/registry/dirlock"
)

func TestTakeRefusesAFolderThatIsHeldUntilItIsReleased(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "made", "for", "it")
	first, err := dirlock.Take(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := dirlock.Take(dir); !errors.Is(err, dirlock.ErrTaken) {
		t.Fatalf("second Take: got %v, want ErrTaken", err)
	}
	if err := first.Release(); err != nil {
		t.Fatal(err)
	}
	if err := first.Release(); err != nil {
		t.Fatalf("second Release: got %v, want nil", err)
	}
	again, err := dirlock.Take(dir)
	if err != nil {
		t.Fatalf("Take after Release: got %v, want nil", err)
	}
	if err := again.Release(); err != nil {
		t.Fatal(err)
	}
}

func TestTakeNamesAFolderThatCannotBeMade(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := dirlock.Take(file); err == nil {
		t.Fatal("got no error, want one that names the file")
	}
}

func TestShareHoldsAFolderTogetherWithOthers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := dirlock.Share(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("a folder that was never taken: got %v, want ErrNotExist", err)
	}
	taken, err := dirlock.Take(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := dirlock.Share(dir); !errors.Is(err, dirlock.ErrTaken) {
		t.Fatalf("Share while it is taken: got %v, want ErrTaken", err)
	}
	if err := taken.Release(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		shared, err := dirlock.Share(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = shared.Release() }()
	}
	if _, err := dirlock.Take(dir); !errors.Is(err, dirlock.ErrTaken) {
		t.Fatalf("Take while it is shared: got %v, want ErrTaken", err)
	}
}
