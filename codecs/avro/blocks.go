package avro

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/gokavro/gokavro/codecs/avro/internal/datum"
)

const (
	containerMagic = "Obj\x01"
	syncBytes      = 16
	// maxBlockBytes bounds a block, both as it is in the file and unpacked,
	// where [MaxBlockBytes] does not.
	maxBlockBytes = 16 << 20
	// maxHeaderBytes bounds the header, which holds the schema.
	maxHeaderBytes = 4 << 20
	// What begins a container file's members.
	schemaMember, codecMember = "avro.schema", "avro.codec"
)

// blockReader takes a container file apart: a header, then blocks of values,
// each with the sync marker behind it. Source: Avro specification, "Object
// Container Files".
type blockReader struct {
	from        *fileSource
	sync        [syncBytes]byte
	compression Compression
	unpack      unpacker // nil for none
	end         int64    // blocks behind a marker from here on belong to others
	most        int64    // bytes of a block
	closed      bool

	// check goes over a value of a block before the block is given, nil to
	// end at a corrupt block in place of skipping it.
	check   func(block []byte) (rest []byte, err error)
	skipped SkippedBlocks

	at    int64  // where the block at hand begins
	block []byte // what is left of it
	count int64  // values that are left in it
	empty int    // values that took no bytes, one after the other
}

var errClosed = errors.New("the file was closed")

// openBlocks reads the header and returns the text of the schema in it.
func openBlocks(r io.Reader) (_ *blockReader, schema string, err error) {
	b := &blockReader{from: newFileSource(r), end: math.MaxInt64, most: maxBlockBytes}
	var magic [len(containerMagic)]byte
	if _, err = io.ReadFull(b.from, magic[:]); err != nil {
		return nil, "", fmt.Errorf("its first bytes: %w", cut(err))
	}
	if string(magic[:]) != containerMagic {
		return nil, "", fmt.Errorf("it begins with %x, not with %x", magic, containerMagic)
	}
	members, err := b.header()
	if err == nil {
		_, err = io.ReadFull(b.from, b.sync[:])
	}
	if err != nil {
		return nil, "", fmt.Errorf("its header: %w", cut(err))
	}
	text, ok := members[schemaMember]
	if !ok {
		return nil, "", errors.New("its header holds no schema")
	}
	b.compression = Compression(members[codecMember])
	b.unpack, err = unpacking(b.compression)
	return b, text, err
}

// header reads the map of the file's members.
func (b *blockReader) header() (map[string]string, error) {
	members, left := map[string]string{}, int64(maxHeaderBytes)
	for {
		count, err := binary.ReadVarint(b.from)
		if err != nil || count == 0 {
			return members, err
		}
		if count < 0 { // the bytes of these members come next, which nobody needs
			if _, err := binary.ReadVarint(b.from); err != nil {
				return nil, err
			}
			count = -count
		}
		for ; count != 0; count-- {
			key, err := b.member(&left)
			if err != nil {
				return nil, err
			}
			value, err := b.member(&left)
			if err != nil {
				return nil, err
			}
			members[string(key)] = string(value)
		}
	}
}

// member reads a text of the header.
func (b *blockReader) member(left *int64) ([]byte, error) {
	size, err := binary.ReadVarint(b.from)
	if err != nil {
		return nil, err
	}
	// Each costs something, also without bytes.
	if *left -= 1 + max(size, 0); size < 0 || *left < 0 {
		return nil, fmt.Errorf("a member of %d bytes: the header may have %d", size, maxHeaderBytes)
	}
	return b.from.bytes(size)
}

// next lets decode take the next value from what is left of its block. At the
// end of the file it returns io.EOF itself, which wraps no other error.
func (b *blockReader) next(decode func(block []byte) (rest []byte, err error)) error {
	if b.closed {
		return errClosed
	}
	for b.count == 0 {
		b.at, b.block = b.from.at, nil
		if b.at-syncBytes >= b.end {
			return io.EOF
		}
		err := b.fill()
		if err == io.EOF { //nolint:errorlint // an error that wraps it is no end
			return err
		}
		if err != nil {
			return b.located(err)
		}
	}
	if err := b.take(decode); err != nil {
		return b.located(err)
	}
	return nil
}

// located names the block at hand.
func (b *blockReader) located(err error) error {
	return fmt.Errorf("the block at byte %d: %w", b.at, cut(err))
}

// take lets decode take a value from the block at hand, which has one.
func (b *blockReader) take(decode func(block []byte) (rest []byte, err error)) error {
	rest, err := decode(b.block)
	if err != nil {
		return err
	}
	b.empty++
	if len(rest) < len(b.block) {
		b.empty = 0
	}
	if b.empty > datum.DefaultZeroSizeItems {
		return datum.ErrMany
	}
	b.block = rest
	if b.count--; b.count == 0 && len(rest) > 0 {
		return fmt.Errorf("%d bytes are left behind its last value", len(rest))
	}
	return nil
}

// fill reads the next block, which may be one without values.
func (b *blockReader) fill() error {
	if b.check != nil {
		return b.fillGood()
	}
	count, size, err := b.head()
	if err != nil {
		return err
	}
	packed, err := b.from.bytes(size)
	if err != nil {
		return fmt.Errorf("its %d bytes: %w", size, err)
	}
	if err := b.marker(); err != nil {
		return err
	}
	return b.open(count, packed)
}

// head reads what a block begins with, io.EOF itself when there is none.
func (b *blockReader) head() (count, size int64, err error) {
	count, err = binary.ReadVarint(b.from)
	if err == io.EOF { //nolint:errorlint // an error that wraps it is no end
		return 0, 0, err
	}
	if err != nil {
		return 0, 0, fmt.Errorf("its number of values: %w", cut(err))
	}
	if size, err = binary.ReadVarint(b.from); err != nil {
		return 0, 0, fmt.Errorf("its size: %w", cut(err))
	}
	if count < 0 || size < 0 {
		return 0, 0, fmt.Errorf("it has %d values in %d bytes, which cannot be", count, size)
	}
	if size > b.most {
		return 0, 0, fmt.Errorf("it has %d bytes, and %d are the most: see avro.MaxBlockBytes", size, b.most)
	}
	return count, size, nil
}

// marker reads the sync marker behind a block.
func (b *blockReader) marker() error {
	var sync [syncBytes]byte
	if _, err := io.ReadFull(b.from, sync[:]); err != nil {
		return fmt.Errorf("the sync marker behind it: %w", cut(err))
	}
	if sync != b.sync {
		return errors.New("the sync marker behind it is another one")
	}
	return nil
}

// open unpacks a block of so many values.
func (b *blockReader) open(count int64, packed []byte) (err error) {
	if count == 0 {
		return nil
	}
	if b.block = packed; b.unpack != nil {
		if b.block, err = b.unpack.DecompressBounded(packed, b.most); err != nil {
			return fmt.Errorf("unpacking it to at most %d bytes (see avro.MaxBlockBytes): %w", b.most, cut(err))
		}
	}
	// Values that take no bytes are the only ones that may be more than bytes.
	if count > int64(len(b.block))+datum.DefaultZeroSizeItems {
		return fmt.Errorf("it has %d values in %d bytes: %w", count, len(b.block), datum.ErrMany)
	}
	b.count, b.empty = count, 0
	return nil
}

// close releases what unpacking holds; a second call does nothing.
func (b *blockReader) close() error {
	if b.closed {
		return nil
	}
	b.closed = true
	if b.unpack == nil {
		return nil
	}
	return b.unpack.Close()
}
