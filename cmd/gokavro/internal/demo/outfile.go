package demo

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/gokavro/gokavro/codecs/avro"
)

// outFile is a container file that appears under its name only when it is
// whole.
type outFile struct {
	path   string
	temp   *os.File
	buffer *bufio.Writer
	writer *avro.FileWriter
}

func createOut(dir, name string, schema *avro.ParsedSchema) (*outFile, error) {
	temp, err := os.CreateTemp(dir, "."+name+"-*")
	if err != nil {
		return nil, fmt.Errorf("--out %s: files cannot be written there: %w", dir, cause(err))
	}
	f := &outFile{path: filepath.Join(dir, name), temp: temp, buffer: bufio.NewWriter(temp)}
	f.writer, err = avro.NewFileWriter(f.buffer, schema, avro.Deflate)
	if err != nil {
		f.discard()
		return nil, err
	}
	return f, nil
}

func (f *outFile) write(value any) error { return f.writer.Write(value) }

// commit ends the file and puts it under its name.
func (f *outFile) commit() error {
	err := errors.Join(f.writer.Close(), f.buffer.Flush(), f.temp.Chmod(0o644), f.temp.Close())
	if err == nil {
		err = os.Rename(f.temp.Name(), f.path)
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", f.path, err)
	}
	return nil
}

// discard removes what commit did not put under its name. After commit it does
// nothing.
func (f *outFile) discard() {
	_ = f.temp.Close()
	_ = os.Remove(f.temp.Name())
}
