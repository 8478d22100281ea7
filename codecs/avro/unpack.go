package avro

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
	"github.com/twmb/avro/ocf"
)

// unpacker is the reading half of a container file's compression.
type unpacker interface {
	DecompressBounded(src []byte, most int64) ([]byte, error)
	Close() error
}

// unpacking returns the unpacker of one reader, nil for null.
func unpacking(c Compression) (unpacker, error) {
	switch c {
	case Null, "":
		return nil, nil
	case Deflate:
		return new(inflater), nil
	case Snappy:
		snappy, ok := ocf.SnappyCodec().(unpacker)
		if !ok {
			return nil, fmt.Errorf("the compression %s has no bound", c)
		}
		return snappy, nil
	case Zstandard:
		return new(unzstd), nil
	}
	return nil, fmt.Errorf("unknown compression %.40q: null, deflate, snappy and zstandard are read", string(c))
}

// More room is made in large steps, so that what was there before and its copy
// together are little more than what is needed in the end.
const (
	leastRoom = 64 << 10
	roomStep  = 16
)

var errLarge = errors.New("it is larger")

// inflater unpacks deflate.
type inflater struct{ from io.ReadCloser }

// DecompressBounded unpacks a block to at most so many bytes.
func (i *inflater) DecompressBounded(src []byte, most int64) (data []byte, err error) {
	packed := bytes.NewReader(src)
	if again, ok := i.from.(flate.Resetter); ok {
		err = again.Reset(packed, nil)
	} else {
		i.from = flate.NewReader(packed)
	}
	data = make([]byte, 0, min(roomGuess(src), most+1))
	for err == nil {
		if len(data) == cap(data) {
			data = append(make([]byte, 0, min(roomStep*int64(cap(data)), most+1)), data...)
		}
		n := 0
		n, err = i.from.Read(data[len(data):cap(data)])
		if data = data[:len(data)+n]; int64(len(data)) > most {
			return nil, errLarge
		}
	}
	if err != io.EOF { //nolint:errorlint // an error that wraps it is no end
		return nil, err
	}
	return fitted(data), nil
}

// Close has nothing to give up: flate's own only tells the last error again.
func (i *inflater) Close() error { return nil }

// unzstd unpacks zstandard. The decoder is made for the bound of the first
// block, which is that of all.
type unzstd struct{ decoder *zstd.Decoder }

// DecompressBounded unpacks a block to at most so many bytes.
func (u *unzstd) DecompressBounded(src []byte, most int64) (data []byte, err error) {
	if u.decoder == nil {
		u.decoder, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecodeAllCapLimit(true),
			zstd.WithDecoderMaxMemory(uint64(max(most, zstd.MinWindowSize))))
		if err != nil {
			return nil, err
		}
	}
	// That there is too much shows when a block of zstandard's too much is there.
	const block = 128 << 10
	for room := roomFor(src); ; room *= roomStep {
		if room >= most {
			room = most + block
		}
		data, err = u.decoder.DecodeAll(src, make([]byte, 0, room))
		if room > most || !errors.Is(err, zstd.ErrDecoderSizeExceeded) {
			return fitted(data), err
		}
	}
}

// roomFor returns how many bytes a block seems to come to.
func roomFor(src []byte) int64 {
	var head zstd.Header
	if err := head.Decode(src); err == nil && head.HasFCS && head.FrameContentSize < 1<<40 {
		return max(int64(head.FrameContentSize), 1)
	}
	return roomGuess(src)
}

// roomGuess returns what most blocks come to.
func roomGuess(src []byte) int64 {
	packed := int64(len(src))
	return max(min(4*packed, packed+1<<20), leastRoom)
}

// Close ends the decoder.
func (u *unzstd) Close() error {
	if u.decoder != nil {
		u.decoder.Close()
	}
	return nil
}

// fitted returns data without room that would be kept for nothing.
func fitted(data []byte) []byte {
	if len(data) < cap(data)/2 {
		return bytes.Clone(data)
	}
	return data
}
