package avro

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/twmb/avro/ocf"
)

const (
	containerMagic = "Obj\x01"
	syncBytes      = 16
	// maxBlockBytes bounds a block, both as it is in the file and unpacked.
	maxBlockBytes = 64 << 20
	// maxHeaderBytes bounds the header, which holds the schema.
	maxHeaderBytes = 64 << 20
	// What begins a container file's members.
	schemaMember, codecMember = "avro.schema", "avro.codec"
)

// unpacker is the reading half of a container file's compression.
type unpacker interface {
	DecompressBounded(src []byte, most int64) ([]byte, error)
	Close() error
}

// blockReader takes a container file apart: a header, then blocks of values,
// each with the sync marker behind it. Source: Avro specification, "Object
// Container Files".
type blockReader struct {
	from   *bufio.Reader
	sync   [syncBytes]byte
	unpack unpacker // nil for none
	closed bool

	block []byte // what is left of the block at hand
	count int64  // values that are left in it
	empty int    // values that took no bytes, one after the other
}

var errClosed = errors.New("the file was closed")

// openBlocks reads the header and returns the text of the schema in it.
func openBlocks(r io.Reader) (_ *blockReader, schema string, err error) {
	b := &blockReader{from: bufio.NewReader(r)}
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
	b.unpack, err = unpacking(Compression(members[codecMember]))
	return b, text, err
}

func unpacking(c Compression) (unpacker, error) {
	var codec ocf.Codec
	var err error
	switch c {
	case Null, "":
		return nil, nil
	case Deflate:
		codec = ocf.DeflateCodec(-1)
	case Snappy:
		codec = ocf.SnappyCodec()
	case Zstandard:
		codec, err = ocf.ZstdCodec(nil, nil)
	default:
		return nil, fmt.Errorf("unknown compression %.40q: null, deflate, snappy and zstandard are read", string(c))
	}
	if err != nil {
		return nil, err
	}
	bounded, ok := codec.(unpacker)
	if !ok {
		return nil, fmt.Errorf("the compression %s has no bound", c)
	}
	return bounded, nil
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
	return b.read(size)
}

// read returns the next size bytes. It reserves room as they come, not as they
// are promised.
func (b *blockReader) read(size int64) ([]byte, error) {
	const atOnce = 1 << 20
	if size <= atOnce {
		data := make([]byte, size)
		_, err := io.ReadFull(b.from, data)
		return data, cut(err)
	}
	var data bytes.Buffer
	_, err := io.CopyN(&data, b.from, size)
	return data.Bytes(), cut(err)
}

// next lets decode take the next value from what is left of its block. At the
// end of the file it returns io.EOF itself, which wraps no other error.
func (b *blockReader) next(decode func(block []byte) (rest []byte, err error)) error {
	if b.closed {
		return errClosed
	}
	for b.count == 0 {
		if err := b.fill(); err != nil {
			return err
		}
	}
	rest, err := decode(b.block)
	if err != nil {
		return cut(err)
	}
	b.empty++
	if len(rest) < len(b.block) {
		b.empty = 0
	}
	if b.empty > maxEmptyItems {
		return errEmpty
	}
	b.block = rest
	if b.count--; b.count == 0 && len(rest) > 0 {
		return fmt.Errorf("%d bytes are left behind the last value of a block", len(rest))
	}
	return nil
}

// fill reads the next block, which may be one without values.
func (b *blockReader) fill() error {
	count, err := binary.ReadVarint(b.from)
	if err == io.EOF { //nolint:errorlint // an error that wraps it is no end
		return err
	}
	if err != nil {
		return fmt.Errorf("the values of a block: %w", cut(err))
	}
	size, err := binary.ReadVarint(b.from)
	if err != nil {
		return fmt.Errorf("the size of a block: %w", cut(err))
	}
	if count < 0 || size < 0 || size > maxBlockBytes {
		return fmt.Errorf("a block of %d values in %d bytes: it may have %d bytes", count, size, maxBlockBytes)
	}
	packed, err := b.read(size)
	if err != nil {
		return fmt.Errorf("a block of %d bytes: %w", size, err)
	}
	var sync [syncBytes]byte
	if _, err := io.ReadFull(b.from, sync[:]); err != nil {
		return fmt.Errorf("the sync marker behind a block: %w", cut(err))
	}
	if sync != b.sync {
		return errors.New("the sync marker behind a block is another one")
	}
	if count == 0 {
		return nil
	}
	if b.block = packed; b.unpack != nil {
		if b.block, err = b.unpack.DecompressBounded(packed, maxBlockBytes); err != nil {
			return fmt.Errorf("unpacking a block: %w", cut(err))
		}
	}
	// Values that take no bytes are the only ones that may be more than bytes.
	if count > int64(len(b.block))+maxEmptyItems {
		return fmt.Errorf("a block of %d values in %d bytes: %w", count, len(b.block), errEmpty)
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

// cut turns the end of the file into an error that is not taken for it.
func cut(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
