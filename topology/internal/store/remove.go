package store

import (
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// Free reports whether nobody has the database of a partition open.
func Free(cfg Config) bool {
	cfg = cfg.withDefaults()
	lock, err := pebble.LockDirectory(cfg.folder(), cfg.FS)
	return err == nil && lock.Close() == nil
}

// Remove deletes the database of a partition, unless somebody has it open, and
// reports whether it did.
func Remove(cfg Config) (bool, error) {
	cfg = cfg.withDefaults()
	folder := cfg.folder()
	lock, err := pebble.LockDirectory(folder, cfg.FS)
	if err != nil {
		return false, nil //nolint:nilerr // somebody has it
	}
	err = cfg.FS.RemoveAll(folder)
	_ = lock.Close() // its file is gone
	if err != nil {
		return false, fmt.Errorf("store: removing %s: %w", folder, err)
	}
	return true, nil
}
