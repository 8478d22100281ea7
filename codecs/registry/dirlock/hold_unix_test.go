//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package dirlock

import (
	"syscall"
	"testing"
)

func TestReleaseTakesTheFolderFromAChildThatIsBeingStarted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, err := Take(dir)
	if err != nil {
		t.Fatal(err)
	}
	child, err := syscall.Dup(int(first.file.Fd())) // what a fork does
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Close(child) }()
	if err := first.Release(); err != nil {
		t.Fatal(err)
	}
	again, err := Take(dir)
	if err != nil {
		t.Fatalf("Take after Release: %v", err)
	}
	if err := again.Release(); err != nil {
		t.Fatal(err)
	}
}
