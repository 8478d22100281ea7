package demo

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/gokavro/gokavro/cmd/gokavro/internal/cli"
	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/examples/flights"
)

// source is a container file that can be read more than once.
type source struct {
	name string
	open func() (io.ReadCloser, error)
}

func flightsSource(path string) source {
	if path == "" {
		return source{name: "the embedded flights", open: func() (io.ReadCloser, error) {
			return io.NopCloser(flights.FlightsFile()), nil
		}}
	}
	return source{name: path, open: func() (io.ReadCloser, error) { return os.Open(path) }}
}

func airportsSource() source {
	return source{name: "the embedded airports", open: func() (io.ReadCloser, error) {
		return io.NopCloser(flights.AirportsFile()), nil
	}}
}

// each calls do with every value of a source, in order.
func each[T any](s source, codec *avro.TypedCodec[T], do func(*T) error) (err error) {
	file, err := s.open()
	if err != nil {
		return fmt.Errorf("--input %s: the file cannot be opened: %w: correct the name", s.name, cli.Cause(err))
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	reader, err := avro.NewFileReader(file, codec.Schema())
	if err != nil {
		return fmt.Errorf("--input %s: not an Avro container file of %s records: give another file: %w", s.name, codec.Schema().Name(), err)
	}
	for {
		var value T
		err := reader.Read(&value)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return fmt.Errorf("--input %s: the file is cut short: fetch it again: %w", s.name, err)
		}
		if err != nil {
			return fmt.Errorf("--input %s: the file is damaged: fetch it again: %w", s.name, err)
		}
		if err := do(&value); err != nil {
			return err
		}
	}
}

// count reads a source to its end before anything is started.
func count[T any](s source, codec *avro.TypedCodec[T]) (n int64, err error) {
	err = each(s, codec, func(*T) error {
		n++
		return nil
	})
	return n, err
}
