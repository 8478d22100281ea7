package store

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"
)

const (
	// memTableBytes is the default of Config.BufferBytes.
	// A flush of up to half of that needs no file of its own. Buffers
	// start at 256 KiB and grow with use.
	memTableBytes = 8 << 20
	// stopWrites is how many files may lie in level 0 before a flush has to wait
	// for compaction.
	stopWrites = 64
	bloomBits  = 10
)

// Open opens the database of a partition, or makes it. It refuses a folder that
// another process has open, or that holds the state of something else. One that
// is damaged is emptied: see [DB.Healed].
func Open(cfg Config) (*DB, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	folder := cfg.folder()
	if err := cfg.FS.MkdirAll(folder, 0o755); err != nil {
		return nil, fmt.Errorf("store: making the state folder: %w", err)
	}
	lock, err := pebble.LockDirectory(folder, cfg.FS)
	if err != nil {
		return nil, fmt.Errorf("store: %s is in use, by a task of this process that is still closing or by another process: %w", folder, err)
	}
	db := &DB{cfg: cfg, lock: lock}
	db.keys.New = func() any { return new([]byte) }
	if cfg.Shared == nil {
		db.own = NewShared(0)
		db.cfg.Shared = db.own
	}
	if err := db.openOrHeal(folder); err != nil {
		_ = lock.Close()
		if db.own != nil {
			db.own.Close()
		}
		return nil, err
	}
	return db, nil
}

// openOrHeal opens the folder; one that is damaged it empties, and opens again.
func (db *DB) openOrHeal(folder string) error {
	cause := readMark(db.cfg.FS, folder)
	if cause == nil {
		err := db.open(folder)
		if err == nil || !isDamage(err) {
			return err
		}
		cause = err
	}
	db.cfg.Log.Warn("the store is damaged, is emptied and has to be restored from its changelog", "folder", folder, "err", cause)
	if err := empty(db.cfg.FS, folder); err != nil {
		return fmt.Errorf("store: emptying %s, which is damaged (%w): %w", folder, cause, err)
	}
	db.healed = fmt.Sprintf("%s was damaged: %v", folder, cause)
	return db.open(folder)
}

func readMark(fs vfs.FS, folder string) error {
	info, err := fs.Stat(fs.PathJoin(folder, damageMark))
	if err != nil {
		return nil //nolint:nilerr // there is no mark
	}
	return fmt.Errorf("a read on %s met damaged data", info.ModTime().Format("2006-01-02 15:04:05"))
}

// empty removes everything but the lock.
func empty(fs vfs.FS, folder string) error {
	names, err := fs.List(folder)
	if err != nil {
		return err
	}
	for _, name := range names {
		if name == "LOCK" {
			continue
		}
		if err := fs.RemoveAll(fs.PathJoin(folder, name)); err != nil {
			return err
		}
	}
	return nil
}

func (db *DB) open(folder string) (err error) {
	db.faults = &faults{folder: folder, fs: db.cfg.FS, log: db.cfg.Log}
	damage, err := checkSeal(db.cfg.FS, folder)
	if damage != nil {
		err = fmt.Errorf("%w: %w", pebble.ErrCorruption, damage)
	}
	if err != nil {
		return fmt.Errorf("store: opening %s: %w", folder, err)
	}
	db.opts = db.options()
	if db.disk, err = openDisk(folder, db.opts); err != nil {
		return fmt.Errorf("store: opening %s: %w", folder, cmp.Or(db.faults.err(), err))
	}
	if err = db.claim(); err == nil {
		err = db.openTables()
	}
	if err = cmp.Or(db.faults.err(), err); err != nil {
		return errors.Join(err, db.disk.Close())
	}
	db.filled = db.newGeneration()
	return nil
}

func (db *DB) options() *pebble.Options {
	opts := &pebble.Options{
		FS:                          &guard{db.cfg.FS, db.faults},
		Lock:                        db.lock,
		Cache:                       db.cfg.Shared.blocks,
		FileCache:                   db.cfg.Shared.files,
		MemTableSize:                uint64(db.cfg.BufferBytes),
		L0StopWritesThreshold:       stopWrites,
		CompactionConcurrencyRange:  func() (lower, upper int) { return 1, 1 },
		FormatMajorVersion:          pebble.FormatNewest,
		Logger:                      db.faults,
		EventListener:               db.faults.listener(),
		DisableTableStats:           true,
		MemTableStopWritesThreshold: 4,
	}
	for i := range opts.Levels {
		opts.Levels[i].FilterPolicy = bloom.FilterPolicy(bloomBits)
	}
	opts.EnsureDefaults()
	return opts
}

// openDisk opens Pebble, which may panic over files that are not what it wrote.
func openDisk(folder string, opts *pebble.Options) (disk *pebble.DB, err error) {
	defer func() {
		if met := recover(); met != nil {
			err = fmt.Errorf("%w: %v", pebble.ErrCorruption, met)
		}
	}()
	return pebble.Open(folder, opts)
}

// OwnerError tells that a folder holds the state of something else.
type OwnerError struct {
	// Folder is the database's folder.
	Folder string
	// Holds and Wants say whose state it is and whose was looked for.
	Holds, Wants string
}

// Error says what to do.
func (e *OwnerError) Error() string {
	return fmt.Sprintf("store: %s holds the state of %s, not of %s: choose another state folder, or delete this one to restore it from the changelog",
		e.Folder, e.Holds, e.Wants)
}

const layoutVersion = 1

// ownership is what the database says of itself.
type ownership struct {
	Version   int              `json:"version"`
	Group     string           `json:"group"`
	Partition int32            `json:"partition"`
	Tables    map[string]claim `json:"tables"`
}

// claim is one table of it.
type claim struct {
	Topic string `json:"topic"`
	// TTL is in nanoseconds. With one, rows have times.
	TTL time.Duration `json:"ttl"`
}

func (c claim) timed() bool { return c.TTL > 0 }

func (o Owner) ownership() ownership {
	own := ownership{Version: layoutVersion, Group: o.Group, Partition: o.Partition, Tables: map[string]claim{}}
	for _, spec := range o.Tables {
		own.Tables[spec.Name] = claim{Topic: spec.Topic, TTL: spec.TTL}
	}
	return own
}

// claim makes sure that the database is the owner's, and makes a new one so.
func (db *DB) claim() error {
	wants := db.cfg.Owner.ownership()
	holds, err := readOwnership(db.disk)
	if err != nil {
		return fmt.Errorf("store: reading whose state %s holds: %w", db.faults.folder, err)
	}
	if holds != nil {
		if err := db.adopt(*holds, wants); err != nil {
			return err
		}
	}
	text, err := json.Marshal(wants)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	if err := db.disk.Set(ownerKey(), text, pebble.Sync); err != nil {
		return db.faults.note("writing whose state it is", err)
	}
	return db.faults.err()
}

// readOwnership returns nil for a database that is new.
func readOwnership(disk *pebble.DB) (*ownership, error) {
	text, closer, err := disk.Get(ownerKey())
	if errors.Is(err, pebble.ErrNotFound) {
		iter, err := disk.NewIter(nil)
		if err != nil {
			return nil, err
		}
		filled := iter.First()
		if err := errors.Join(iter.Error(), iter.Close()); err != nil || !filled {
			return nil, err
		}
		return nil, fmt.Errorf("%w: it does not say", pebble.ErrCorruption)
	}
	if err != nil {
		return nil, err
	}
	var holds ownership
	err = json.Unmarshal(text, &holds)
	if err = errors.Join(err, closer.Close()); err != nil {
		return nil, fmt.Errorf("%w: %w", pebble.ErrCorruption, err)
	}
	return &holds, nil
}

// adopt compares the owners, and removes the tables that are not wanted any more
// or whose rows are kept in another form.
func (db *DB) adopt(holds, wants ownership) error {
	refused := &OwnerError{Folder: db.faults.folder, Holds: holds.String(), Wants: wants.String()}
	if !holds.sameAs(wants) {
		return refused
	}
	for name, has := range holds.Tables {
		want, wanted := wants.Tables[name]
		if wanted && want.Topic != has.Topic {
			refused.Holds += fmt.Sprintf(" with table %q of topic %q", name, has.Topic)
			refused.Wants += fmt.Sprintf(" with that of topic %q", want.Topic)
			return refused
		}
		if wanted && want.timed() == has.timed() {
			continue
		}
		if err := db.clear(name); err != nil {
			return err
		}
	}
	return nil
}

// sameAs tells whether two are of one partition, in one layout.
func (o ownership) sameAs(other ownership) bool {
	return o.Version == other.Version && o.Group == other.Group && o.Partition == other.Partition
}

// String names the owner.
func (o ownership) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "group %q partition %d", o.Group, o.Partition)
	if o.Version != layoutVersion {
		fmt.Fprintf(&b, " in layout %d", o.Version)
	}
	return b.String()
}

func (db *DB) openTables() error {
	db.tables = map[string]*Table{}
	for _, spec := range db.cfg.Owner.Tables {
		t := &Table{db: db, spec: spec, rows: prefix(rowSpace, spec.Name), times: prefix(timeSpace, spec.Name), offset: -1}
		db.tables[spec.Name] = t
		if err := t.readConfirmed(); err != nil {
			return err
		}
		stored, closer, err := db.disk.Get(prefix(offsetSpace, spec.Name))
		if errors.Is(err, pebble.ErrNotFound) {
			continue
		}
		if err != nil {
			return fmt.Errorf("store: reading the offset of table %q in %s: %w", spec.Name, filepath.Base(db.faults.folder), err)
		}
		t.offset, err = decodeOffset(stored)
		if err = errors.Join(err, closer.Close()); err != nil {
			return fmt.Errorf("store: reading the offset of table %q: %w: %w", spec.Name, pebble.ErrCorruption, err)
		}
	}
	return nil
}
