package avro

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

var errHead = errors.New("it does not begin with its number of values and its size")

// ranged goes to the first block of the range of bytes and bounds the reading
// to it. It is called behind the header.
func (b *blockReader) ranged(start, end int64) error {
	b.end = end
	if start <= b.from.at-syncBytes {
		return nil
	}
	if err := b.from.skip(max(0, start-b.from.at)); err != nil {
		return fmt.Errorf("going to byte %d: %w", start, cut(err))
	}
	found, err := b.from.upTo(b.sync[:], func([]byte) bool { return false })
	if err != nil {
		return fmt.Errorf("the sync marker behind byte %d: %w", start, err)
	}
	if found.ended {
		b.end = 0
	}
	return nil
}

// fillGood reads the next block that is whole and right and counts the others.
// Blocks are told apart by the sync markers alone, as a size may be what is
// wrong, and so no byte is read twice.
func (b *blockReader) fillGood() error {
	found, err := b.from.upTo(b.sync[:], b.mayBegin)
	if err != nil {
		return err
	}
	if found.ended && found.size == 0 {
		return io.EOF
	}
	if !found.ended && b.accept(found.data) == nil {
		return nil
	}
	b.block, b.count = nil, 0
	b.skipped.Blocks++
	b.skipped.Bytes += found.size
	if !found.ended {
		b.skipped.Bytes += syncBytes
	}
	return nil
}

// mayBegin reports whether a block may begin like this: nothing is kept of
// what is longer than it says itself.
func (b *blockReader) mayBegin(begin []byte) bool {
	if len(begin) < 2*binary.MaxVarintLen64 {
		return true
	}
	_, size, data, err := cutHead(begin)
	return err == nil && int64(len(data)) <= size && size <= b.most
}

// cutHead takes off what a block begins with.
func cutHead(block []byte) (count, size int64, data []byte, err error) {
	count, n := binary.Varint(block)
	if n <= 0 {
		return 0, 0, nil, errHead
	}
	size, m := binary.Varint(block[n:])
	if m <= 0 || count < 0 || size < 0 {
		return 0, 0, nil, errHead
	}
	return count, size, block[n+m:], nil
}

// accept takes what is between two sync markers as a block, if it is one.
func (b *blockReader) accept(block []byte) error {
	count, size, data, err := cutHead(block)
	if err != nil {
		return err
	}
	if size != int64(len(data)) || size > b.most {
		return errHead
	}
	if err := b.open(count, data); err != nil {
		return err
	}
	unpacked := b.block
	for b.count > 0 {
		if err := b.take(b.check); err != nil {
			return err
		}
	}
	if count > 0 {
		b.block, b.count, b.empty = unpacked, count, 0
	}
	return nil
}
