package store

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Config says which database [Open] opens.
type Config struct {
	// Dir is the state folder of the process. The database is in
	// Dir/group/partition.
	Dir string
	// Owner is whose database it is.
	Owner Owner
	// Shared is the memory that all databases of the process share. The default is
	// one of its own with the default sizes.
	Shared *Shared
	// BufferBytes bounds one buffer of writes on their way to a file. A busy
	// database has two, and up to four before it lets writes wait. The default is
	// 8 MiB.
	BufferBytes int
	// FS is the file system. The default is the disk; [InMemory] keeps all in
	// memory.
	FS vfs.FS
	// Now is the clock that rows and tables age by. The default is time.Now.
	Now func() time.Time
	// Log takes what there is to say about damage. The default discards it.
	Log *slog.Logger
}

// FS is a file system.
type FS = vfs.FS

// InMemory returns a file system that is gone with the process.
func InMemory() vfs.FS { return vfs.NewMem() }

// Owner names the partition whose state a database holds.
type Owner struct {
	// Group is the consumer group.
	Group string
	// Partition is the partition's number.
	Partition int32
	// Tables are the tables of the group. One that the folder holds besides them
	// is removed from it.
	Tables []Spec
}

// Spec is one table.
type Spec struct {
	// Name is the table's name.
	Name string
	// Topic is its changelog.
	Topic string
	// TTL is how long a row lives after it was last set. 0 is for ever.
	TTL time.Duration
}

// Folder returns the folder below dir that holds a partition's database.
func Folder(dir, group string, partition int32) string {
	name := url.PathEscape(group)
	if strings.HasPrefix(name, ".") {
		name = "%2E" + name[1:]
	}
	return filepath.Join(dir, name, strconv.Itoa(int(partition)))
}

// Owners lists whose databases are below dir, without their tables, by group and
// partition. A folder that is not there has none.
func Owners(dir string) ([]Owner, error) {
	var owners []Owner
	groups, err := entries(dir)
	if err != nil {
		return nil, err
	}
	for _, escaped := range groups {
		group, err := url.PathUnescape(escaped)
		if err != nil {
			continue // no folder of ours
		}
		partitions, err := entries(filepath.Join(dir, escaped))
		if err != nil {
			return nil, err
		}
		for _, name := range partitions {
			partition, err := strconv.ParseInt(name, 10, 32)
			if err == nil && Folder(dir, group, int32(partition)) == filepath.Join(dir, escaped, name) {
				owners = append(owners, Owner{Group: group, Partition: int32(partition)})
			}
		}
	}
	slices.SortFunc(owners, func(a, b Owner) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Partition, b.Partition))
	})
	return owners, nil
}

// entries lists the folders in a folder.
func entries(dir string) (names []string, err error) {
	list, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("store: listing the databases: %w", err)
	}
	for _, entry := range list {
		if entry.IsDir() {
			names = append(names, entry.Name())
		}
	}
	return names, nil
}

func (c Config) folder() string { return Folder(c.Dir, c.Owner.Group, c.Owner.Partition) }

func (c Config) withDefaults() Config {
	if c.FS == nil {
		c.FS = vfs.Default
	}
	if c.BufferBytes == 0 {
		c.BufferBytes = memTableBytes
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

func (c Config) validate() error {
	if c.Dir == "" {
		return errors.New("store: no state folder is given")
	}
	if c.Owner.Group == "" {
		return errors.New("store: no group is given")
	}
	seen := map[string]bool{}
	for _, spec := range c.Owner.Tables {
		switch {
		case seen[spec.Name]:
			return fmt.Errorf("store: table %q is given twice", spec.Name)
		case spec.TTL < 0:
			return fmt.Errorf("store: table %q: TTL %s is negative: leave it out for rows that live for ever", spec.Name, spec.TTL)
		}
		seen[spec.Name] = true
	}
	return nil
}

const (
	defaultCacheBytes = 64 << 20
	// openFiles bounds the table files that all databases keep open.
	openFiles = 1024
	// fileShards is how many parts the lock of the open files has.
	fileShards = 4
)

// Shared is what all databases of a process share: a cache of blocks and of
// open files. Close it after the last of them.
type Shared struct {
	blocks *pebble.Cache
	files  *pebble.FileCache
}

// NewShared makes caches for any number of databases. cacheBytes bounds what is
// kept of the files; 0 is 64 MiB. Buffers of writes on their way to the disk
// count into it.
func NewShared(cacheBytes int64) *Shared {
	if cacheBytes == 0 {
		cacheBytes = defaultCacheBytes
	}
	return &Shared{blocks: pebble.NewCache(cacheBytes), files: pebble.NewFileCache(fileShards, openFiles)}
}

// Close frees the memory once all databases are closed.
func (s *Shared) Close() {
	s.files.Unref()
	s.blocks.Unref()
}
