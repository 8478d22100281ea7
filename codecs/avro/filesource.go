package avro

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// sourceBytes is how much of a container file is read ahead.
const sourceBytes = 32 << 10

// fileSource is the bytes of a container file, which knows its position.
type fileSource struct {
	from     io.Reader
	buffered *bufio.Reader
	at       int64 // bytes of the file before what comes next
}

func newFileSource(r io.Reader) *fileSource {
	return &fileSource{from: r, buffered: bufio.NewReaderSize(r, sourceBytes)}
}

// Read makes the source an io.Reader.
func (s *fileSource) Read(p []byte) (int, error) {
	n, err := s.buffered.Read(p)
	s.at += int64(n)
	return n, err
}

// ReadByte makes the source an io.ByteReader, as numbers are read from.
func (s *fileSource) ReadByte() (byte, error) {
	b, err := s.buffered.ReadByte()
	if err == nil {
		s.at++
	}
	return b, err
}

// bytes returns the next size bytes. It reserves room as they come, not as they
// are promised.
func (s *fileSource) bytes(size int64) ([]byte, error) {
	const atOnce = 1 << 20
	room := size
	if size > atOnce {
		room = leastRoom
	}
	data := make([]byte, 0, room)
	for {
		n, err := io.ReadFull(s, data[len(data):cap(data)])
		if data = data[:len(data)+n]; err != nil || int64(len(data)) == size {
			return data, cut(err)
		}
		data = append(make([]byte, 0, min(size, roomStep*int64(cap(data)))), data...)
	}
}

// skip goes so many bytes ahead, by seeking if the file can. That there are so
// many shows only in what is read next.
func (s *fileSource) skip(size int64) error {
	ready := int64(s.buffered.Buffered())
	if seeker, ok := s.from.(io.Seeker); ok && size > ready {
		// A pipe is a seeker that cannot seek: it is read through.
		if _, err := seeker.Seek(size-ready, io.SeekCurrent); err == nil {
			s.buffered.Reset(s.from)
			s.at += size
			return nil
		}
	}
	_, err := io.CopyN(io.Discard, s, size)
	if err == io.EOF { //nolint:errorlint // an error that wraps it is no end
		return nil
	}
	return err
}

// stretch is what is between two sync markers.
type stretch struct {
	data  []byte // nil when nobody wanted it
	size  int64
	ended bool // by the end of the file, not by a marker
}

// upTo reads to behind the next marker, or to the end of the file. It keeps
// what is before the marker as long as wanted says so of its beginning.
func (s *fileSource) upTo(marker []byte, wanted func(begin []byte) bool) (found stretch, err error) {
	keep := true
	for {
		_, err := s.buffered.Peek(len(marker))
		window, _ := s.buffered.Peek(s.buffered.Buffered())
		use, matched := len(window)-len(marker)+1, false
		if err != nil {
			use = len(window)
		} else if i := bytes.Index(window, marker); i >= 0 {
			use, matched = i, true
		}
		found.size += int64(use)
		if keep {
			found.data = append(found.data, window[:use]...)
		}
		if keep = keep && wanted(found.data); !keep {
			found.data = nil
		}
		if matched {
			use += len(marker)
		}
		// The bytes are there: they were just seen.
		dropped, _ := s.buffered.Discard(use)
		s.at += int64(dropped)
		if err == io.EOF {
			found.ended = true
			return found, nil
		}
		if matched || err != nil {
			return found, cut(err)
		}
	}
}

// cut turns the end of the file into an error that is not taken for it.
func cut(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
