package dirlock_test

import (
	"errors"
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
