package backend

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/lovoo/goka/storage"
	"github.com/syndtr/goleveldb/leveldb"
	"github.com/syndtr/goleveldb/leveldb/opt"
)

const (
	writeBufferBytes = 16 << 20
	blockCacheBytes  = 16 << 20
)

// storageBuilder returns a goka storage.Builder that keeps each partition's
// rows in a folder of its own below dir. The folder starts empty every time:
// goka writes a row to disk before its changelog record and the offset are
// safe, so what a crash leaves there cannot be told from what was committed.
// The changelog is the truth, and goka restores it.
func storageBuilder(dir string, names Names) storage.Builder {
	return func(topic string, partition int32) (storage.Storage, error) {
		path := filepath.Join(dir, names.topic(topic), strconv.Itoa(int(partition)))
		if err := os.RemoveAll(path); err != nil {
			return nil, fmt.Errorf("emptying the state folder: %w", err)
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return nil, fmt.Errorf("making the state folder: %w", err)
		}
		db, err := leveldb.OpenFile(path, &opt.Options{
			WriteBuffer: writeBufferBytes, BlockCacheCapacity: blockCacheBytes,
		})
		if err != nil {
			return nil, fmt.Errorf("opening the state folder %s: %w", path, err)
		}
		return storage.New(db)
	}
}
