// Package dirlock keeps a folder to one process.
package dirlock

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
)

// ErrTaken says that another process, or another part of this one, holds the
// folder.
var ErrTaken = errors.New("another process uses it")

// Lock is a folder that is held. It is safe for concurrent use.
type Lock struct {
	file     *os.File
	released sync.Once
}

// Take creates dir when it is missing and holds it until [Lock.Release] or the
// end of the process. The error wraps [ErrTaken] when it is held already.
func Take(dir string) (*Lock, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("dirlock: making the folder: %w", err)
	}
	file, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("dirlock: opening the lock file: %w", err)
	}
	return holding(file, dir, hold)
}

// Share holds a folder that was taken before against [Take], together with
// others that share it, and changes nothing there. The error wraps [ErrTaken]
// while it is taken, and fs.ErrNotExist if it never was.
func Share(dir string) (*Lock, error) {
	file, err := os.Open(filepath.Join(dir, "lock"))
	if err != nil {
		return nil, fmt.Errorf("dirlock: opening the lock file: %w", err)
	}
	return holding(file, dir, share)
}

func holding(file *os.File, dir string, how func(*os.File) error) (*Lock, error) {
	if err := how(file); err != nil {
		return nil, errors.Join(fmt.Errorf("dirlock: folder %s: %w", dir, err), file.Close())
	}
	return &Lock{file: file}, nil
}

// Release gives the folder up; a second call does nothing. The lock file
// stays, since removing it could take it from the next holder.
func (l *Lock) Release() (err error) {
	l.released.Do(func() {
		// A child that is being started has the file too, until it runs its program:
		// closing it here alone would leave the lock with the child.
		err = errors.Join(letGo(l.file), l.file.Close())
	})
	if err != nil {
		return fmt.Errorf("dirlock: releasing the folder: %w", err)
	}
	return nil
}
