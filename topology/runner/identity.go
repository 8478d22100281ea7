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

// claim makes sure that a state folder is for a group, and returns the folder's
// identity.
func claim(dir, group string) (id string, err error) {
	if err := ownTables(dir, group); err != nil {
		return "", err
	}
	return identity(dir)
}

// identity returns the random name that a state folder has, and gives it one
// when it has none. It is part of the transactional id, so that a process that
// comes back at once ends what its predecessor left open. With the folder the
// name is lost, and such a transaction ends at its time-out.
func identity(dir string) (string, error) {
	path := filepath.Join(dir, identityFile)
	text, err := os.ReadFile(path)
	if err == nil {
		id := strings.TrimSpace(string(text))
		if !identityForm.MatchString(id) {
			return "", fmt.Errorf("state folder: %s is damaged: remove it, and this process gets a new identity", path)
		}
		return id, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("state folder: reading the identity: %w", err)
	}
	id := rand.Text()
	written := path + ".new"
	if err := os.WriteFile(written, []byte(id+"\n"), 0o644); err != nil {
		return "", fmt.Errorf("state folder: keeping the identity: %w", err)
	}
	if err := os.Rename(written, path); err != nil {
		return "", fmt.Errorf("state folder: keeping the identity: %w", err)
	}
	return id, nil
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
