package task

import "github.com/lovoo/goka/storage"

// Iterator goes through the rows of a table as a visit of goka's does.
func (t *Task) Iterator(table string) (storage.Iterator, error) {
	return (&rows{run: &run{task: t}, table: table}).Iterator()
}
