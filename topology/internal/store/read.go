package store

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// Reader reads the database of a partition as it lies on the disk. Nothing there
// changes, and what is damaged is not healed. It is safe for concurrent use.
type Reader struct {
	cfg    Config
	own    *Shared // nil if the caller's is used
	faults *faults
	disk   *pebble.DB // nil for a folder that no database was made in yet
}

// OpenReader opens the database of a group's partition for reading. The tables
// are those that it says it has. Nobody may have it open for writing until
// Close; the caller sees to that. A damaged one is an error that names it.
func OpenReader(cfg Config) (*Reader, error) {
	cfg.Owner.Tables = nil
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	r := &Reader{cfg: cfg.withDefaults()}
	r.faults = &faults{folder: cfg.folder(), fs: r.cfg.FS, log: slog.New(slog.DiscardHandler)}
	if r.cfg.Shared == nil {
		r.own = NewShared(0)
		r.cfg.Shared = r.own
	}
	err := r.open()
	if err == nil {
		err = r.readTables()
	}
	if err != nil {
		return nil, errors.Join(r.told("opening it", err), r.Close())
	}
	return r, nil
}

func (r *Reader) open() error {
	folder := r.faults.folder
	if damage := readMark(r.cfg.FS, folder); damage != nil {
		return fmt.Errorf("%w: %w", pebble.ErrCorruption, damage)
	}
	damage, err := checkSeal(r.cfg.FS, folder)
	if damage != nil {
		return fmt.Errorf("%w: %w", pebble.ErrCorruption, damage)
	}
	if err != nil {
		return err
	}
	disk, err := openDisk(folder, &pebble.Options{
		FS: frozen{r.cfg.FS}, ReadOnly: true, Logger: r.faults,
		Cache: r.cfg.Shared.blocks, FileCache: r.cfg.Shared.files, FormatMajorVersion: pebble.FormatNewest,
	})
	if errors.Is(err, pebble.ErrDBDoesNotExist) {
		return nil
	}
	r.disk = disk
	return cmp.Or(r.faults.err(), err)
}

// readTables takes the tables from what the database says of itself.
func (r *Reader) readTables() error {
	if r.disk == nil {
		return nil
	}
	holds, err := readOwnership(r.disk)
	if err != nil || holds == nil {
		return err
	}
	if wants := r.cfg.Owner.ownership(); !holds.sameAs(wants) {
		return &OwnerError{Folder: r.faults.folder, Holds: holds.String(), Wants: wants.String()}
	}
	for name, table := range holds.Tables {
		r.cfg.Owner.Tables = append(r.cfg.Owner.Tables, Spec{Name: name, Topic: table.Topic, TTL: table.TTL})
	}
	slices.SortFunc(r.cfg.Owner.Tables, func(a, b Spec) int { return cmp.Compare(a.Name, b.Name) })
	return nil
}

// Owner returns whose database it is, with its tables by name.
func (r *Reader) Owner() Owner { return r.cfg.Owner }

// Kept is a row as the disk has it.
type Kept struct {
	Row
	// Time is when it was set. It is zero in a table without a TTL.
	Time time.Time
}

// Range yields what a table has on the disk, as [Table.Range] does.
func (r *Reader) Range(table, from, to string) iter.Seq2[Kept, error] {
	return func(yield func(Kept, error) bool) {
		at := slices.IndexFunc(r.cfg.Owner.Tables, func(s Spec) bool { return s.Name == table })
		if at < 0 {
			yield(Kept{}, fmt.Errorf("store: %s has no table %q", r.faults.folder, table))
			return
		}
		if err := r.scan(r.cfg.Owner.Tables[at], from, to, yield); err != nil && !errors.Is(err, errStopped) {
			yield(Kept{}, r.told(fmt.Sprintf("scanning table %q", table), err))
		}
	}
}

func (r *Reader) scan(table Spec, from, to string, yield func(Kept, error) bool) (err error) {
	rows := prefix(rowSpace, table.Name)
	bounds := &pebble.IterOptions{LowerBound: append(slices.Clip(rows), from...), UpperBound: after(rows)}
	if to != "" {
		bounds.UpperBound = append(slices.Clip(rows), to...)
	}
	disk, err := r.disk.NewIter(bounds)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, disk.Close()) }()
	for valid := disk.First(); valid; valid = disk.Next() {
		found, alive, err := r.parse(table.TTL, disk)
		if err != nil {
			return err
		}
		found.Key = string(disk.Key()[len(rows):])
		if alive && !yield(found, nil) {
			return errStopped
		}
	}
	return disk.Error()
}

// parse returns a row without its key, and whether it has not outlived the TTL.
func (r *Reader) parse(ttl time.Duration, disk *pebble.Iterator) (found Kept, alive bool, err error) {
	value, err := disk.ValueAndErr()
	if err != nil {
		return found, false, err
	}
	alive = true
	if ttl > 0 {
		var millis int64
		if millis, value, err = splitTimed(value); err != nil {
			return found, false, err
		}
		found.Time, alive = time.UnixMilli(millis), !outlived(millis, r.cfg.Now().UnixMilli(), ttl)
	}
	found.Value = append(make([]byte, 0, len(value)), value...)
	return found, alive, nil
}

// told says which folder an error is of, and what to do about damage.
func (r *Reader) told(doing string, err error) error {
	switch {
	case errors.As(err, new(*OwnerError)):
		return err
	case isDamage(err):
		return fmt.Errorf("store: %s: %s is damaged: %w: start its process, which restores it from its changelog", doing, r.faults.folder, err)
	}
	return fmt.Errorf("store: %s: %s: %w", doing, r.faults.folder, err)
}

// Close closes the files.
func (r *Reader) Close() error {
	var err error
	if r.disk != nil {
		err = r.disk.Close()
	}
	if r.own != nil {
		r.own.Close()
	}
	if err != nil {
		return fmt.Errorf("store: closing %s: %w", r.faults.folder, err)
	}
	return nil
}
