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
)

// identityFile holds the name of the process that owns a state folder.
const identityFile = "identity"

var identityForm = regexp.MustCompile(`^[A-Z0-9]{26}$`)

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
