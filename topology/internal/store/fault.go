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

// faults holds the first error after which a database is of no use any more. It
// stands in for Pebble's logger too, since that is where Pebble reports an error
// that it cannot survive, and goes on when told of it.
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

func (f *faults) set(err error) {
	if f.first.CompareAndSwap(nil, &err) && !errors.Is(err, ErrClosed) {
		f.log.Error("the store is of no use any more", "folder", f.folder, "err", err)
	}
}

// note sets the fault of an error of Pebble and returns what to tell: damage is
// marked, so that the next Open empties the folder.
func (f *faults) note(doing string, err error) error {
	if isDamage(err) {
		f.damage(err)
		return fmt.Errorf("store: %s: %s is damaged: %w: open it again: it is restored from its changelog then", doing, f.folder, err)
	}
	err = fmt.Errorf("store: %s: %s: %w: see to the disk, then open it again", doing, f.folder, err)
	f.set(err)
	return err
}

func (f *faults) damage(cause error) {
	f.set(fmt.Errorf("store: %s is damaged: %w: open it again: it is restored from its changelog then", f.folder, cause))
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
	f.set(fmt.Errorf("store: writing %s: %w: see to the disk, then open it again", f.folder, fmt.Errorf(format, args...)))
}

// listener reports what happens in Pebble's background.
func (f *faults) listener() *pebble.EventListener {
	return &pebble.EventListener{
		BackgroundError: func(err error) { _ = f.note("writing in the background", err) },
		DataCorruption:  func(info pebble.DataCorruptionInfo) { f.damage(info.Details) },
	}
}

// isDamage tells whether the files are at fault, not the disk, its rights or
// its room: then what is there is of no use, and without it all is well.
func isDamage(err error) bool {
	if pebble.IsCorruptionError(err) || errors.Is(err, errShort) || errors.Is(err, fs.ErrNotExist) {
		return true
	}
	var errno syscall.Errno
	return !errors.As(err, &errno) && !errors.Is(err, fs.ErrPermission) && !errors.Is(err, ErrClosed)
}
