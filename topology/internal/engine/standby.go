package engine

import (
	"context"

	"github.com/gokavro/gokavro/topology/internal/task"
)

// Standby keeps copies of the tables of partitions that other processes own, up
// to the end of their changelogs. It is safe for concurrent use.
type Standby interface {
	// Assign says of which partitions copies are kept from now on, in place of
	// those before. It does not block. Partitions that this process owns, or has not
	// given up yet, are never among them.
	Assign(partitions []int32)
	// Release closes the copy of a partition, so that the task that owns it now may
	// open its folder. It does nothing where there is none.
	Release(partition int32) error
	// Warm returns the partitions whose copies were last seen close to the end of
	// their changelogs. Their processes are the first to get them. It does not
	// block.
	Warm() []int32
	// Cold returns the partitions whose tables this process would have to load for
	// long; its own, which are loaded already, may be among them. It does not block.
	Cold() []int32
	// Files returns the partitions of whose tables the disk has something.
	Files() []int32
}

// promoting makes a partition's standby its owner's: it is closed before the
// tables are opened.
func (w *work) promoting(partition int32, open func(context.Context) (task.State, error)) func(context.Context) (task.State, error) {
	standby := w.engine.cfg.Standby
	if standby == nil {
		return open
	}
	return func(ctx context.Context) (task.State, error) {
		if err := standby.Release(partition); err != nil {
			return task.State{}, err
		}
		return open(ctx)
	}
}
