package runner

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/gokavro/gokavro/topology/internal/store"
)

const (
	// identityFile holds the name of the process that owns a state folder.
	identityFile = "identity"
	// tablesFolder is where the state folder keeps tables, those of each group
	// apart.
	tablesFolder = "tables"
)

var identityForm = regexp.MustCompile(`^[A-Z0-9]{26}$`)

// claim makes sure that the state folder is for a group, and returns the folder's
// identity.
func (c Config) claim(group string) (id string, err error) {
	if err := ownTables(c.StateDir, group); err != nil {
		return "", err
	}
	return c.identity()
}

// identity returns the random name that the state folder has, and gives it one
// when it has none or one that is damaged. It is part of the transactional id, so
// that a process that comes back at once ends what its predecessor left open. With
// the folder the name is lost, and such a transaction ends at its time-out.
func (c Config) identity() (string, error) {
	path := filepath.Join(c.StateDir, identityFile)
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("state folder: reading the identity: %w", err)
	}
	if id := strings.TrimSpace(string(text)); identityForm.MatchString(id) {
		return id, nil
	}
	if err == nil {
		c.Logger.Warn("the identity of the state folder is damaged: this process goes on as a new one", "file", path)
	}
	id := rand.Text()
	if err := keep(path, id+"\n"); err != nil {
		return "", fmt.Errorf("state folder: keeping the identity: %w", err)
	}
	return id, nil
}

// keep puts a file in place that is on the disk by then.
func keep(path, text string) error {
	written := path + ".new"
	file, err := os.Create(written)
	if err != nil {
		return err
	}
	_, err = file.WriteString(text)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	return os.Rename(written, path)
}

// ownTables refuses a state folder that holds the tables of another group:
// the two would never run at the same time, and one of the two is a mistake.
func ownTables(dir, group string) error {
	dir = filepath.Join(dir, tablesFolder)
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("state folder: looking for tables: %w", err)
	}
	own := filepath.Base(filepath.Dir(store.Folder(dir, group, 0)))
	for _, entry := range entries {
		if entry.IsDir() && entry.Name() != own {
			return fmt.Errorf("state folder: %s holds the tables of group %q, not of %q: give another folder with --state, "+
				"or delete that one: its tables are restored from their topics", filepath.Join(dir, entry.Name()), entry.Name(), group)
		}
	}
	return nil
}
