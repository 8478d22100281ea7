package store

import (
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// frozen is a file system that nothing is written to.
type frozen struct{ vfs.FS }

// errFrozen is a write that was tried.
var errFrozen = fmt.Errorf("the store is only read: %w", fs.ErrPermission)

// Create refuses to.
func (frozen) Create(string, vfs.DiskWriteCategory) (vfs.File, error) { return nil, errFrozen }

// Link refuses to.
func (frozen) Link(string, string) error { return errFrozen }

// OpenReadWrite refuses to.
func (frozen) OpenReadWrite(string, vfs.DiskWriteCategory, ...vfs.OpenOption) (vfs.File, error) {
	return nil, errFrozen
}

// Remove refuses to.
func (frozen) Remove(string) error { return errFrozen }

// RemoveAll refuses to.
func (frozen) RemoveAll(string) error { return errFrozen }

// Rename refuses to.
func (frozen) Rename(string, string) error { return errFrozen }

// ReuseForWrite refuses to.
func (frozen) ReuseForWrite(string, string, vfs.DiskWriteCategory) (vfs.File, error) {
	return nil, errFrozen
}

// MkdirAll refuses to.
func (frozen) MkdirAll(string, os.FileMode) error { return errFrozen }

// Lock does nothing, since the lock's file would be written.
func (frozen) Lock(string) (io.Closer, error) { return unlocked{}, nil }

// unlocked is a lock that is none.
type unlocked struct{}

// Close does nothing.
func (unlocked) Close() error { return nil }
