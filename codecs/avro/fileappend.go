package avro

import (
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/twmb/avro/ocf"
)

// AppendFile goes on with the container file in rw, which begins at its first
// byte: with the file's own schema, compression and sync marker. Values are
// written behind its last block. The blocks that are there are walked through
// first, by their sizes and sync markers and without unpacking them: a file
// that was cut off in one of them is refused, as is one with other bytes
// between them, with the block's byte position, and nothing is written. What
// is empty is refused too: [NewFileWriter] starts a file. Nobody else may
// write to the file at the same time.
func AppendFile(rw io.ReadWriteSeeker) (*FileWriter, error) {
	writer, err := appendTo(rw)
	if err != nil {
		return nil, fmt.Errorf("avro: appending to an object container file: %w", err)
	}
	return writer, nil
}

func appendTo(rw io.ReadWriteSeeker) (_ *FileWriter, err error) {
	if _, err := rw.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("going to its start: %w", err)
	}
	blocks, text, err := openBlocks(rw)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, blocks.close()) }()
	schema, err := ParseSchema(text)
	if err != nil {
		return nil, err
	}
	blocks.most = math.MaxInt64 // they are not read
	if err := blocks.walk(); err != nil {
		return nil, err
	}
	end, err := rw.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, fmt.Errorf("going to its end: %w", err)
	}
	if end != blocks.from.at {
		return nil, fmt.Errorf("it ends at byte %d and not at %d, where its last block does: is it being written to?", end, blocks.from.at)
	}
	// The header is there already: it is written to nowhere.
	behind := &late{to: io.Discard}
	writer, err := startFile(behind, schema, blocks.compression, ocf.WithSyncMarker(blocks.sync))
	behind.to = rw
	return writer, err
}

// walk goes through the blocks to the end of the file without reading them.
func (b *blockReader) walk() error {
	for {
		b.at = b.from.at
		_, size, err := b.head()
		if err == io.EOF { //nolint:errorlint // an error that wraps it is no end
			return nil
		}
		if err == nil {
			if err = b.from.skip(size); err == nil {
				err = b.marker()
			}
		}
		if err != nil {
			return b.located(err)
		}
	}
}

// late is a writer whose place is known later.
type late struct{ to io.Writer }

func (l *late) Write(p []byte) (int, error) { return l.to.Write(p) }
