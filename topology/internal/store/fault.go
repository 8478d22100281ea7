package store

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync/atomic"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// damageMark is the file that tells the next Open of damage that was found while
// the database was open.
const damageMark = "DAMAGED"

// ErrClosed is in the chain of the errors of a database that is closed.
var ErrClosed = errors.New("the store is closed")

// faults holds the first error after which a database is of no use until it is
// opened again. It is Pebble's logger too: that is where Pebble reports an error
// that it cannot survive, and it goes on when the call returns.
type faults struct {
	folder string
	fs     vfs.FS
	log    *slog.Logger
	first  atomic.Pointer[error]
}

// err returns the first fault.
func (f *faults) err() error {
	if first := f.first.Load(); first != nil {
		return *first
	}
	return nil
}

// set keeps the first fault, and reports whether this is it.
func (f *faults) set(err error) bool {
	first := f.first.CompareAndSwap(nil, &err)
	if first {
		f.log.Error("the store is of no use until it is opened again", "folder", f.folder, "err", err)
	}
	return first
}

// note sets the fault of an error of Pebble and returns what to tell. Damage is
// marked, so that the next Open empties the folder.
func (f *faults) note(doing string, err error) error {
	err = f.told(doing, err)
	if f.set(err) && isDamage(err) {
		f.mark(err)
	}
	return f.err()
}

func (f *faults) told(doing string, err error) error {
	if isDamage(err) {
		return &DamageError{Doing: doing, Folder: f.folder, Err: err}
	}
	return &DiskError{Doing: doing, Folder: f.folder, Err: err}
}

// DiskError tells that the disk is full or has failed. What was written before
// is there, once it is opened again.
type DiskError struct {
	// Doing is what met the fault, and Folder the database's.
	Doing, Folder string
	// Err is the disk's error.
	Err error
}

// Error says what to do.
func (e *DiskError) Error() string {
	return fmt.Sprintf("store: %s: %s: %v: see to the disk, then open it again", e.Doing, e.Folder, e.Err)
}

// Unwrap returns Err.
func (e *DiskError) Unwrap() error { return e.Err }

// DamageError tells that files are not what was written. The next [Open] empties
// the folder.
type DamageError struct {
	// Doing is what met the damage, and Folder the database's.
	Doing, Folder string
	// Err is what is wrong with the files.
	Err error
}

// Error says what to do.
func (e *DamageError) Error() string {
	return fmt.Sprintf("store: %s: %s is damaged: %v: open it again: it is restored from its changelog then", e.Doing, e.Folder, e.Err)
}

// Unwrap returns Err.
func (e *DamageError) Unwrap() error { return e.Err }

// mark leaves a note for the next Open.
func (f *faults) mark(cause error) {
	file, err := f.fs.Create(f.fs.PathJoin(f.folder, damageMark), vfs.WriteCategoryUnspecified)
	if err == nil {
		_, err = file.Write([]byte(cause.Error()))
		err = errors.Join(err, file.Sync(), file.Close())
	}
	if err != nil {
		f.log.Error("damage of the store cannot be marked: delete the folder", "folder", f.folder, "err", err)
	}
}

// Infof takes what Pebble says of its work, which is of no interest.
func (f *faults) Infof(string, ...any) {}

// Errorf takes what Pebble says of errors that it tries again.
func (f *faults) Errorf(format string, args ...any) {
	f.log.Warn("the store reports", "folder", f.folder, "err", fmt.Sprintf(format, args...))
}

// Fatalf takes an error after which Pebble cannot go on.
func (f *faults) Fatalf(format string, args ...any) {
	f.set(f.told("writing", fmt.Errorf(format, args...)))
}

// listener reports what happens in Pebble's background.
func (f *faults) listener() *pebble.EventListener {
	return &pebble.EventListener{
		BackgroundError: func(err error) { _ = f.note("writing in the background", err) },
		DataCorruption:  func(info pebble.DataCorruptionInfo) { _ = f.note("reading", info.Details) },
	}
}

// isDamage tells whether the files are at fault, not the disk, its rights or
// its room: then what is there is of no use, and without it all is well.
func isDamage(err error) bool {
	if pebble.IsCorruptionError(err) || errors.Is(err, errShort) || errors.Is(err, fs.ErrNotExist) {
		return true
	}
	if errors.As(err, new(*OwnerError)) {
		return false
	}
	var errno syscall.Errno
	return !errors.As(err, &errno) && !errors.Is(err, fs.ErrPermission) && !errors.Is(err, ErrClosed)
}
