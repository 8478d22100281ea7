package integration_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	// moduleRoot is the module's folder, seen from this package's folder,
	// where go test runs the tests.
	moduleRoot = ".."
	modulePath = "github.com/gokavro/gokavro"
)

// treeFiles returns the files of the tree whose name ends in suffix, as
// slash-separated paths from the module's root, sorted. Hidden folders, testdata
// and folders that git ignores are left out.
func treeFiles(t *testing.T, suffix string) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(moduleRoot, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if path != moduleRoot && skippedFolder(entry.Name()) {
				return filepath.SkipDir
			}
			return nil
		}
		if strings.HasSuffix(path, suffix) {
			files = append(files, treePath(t, path))
		}
		return nil
	})
	if err != nil {
		t.Fatalf("walking the tree: %v", err)
	}
	return files
}

func skippedFolder(name string) bool {
	ignored := []string{"testdata", "bin", "out", "flights-state"}
	return strings.HasPrefix(name, ".") || slices.Contains(ignored, name)
}

func treePath(t *testing.T, path string) string {
	t.Helper()
	rel, err := filepath.Rel(moduleRoot, path)
	if err != nil {
		t.Fatalf("naming %s from the module's root: %v", path, err)
	}
	return filepath.ToSlash(rel)
}

func readTree(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(moduleRoot, filepath.FromSlash(path)))
	if err != nil {
		t.Fatalf("reading %s: %v", path, err)
	}
	return string(text)
}

// existsInTree tells whether path, from the module's root, is there.
func existsInTree(path string) bool {
	_, err := os.Stat(filepath.Join(moduleRoot, filepath.FromSlash(path)))
	return err == nil
}
