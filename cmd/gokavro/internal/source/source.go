// Package source reads what commands are given: files and standard input,
// never more of them than fits a small machine.
package source

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/gokavro/gokavro/cmd/gokavro/internal/cli"
	"github.com/gokavro/gokavro/codecs/avro"
)

// Stdin is the name of standard input among files.
const Stdin = "-"

const (
	// MaxBytes bounds a datum, a text and a line, in bytes.
	MaxBytes = 16 << 20
	// maxSchema is enough for every schema that is not refused for its size.
	maxSchema = 1 << 20
)

// Open opens a file; - is the command's standard input, which is not closed.
func Open(cmd *cobra.Command, path string) (io.ReadCloser, error) {
	if path == Stdin {
		return io.NopCloser(cmd.InOrStdin()), nil
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", path, cli.Cause(err))
	}
	return file, nil
}

// Read reads a file of at most so many bytes.
func Read(cmd *cobra.Command, path string, most int) ([]byte, error) {
	file, err := Open(cmd, path)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(file, int64(most)+1))
	if err = errors.Join(err, file.Close()); err != nil {
		return nil, fmt.Errorf("reading %s: %w", Name(path), err)
	}
	if len(data) > most {
		return nil, fmt.Errorf("%s has more than %d bytes", Name(path), most)
	}
	return data, nil
}

// Schema reads and parses the schema in a file.
func Schema(cmd *cobra.Command, path string) (*avro.ParsedSchema, error) {
	text, err := Read(cmd, path, maxSchema)
	if err != nil {
		return nil, err
	}
	schema, err := avro.ParseSchema(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", Name(path), err)
	}
	return schema, nil
}

// ParseSchema parses a schema without a copy of one that is far too large.
func ParseSchema(text []byte) (*avro.ParsedSchema, error) {
	if len(text) > maxSchema {
		return nil, fmt.Errorf("it has more than %d bytes", maxSchema)
	}
	return avro.ParseSchema(string(text))
}

// Name is what people call a file.
func Name(path string) string {
	if path == Stdin {
		return "standard input"
	}
	return path
}

// Once refuses a command line that reads standard input more than once.
func Once(paths ...string) error {
	count := 0
	for _, path := range paths {
		if path == Stdin {
			count++
		}
	}
	if count > 1 {
		return cli.Usage(errors.New("standard input (-) can be read only once: name a file"))
	}
	return nil
}

// Lines calls each for the lines of a file that are not blank, with their
// numbers, from 1. A line is valid until each returns. It ends with the first
// error.
func Lines(cmd *cobra.Command, path string, each func(number int, line []byte) error) (err error) {
	file, err := Open(cmd, path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	lines := lineReader{from: bufio.NewReaderSize(file, 64<<10)}
	for number := 1; ; number++ {
		line, err := lines.next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("reading line %d of %s: %w", number, Name(path), err)
		}
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		if err := each(number, line); err != nil {
			return fmt.Errorf("line %d of %s: %w", number, Name(path), err)
		}
	}
}

type lineReader struct {
	from *bufio.Reader
	line []byte
}

// next returns the next line, and io.EOF when there is none.
func (l *lineReader) next() ([]byte, error) {
	l.line = l.line[:0]
	for {
		part, err := l.from.ReadSlice('\n')
		if free := cap(l.line) - len(l.line); free < len(part) {
			l.line = slices.Grow(l.line, max(len(part), min(larger(cap(l.line)), MaxBytes+len(part))-len(l.line)))
		}
		l.line = append(l.line, part...)
		switch {
		case len(l.line) > MaxBytes:
			return nil, fmt.Errorf("it has more than %d bytes", MaxBytes)
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && len(l.line) > 0:
			return l.line, nil
		default:
			return l.line, err
		}
	}
}

// larger returns the next size of a buffer: twice as much leaves little behind,
// but a large one and its copy are there at the same time.
func larger(size int) int {
	const large = 2 << 20
	if size < large {
		return 2 * size
	}
	return size + size/4
}
