package runner

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/codecs/registry/dirlock"
	"github.com/gokavro/gokavro/topology/internal/store"
)

// StateFolder is the state folder of a process that does not run, open for reading.
// Nothing in it changes. It is safe for concurrent use, but for Close.
type StateFolder struct {
	dir        string
	lock       *dirlock.Lock
	closed     bool
	shared     *store.Shared
	partitions []*store.Reader
	tables     []StateTable
}

// StateTable is a table of a [StateFolder].
type StateTable struct {
	// Group is the consumer group that the table belongs to.
	Group string
	// Name is the store's name, of a hand-written goka group that of the topic.
	Name string
	// Topic is the changelog.
	Topic string
	// Partitions are those that the folder holds, in their order. Each is as it was
	// when the process last had it.
	Partitions []int32
}

// StateRow is a row of a [StateTable].
type StateRow struct {
	// Partition and Key are where the row is.
	Partition int32
	Key       string
	// Value is as the codec wrote it.
	Value []byte
	// Time is when the row was set. It is zero in a table without a TTL.
	Time time.Time
}

// OpenState opens the state folder that a process ran with. While it is open,
// no process starts with that folder. A folder that a process runs with is
// refused, and so is a damaged one; the error names what is damaged.
func OpenState(dir string) (*StateFolder, error) {
	lock, err := dirlock.Share(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("state folder %s: no process has run with it: give the folder that a runner was given", dir)
	case errors.Is(err, dirlock.ErrTaken):
		return nil, fmt.Errorf("state folder %s is in use by a running process: stop it first, or read the table from its topic", dir)
	case err != nil:
		return nil, fmt.Errorf("state folder %s cannot be used: %w", dir, err)
	}
	s := &StateFolder{dir: dir, lock: lock, shared: store.NewShared(0)}
	if err := s.open(); err != nil {
		return nil, fmt.Errorf("state folder %s: %w", dir, errors.Join(err, s.Close()))
	}
	return s, nil
}

func (s *StateFolder) open() error {
	dir := filepath.Join(s.dir, tablesFolder)
	owners, err := store.Owners(dir)
	if err != nil {
		return err
	}
	for _, owner := range owners {
		partition, err := store.OpenReader(store.Config{Dir: dir, Owner: owner, Shared: s.shared})
		if err != nil {
			return err
		}
		s.partitions = append(s.partitions, partition)
		s.add(partition.Owner())
	}
	return nil
}

// add takes the tables of a partition.
func (s *StateFolder) add(owner store.Owner) {
	for _, spec := range owner.Tables {
		at := slices.IndexFunc(s.tables, func(t StateTable) bool {
			return t.Group == owner.Group && t.Name == spec.Name && t.Topic == spec.Topic
		})
		if at < 0 {
			at = len(s.tables)
			s.tables = append(s.tables, StateTable{Group: owner.Group, Name: spec.Name, Topic: spec.Topic})
		}
		s.tables[at].Partitions = append(s.tables[at].Partitions, owner.Partition)
	}
}

// Tables returns the tables in the folder, by group.
func (s *StateFolder) Tables() []StateTable { return slices.Clone(s.tables) }

// Table returns the table of a changelog, or else of a store's name. The error
// lists the tables that there are.
func (s *StateFolder) Table(name string) (StateTable, error) {
	for _, is := range []func(StateTable) bool{
		func(t StateTable) bool { return t.Topic == name },
		func(t StateTable) bool { return t.Name == name },
	} {
		if i := slices.IndexFunc(s.tables, is); i >= 0 {
			return s.tables[i], nil
		}
	}
	if len(s.tables) == 0 {
		return StateTable{}, fmt.Errorf("state folder %s holds no tables", s.dir)
	}
	return StateTable{}, fmt.Errorf("state folder %s has no table %q: it has %s", s.dir, name, list(s.tables))
}

func list(tables []StateTable) string {
	var names []string
	for _, t := range tables {
		name := t.Name
		if t.Topic != t.Name {
			name += " of topic " + t.Topic
		}
		names = append(names, name+" of group "+t.Group)
	}
	return strings.Join(names, ", ")
}

// Rows yields the rows of a table with keys from from up to and without to, an
// empty to being no bound: partition after partition, in the order of the keys'
// bytes. Rows that have outlived the table's TTL are left out. An error is the
// last thing that it yields.
func (s *StateFolder) Rows(table StateTable, from, to string) iter.Seq2[StateRow, error] {
	return func(yield func(StateRow, error) bool) {
		if s.closed {
			yield(StateRow{}, fmt.Errorf("state folder %s: reading table %s: the folder is closed", s.dir, table.Name))
			return
		}
		for _, partition := range s.partitions {
			owner := partition.Owner()
			if owner.Group != table.Group || !slices.Contains(table.Partitions, owner.Partition) {
				continue
			}
			for row, err := range partition.Range(table.Name, from, to) {
				more := yield(StateRow{Partition: owner.Partition, Key: row.Key, Value: row.Value, Time: row.Time}, err)
				if !more || err != nil {
					return
				}
			}
		}
	}
}

// Schemas returns the schemas that the folder keeps of a table's rows.
func (s *StateFolder) Schemas(table StateTable) *avro.SchemaDir {
	return keptSchemas(s.dir, table.Topic)
}

// Close gives the folder up. A second one does nothing.
func (s *StateFolder) Close() error {
	if s.closed {
		return nil
	}
	s.closed = true
	var errs []error
	for _, partition := range s.partitions {
		errs = append(errs, partition.Close())
	}
	s.shared.Close()
	return errors.Join(append(errs, s.lock.Release())...)
}
