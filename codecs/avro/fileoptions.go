package avro

import (
	"fmt"
	"math"
)

// FileOption sets how [NewFileReader] reads a container file.
type FileOption func(*fileOptions)

type fileOptions struct {
	start, end int64
	skip       bool
	most       int64
}

// FileRange reads only the blocks of the bytes from start up to but not
// including end, counted from the start of the file: those whose preceding sync
// marker, or the header's for the first block, begins there. Ranges that
// together cover a file give each value once, wherever they were cut, and may
// be read at the same time through readers of their own: so do those of Java's
// DataFileReader with sync and pastSync. The header is read in any case, and
// the bytes before start are not when the underlying reader is an [io.Seeker].
// A range behind the end of the file is empty. Default: the whole file.
func FileRange(start, end int64) FileOption {
	return func(o *fileOptions) { o.start, o.end = start, end }
}

// SkipCorrupt leaves out blocks that are corrupt and goes on behind the next
// sync marker, in place of ending with an error; [FileReader.Skipped] counts
// them. A block is given whole or not at all: all its values are checked
// against the file's schema first. An error of the underlying reader, a corrupt
// header, and a value that is right but does not fit the reader's schema or Go
// type stay errors. Default: off.
func SkipCorrupt() FileOption {
	return func(o *fileOptions) { o.skip = true }
}

// MaxBlockBytes bounds the bytes of a block, as it is in the file and unpacked,
// and so of a value: a larger one is corrupt. Reading takes a few times as much
// memory. Default: 16 MiB, where writers end a block at tens of KiB.
func MaxBlockBytes(most int64) FileOption {
	return func(o *fileOptions) { o.most = most }
}

func newFileOptions(opts []FileOption) (o fileOptions, err error) {
	o.end, o.most = math.MaxInt64, maxBlockBytes
	for _, set := range opts {
		set(&o)
	}
	if o.start < 0 || o.end < o.start {
		return o, fmt.Errorf("avro: reading bytes %d to %d of an object container file: give a start of 0 or more and an end that is not before it", o.start, o.end)
	}
	if o.most < 1 {
		return o, fmt.Errorf("avro: reading blocks of at most %d bytes of an object container file: give a number of 1 or more", o.most)
	}
	return o, nil
}

// SkippedBlocks counts what [SkipCorrupt] left out. How many values that were
// nobody can know.
type SkippedBlocks struct {
	// Blocks counts the stretches between two sync markers. Blocks with a
	// damaged marker between them are one.
	Blocks int64
	// Bytes are those of the blocks, with the sync marker behind each.
	Bytes int64
}
