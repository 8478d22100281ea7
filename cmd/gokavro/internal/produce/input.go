package produce

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/gokavro/gokavro/cmd/gokavro/internal/cli"
	"github.com/gokavro/gokavro/cmd/gokavro/internal/outline"
	"github.com/gokavro/gokavro/codecs/avro"
)

// input is an object container file that can be read more than once.
type input struct {
	name   string // as the messages name it
	file   *os.File
	schema *avro.ParsedSchema
	count  int64 // records, known after check
}

// openInput opens the file. What cannot be read twice, such as standard input,
// is copied to a file without a name first.
func openInput(ctx context.Context, path string, stdin io.Reader) (*input, error) {
	in := &input{name: "--input " + path}
	if path == "-" {
		if err := in.spool(ctx, stdin); err != nil {
			return nil, fmt.Errorf("%s: %w", in.name, err)
		}
		return in, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%s: the file cannot be opened: %w: correct the name", in.name, cli.Cause(err))
	}
	info, err := file.Stat()
	switch {
	case err != nil:
	case info.IsDir():
		err = errors.New("it is a folder: give a file")
	case info.Mode().IsRegular():
		in.file = file
		return in, nil
	default:
		err = in.spool(ctx, file)
	}
	_ = file.Close()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", in.name, cli.Cause(err))
	}
	return in, nil
}

// spool copies r to a file that only this process has. A read of standard input
// cannot be called off, so a command that is interrupted leaves it behind.
func (in *input) spool(ctx context.Context, r io.Reader) error {
	file, err := os.CreateTemp("", "gokavro-*")
	if err != nil {
		return fmt.Errorf("keeping the input in a temporary file: %w: correct TMPDIR", err)
	}
	_ = os.Remove(file.Name())
	copied := make(chan error, 1)
	go func() {
		_, err := io.Copy(file, r)
		copied <- err
	}()
	select {
	case err = <-copied:
	case <-ctx.Done():
		return errors.New("interrupted while the input was read: nothing was written")
	}
	if err != nil {
		_ = file.Close()
		return fmt.Errorf("copying the input to a temporary file: %w", cli.Cause(err))
	}
	in.file = file
	return nil
}

func (in *input) close() { _ = in.file.Close() }

// check reads the whole file, and returns what makes the key of a record.
func (in *input) check(ctx context.Context, field string) (keyer, error) {
	reader, err := in.rewind()
	if err != nil {
		return nil, err
	}
	in.schema = reader.Schema()
	if err := reader.Close(); err != nil {
		return nil, err
	}
	shape, err := outline.Parse(in.schema.String())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", in.name, err)
	}
	key, err := newKeyer(in.schema, shape, field)
	if err != nil {
		return nil, fmt.Errorf("%s: --key %s: %w", in.name, field, err)
	}
	err = in.each(func(datum []byte) error {
		in.count++
		if _, err := key(datum); err != nil {
			return fmt.Errorf("%s: record %d: --key %s: %w", in.name, in.count, field, err)
		}
		if ctx.Err() != nil {
			return errors.New("interrupted while the input was checked: nothing was written")
		}
		return nil
	})
	return key, err
}

// rewind starts reading the file from its beginning.
func (in *input) rewind() (*avro.FileReader, error) {
	if _, err := in.file.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("%s: %w", in.name, cli.Cause(err))
	}
	reader, err := avro.NewFileReader(in.file, nil)
	if err != nil {
		return nil, fmt.Errorf("%s: not an Avro object container file, or cut short: give another file: %w", in.name, err)
	}
	return reader, nil
}

// each calls do with every value of the file, as its bytes and checked, in
// their order.
func (in *input) each(do func(datum []byte) error) (err error) {
	reader, err := in.rewind()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, reader.Close()) }()
	for {
		datum, err := reader.ReadRaw()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return fmt.Errorf("%s: the file is cut short: fetch it again: %w", in.name, err)
		}
		if err != nil {
			return fmt.Errorf("%s: the file is damaged: fetch it again: %w", in.name, err)
		}
		if err := do(datum); err != nil {
			return err
		}
	}
}
