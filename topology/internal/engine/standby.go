package engine

import "errors"

// Standby keeps copies of the tables of partitions that other processes own, up
// to the end of their changelogs. It is safe for concurrent use.
type Standby interface {
	// Assign says of which partitions copies are kept from now on, in place of
	// those before. It does not block. Partitions that this process owns, or has not
	// given up yet, are never among them.
	Assign(partitions []int32)
	// Reserve keeps the copy of a partition for its task, which takes it when it
	// opens its tables. It does not block.
	Reserve(partition int32)
	// Release closes the copy that is reserved, if the task has ended without it.
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

// reserve keeps a partition's standby for its task.
func (w *work) reserve(partition int32) {
	if standby := w.engine.cfg.Standby; standby != nil {
		standby.Reserve(partition)
	}
}

// closeTables gives up the tables of a task that has ended.
func (w *work) closeTables(m *member) error {
	err := m.task.Close()
	if standby := w.engine.cfg.Standby; standby != nil {
		err = errors.Join(err, standby.Release(m.task.Partition()))
	}
	return err
}
