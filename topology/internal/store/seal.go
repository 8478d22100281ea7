package store

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Pebble keeps the list of its files in a manifest, and takes the first record
// there that it cannot read for the end that a power cut has left: behind damage
// it would quietly lose files, but keep what is younger. So the length and sum of
// what is safe in the manifest are kept in a file of our own.
const (
	sealFile       = "SEAL"
	sealBytes      = 128
	manifestPrefix = "MANIFEST-"
	markerPrefix   = "marker.manifest."
)

// seal tells what the manifest has to begin with.
type seal struct {
	manifest string
	length   int64
	sum      uint32
}

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// encode returns the seal as a line of fixed length with a sum of its own.
func (s seal) encode() []byte {
	line := fmt.Appendf(nil, "%s %d %08x", s.manifest, s.length, s.sum)
	line = fmt.Appendf(line, " %08x", crc32.Checksum(line, castagnoli()))
	line = append(line, bytes.Repeat([]byte(" "), max(sealBytes-1-len(line), 0))...)
	return append(line, '\n')
}

// decodeSeal reads what encode wrote.
func decodeSeal(text []byte) (s seal, err error) {
	var own uint32
	if _, err := fmt.Sscanf(string(text), "%s %d %x %x", &s.manifest, &s.length, &s.sum, &own); err != nil {
		return seal{}, fmt.Errorf("the seal cannot be read: %w", err)
	}
	if s.length < 0 || !bytes.Equal(s.encode(), text) {
		return seal{}, errors.New("the seal is damaged")
	}
	return s, nil
}

// checkSeal returns the damage of a folder's manifest, nil if it has none or the
// folder is new.
func checkSeal(disk vfs.FS, folder string) (damage, err error) {
	marked, err := hasMarker(disk, folder)
	if err != nil {
		return nil, err
	}
	text, err := readFile(disk, disk.PathJoin(folder, sealFile))
	if errors.Is(err, fs.ErrNotExist) {
		if marked {
			return errors.New("the seal is missing"), nil
		}
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	s, damage := decodeSeal(text)
	if damage != nil {
		return damage, nil
	}
	if !marked {
		return errors.New("the manifest's marker is missing"), nil
	}
	content, err := readFile(disk, disk.PathJoin(folder, s.manifest))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s is missing", s.manifest), nil
	case err != nil:
		return nil, err
	case int64(len(content)) < s.length:
		return fmt.Errorf("%s is cut off at %d bytes of %d", s.manifest, len(content), s.length), nil
	case crc32.Checksum(content[:s.length], castagnoli()) != s.sum:
		return fmt.Errorf("%s is damaged", s.manifest), nil
	}
	return nil, nil
}

func hasMarker(disk vfs.FS, folder string) (bool, error) {
	names, err := disk.List(folder)
	for _, name := range names {
		if strings.HasPrefix(name, markerPrefix) {
			return true, nil
		}
	}
	return false, err
}

func readFile(disk vfs.FS, path string) ([]byte, error) {
	file, err := disk.Open(path)
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(file)
	return content, errors.Join(err, file.Close())
}

// manifest is the file that Pebble writes its list to. Pebble waits for the disk
// before it removes anything that the list does not need any more; the seal is
// renewed in between.
type manifest struct {
	vfs.File
	guard  *guard
	seal   seal
	path   string // of the seal
	sealed vfs.File
}

func (g *guard) newManifest(path string, file vfs.File) *manifest {
	folder := g.PathDir(path)
	return &manifest{File: file, guard: g, seal: seal{manifest: g.PathBase(path)}, path: g.PathJoin(folder, sealFile)}
}

// Write appends to the file. The sum comes first, for a vfs.File may change what
// it is given.
func (m *manifest) Write(p []byte) (int, error) {
	m.seal.length += int64(len(p))
	m.seal.sum = crc32.Update(m.seal.sum, castagnoli(), p)
	return m.File.Write(p)
}

// Sync waits for the disk and renews the seal. That need not reach the disk: an
// older seal of the same manifest is as true. But one of an older manifest, which
// Pebble is about to remove, must not be the last.
func (m *manifest) Sync() error {
	if err := m.File.Sync(); err != nil || m.guard.dead() {
		return err
	}
	first := m.sealed == nil
	if first {
		file, err := m.guard.OpenReadWrite(m.path, vfs.WriteCategoryUnspecified)
		if err != nil {
			return err
		}
		m.sealed = file
	}
	if _, err := m.sealed.WriteAt(m.seal.encode(), 0); err != nil || !first {
		return err
	}
	if err := m.sealed.Sync(); err != nil {
		return err
	}
	return m.guard.syncDir(m.guard.PathDir(m.path))
}

// SyncData does what Sync does.
func (m *manifest) SyncData() error { return m.Sync() }

// Close closes the file.
func (m *manifest) Close() error {
	if m.sealed == nil {
		return m.File.Close()
	}
	return errors.Join(m.sealed.Close(), m.File.Close())
}

func (g *guard) syncDir(folder string) error {
	dir, err := g.OpenDir(folder)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
