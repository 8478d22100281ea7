// Package outfile writes container files that take their names only when they
// are whole.
package outfile

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/gokavro/gokavro/cmd/gokavro/internal/cli"
	"github.com/gokavro/gokavro/codecs/avro"
)

// File is a container file that takes its name only when it is
// whole. It is not safe for concurrent use.
type File struct {
	given  string // as the command line names it
	path   string
	mode   os.FileMode // of the file that is replaced, 0 without one
	temp   *os.File
	writer *avro.FileWriter // nil until Begin
}

// Create makes the file under a name of its own in the same folder, which
// shows that it can be made.
func Create(given string) (*File, error) {
	f := &File{given: given, path: given}
	if target, err := filepath.EvalSymlinks(given); err == nil {
		f.path = target // a link stays a link
	}
	info, err := os.Stat(f.path)
	switch {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		return nil, f.fault(err)
	case info.IsDir():
		return nil, fmt.Errorf("--out %s: it is a folder: give a file", given)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("--out %s: only a plain file can be replaced: give another name", given)
	default:
		f.mode = info.Mode().Perm()
	}
	// os.CreateTemp would shut out everybody else; these bits leave it to umask.
	const readWrite = 0o666
	dir, base := filepath.Split(f.path)
	name := filepath.Join(dir, "."+base+"."+rand.Text()[:8]+".tmp")
	if f.temp, err = os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, readWrite); err != nil {
		return nil, f.fault(err)
	}
	return f, nil
}

func (f *File) fault(err error) error {
	return fmt.Errorf("--out %s: the file cannot be written: %w: give another name", f.given, cli.Cause(err))
}

// Given returns the file's name as the command line has it.
func (f *File) Given() string { return f.given }

// Begin writes the file's header.
func (f *File) Begin(schema *avro.ParsedSchema) error { return f.BeginWith(schema, avro.Deflate) }

// BeginWith writes the header of a file that is compressed in another way.
func (f *File) BeginWith(schema *avro.ParsedSchema, compression avro.Compression) (err error) {
	if f.writer, err = avro.NewFileWriter(f.temp, schema, compression); err != nil {
		return f.fault(err)
	}
	return nil
}

// Write appends a value that fits the schema.
func (f *File) Write(value any) error {
	if err := f.writer.Write(value); err != nil {
		return f.fault(err)
	}
	return nil
}

// WriteRaw appends a datum of the schema as it is.
func (f *File) WriteRaw(datum []byte) error {
	if err := f.writer.WriteRaw(datum); err != nil {
		return f.fault(err)
	}
	return nil
}

// Commit ends the file and puts it in the place of the one before.
func (f *File) Commit() error {
	err := f.writer.Close()
	if f.mode != 0 && err == nil {
		err = f.temp.Chmod(f.mode)
	}
	if err == nil {
		err = f.temp.Sync()
	}
	if err = cmp.Or(err, f.temp.Close()); err == nil {
		err = os.Rename(f.temp.Name(), f.path)
	}
	if err != nil {
		return f.fault(err)
	}
	return nil
}

// Discard removes what Commit did not put in place. After Commit it does
// nothing.
func (f *File) Discard() {
	_ = f.temp.Close()
	_ = os.Remove(f.temp.Name())
}
