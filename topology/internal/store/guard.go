package store

import (
	"errors"
	"io/fs"
	"os"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// guard is the file system that Pebble sees. Pebble ends the process when it
// cannot write its log, even from within a lock that nothing can release. So at
// the first write that fails, guard notes the fault, and from then on says yes to
// everything and writes nothing: the files stay as a power cut would have left
// them, and Pebble can be closed.
type guard struct {
	vfs.FS
	faults *faults
}

// dead tells whether nothing is written any more.
func (g *guard) dead() bool { return g.faults.err() != nil }

// take returns what the caller is told of the outcome of a write.
func (g *guard) take(err error) error {
	if err == nil || g.dead() {
		return nil
	}
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrExist) {
		return err
	}
	g.faults.set(g.faults.told("writing", err))
	return nil
}

// write does something to the files, unless they are to stay as they are.
func (g *guard) write(do func() error) error {
	if g.dead() {
		return nil
	}
	return g.take(do())
}

// open opens a file for writing.
func (g *guard) open(do func() (vfs.File, error)) (vfs.File, error) {
	if g.dead() {
		return &guarded{File: nowhere(), guard: g}, nil
	}
	file, err := do()
	if err != nil {
		if err = g.take(err); err != nil {
			return nil, err
		}
		file = nowhere()
	}
	return &guarded{File: file, guard: g}, nil
}

// Create makes a file.
func (g *guard) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	file, err := g.open(func() (vfs.File, error) { return g.FS.Create(name, category) })
	if err == nil && strings.HasPrefix(g.PathBase(name), manifestPrefix) {
		return g.newManifest(name, file), nil
	}
	return file, err
}

// OpenReadWrite opens a file, and makes it if it is not there.
func (g *guard) OpenReadWrite(name string, category vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	return g.open(func() (vfs.File, error) { return g.FS.OpenReadWrite(name, category, opts...) })
}

// ReuseForWrite makes a file of an old one.
func (g *guard) ReuseForWrite(old, name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	return g.open(func() (vfs.File, error) { return g.FS.ReuseForWrite(old, name, category) })
}

// OpenDir opens a folder to sync it.
func (g *guard) OpenDir(name string) (vfs.File, error) {
	return g.open(func() (vfs.File, error) { return g.FS.OpenDir(name) })
}

// Link gives a file a second name. Pebble copies it if that cannot be done.
func (g *guard) Link(old, name string) error {
	if g.dead() {
		return nil
	}
	return g.FS.Link(old, name)
}

// Remove removes a file.
func (g *guard) Remove(name string) error {
	return g.write(func() error { return g.FS.Remove(name) })
}

// RemoveAll removes a file or a folder.
func (g *guard) RemoveAll(name string) error {
	return g.write(func() error { return g.FS.RemoveAll(name) })
}

// Rename gives a file another name.
func (g *guard) Rename(old, name string) error {
	return g.write(func() error { return g.FS.Rename(old, name) })
}

// MkdirAll makes a folder.
func (g *guard) MkdirAll(name string, mode os.FileMode) error {
	return g.write(func() error { return g.FS.MkdirAll(name, mode) })
}

// Unwrap returns the file system below.
func (g *guard) Unwrap() vfs.FS { return g.FS }

// guarded is a file that is written through guard.
type guarded struct {
	vfs.File
	guard *guard
}

// Write appends to the file.
func (f *guarded) Write(p []byte) (int, error) {
	return len(p), f.guard.write(func() error { _, err := f.File.Write(p); return err })
}

// WriteAt writes at an offset.
func (f *guarded) WriteAt(p []byte, at int64) (int, error) {
	return len(p), f.guard.write(func() error { _, err := f.File.WriteAt(p, at); return err })
}

// Preallocate makes room. That it cannot be made shows when it is written to.
func (f *guarded) Preallocate(offset, length int64) error {
	if f.guard.dead() {
		return nil
	}
	return f.File.Preallocate(offset, length)
}

// Sync waits for the disk.
func (f *guarded) Sync() error { return f.guard.write(f.File.Sync) }

// SyncData waits for the disk to have the content.
func (f *guarded) SyncData() error { return f.guard.write(f.File.SyncData) }

// SyncTo waits for the disk to have the content up to length.
func (f *guarded) SyncTo(length int64) (full bool, err error) {
	err = f.guard.write(func() error { full, err = f.File.SyncTo(length); return err })
	return full, err
}

// Close closes the file.
func (f *guarded) Close() error { return f.guard.take(f.File.Close()) }

// nowhere returns a file of which nothing is kept.
func nowhere() vfs.File { return vfs.NewMemFile(nil) }
