package integration_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// block is one fenced code block of a page.
type block struct {
	language string
	line     int // of the opening fence, from 1
	text     string
}

func TestReadmeOpensWithACommandAndAShortProgram(t *testing.T) {
	t.Parallel()
	blocks := codeBlocks(readTree(t, "README.md"))
	var command, program bool
	for _, b := range blocks {
		command = command || b.language == "sh" && strings.Contains(b.text, "go run ./cmd/gokavro demo")
		program = program || b.language == "go" && isWholeFile(b.text) && strings.Count(b.text, "\n") <= 30
	}
	if !command {
		t.Error("README.md: no sh block with: go run ./cmd/gokavro demo")
	}
	if !program {
		t.Error("README.md: no go block that is a whole program of at most 30 lines")
	}
}

// Each whole file compiles against the module; a shorter piece is cut out of a Go
// file of the tree, which compiles.
func TestGoBlocksOfThePagesCompile(t *testing.T) {
	t.Parallel()
	sources := treeSources(t)
	programs := map[string]string{}
	for _, page := range shownPages(t) {
		for _, b := range codeBlocks(readTree(t, page)) {
			at := fmt.Sprintf("%s:%d", page, b.line)
			switch {
			case b.language != "go":
			case isWholeFile(b.text):
				programs[at] = b.text
			case !cutFrom(sources, b.text):
				t.Errorf("%s: this go block is neither a whole file nor a piece of a Go file of the tree", at)
			}
		}
	}
	if output, err := compile(t, programs); err != nil {
		t.Errorf("compiling the go blocks: %v\n%s", err, output)
	}
}

func TestCompileSeesABlockThatDoesNotCompile(t *testing.T) {
	t.Parallel()
	page := "text\n\n```go\npackage main\n\nfunc main() { undefinedName() }\n```\n\n```go\npackage main\n\nfunc main() {}\n```\n"
	programs := map[string]string{}
	for _, b := range codeBlocks(page) {
		programs[fmt.Sprintf("page.md:%d", b.line)] = b.text
	}
	if len(programs) != 2 {
		t.Fatalf("blocks: got %d, want 2", len(programs))
	}
	output, err := compile(t, programs)
	if err == nil || !strings.Contains(output, "undefinedName") || !strings.Contains(output, "page_md_3") {
		t.Errorf("compiling a bad block: got error %v and %q, want the unknown name and the place", err, output)
	}
	if strings.Contains(output, "page_md_9.go:") {
		t.Errorf("compiling a bad block: got %q, want nothing about the good one", output)
	}
	delete(programs, "page.md:3")
	if output, err := compile(t, programs); err != nil {
		t.Errorf("compiling a good block: %v\n%s", err, output)
	}
}

func TestCompileSeesTheModule(t *testing.T) {
	t.Parallel()
	program := "package main\n\nimport _ \"" + modulePath + "/codecs\"\n\nfunc main() {}\n"
	if output, err := compile(t, map[string]string{"page.md:1": program}); err != nil {
		t.Errorf("compiling a block that imports the module: %v\n%s", err, output)
	}
}

func TestCodeBlocksAreExtracted(t *testing.T) {
	t.Parallel()
	page := strings.Join([]string{
		"# Title", "```go", "package x", "", "```", "~~~sh", "make", "~~~",
		"  ```text", "  inner", "  ```", "````go title", "```", "````", "```go", "left open",
	}, "\n")
	want := []block{
		{"go", 2, "package x\n\n"},
		{"sh", 6, "make\n"},
		{"text", 9, "inner\n"},
		{"go", 12, "```\n"},
		{"go", 15, "left open\n"},
	}
	if diff := cmp.Diff(want, codeBlocks(page), cmp.AllowUnexported(block{})); diff != "" {
		t.Errorf("blocks (-want +got):\n%s", diff)
	}
}

func TestPiecesAreFoundInTheTree(t *testing.T) {
	t.Parallel()
	sources := []string{"package x\n\nfunc f() {\n\tone()\n\n\ttwo()\n}\n"}
	for piece, want := range map[string]bool{
		"one()\ntwo()\n":          true,
		"  one()\n\n\ttwo()\n":    true,
		"two()\none()\n":          false,
		"ne()\n":                  false,
		"func f() {\n\tone()\n":   true,
		"":                        false,
		"one()\ntwo()\nthree()\n": false,
	} {
		if got := cutFrom(normalised(sources), piece); got != want {
			t.Errorf("cutFrom(%q): got %v, want %v", piece, got, want)
		}
	}
}

// codeBlocks returns the fenced blocks of a page, without the indentation of
// their fence.
func codeBlocks(page string) []block {
	fence := regexp.MustCompile("^(\\s*)(```+|~~~+)\\s*(\\S*)")
	var blocks []block
	var open *block
	var indent, closing string
	for i, line := range strings.Split(page, "\n") {
		found := fence.FindStringSubmatch(line)
		switch {
		case open == nil && found != nil:
			blocks = append(blocks, block{language: found[3], line: i + 1})
			open, indent, closing = &blocks[len(blocks)-1], found[1], found[2]
		case open != nil && strings.TrimSpace(line) == closing:
			open = nil
		case open != nil:
			open.text += strings.TrimPrefix(line, indent) + "\n"
		}
	}
	return blocks
}

func isWholeFile(text string) bool {
	return regexp.MustCompile(`(?m)^package \w+`).MatchString(text)
}

// compile compiles programs as if each were in a folder of its own below examples.
// The tree itself is not touched: the go command is told to see the files there.
// Linking would take seconds a program and show nothing more, so go list does it.
func compile(t *testing.T, programs map[string]string) (output string, err error) {
	t.Helper()
	if len(programs) == 0 {
		return "", nil
	}
	root, err := filepath.Abs(moduleRoot)
	if err != nil {
		t.Fatalf("naming the module's root: %v", err)
	}
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	args := []string{"list", "-export", "-overlay", filepath.Join(t.TempDir(), "overlay.json")}
	for at, program := range programs {
		folder := "block_" + regexp.MustCompile(`\W`).ReplaceAllString(at, "_")
		file := filepath.Join(t.TempDir(), folder+".go")
		if err := os.WriteFile(file, []byte(program), 0o600); err != nil {
			t.Fatalf("writing a block: %v", err)
		}
		overlay.Replace[filepath.Join(root, "examples", folder, "main.go")] = file
		args = append(args, "./examples/"+folder)
	}
	text, err := json.Marshal(overlay)
	if err != nil {
		t.Fatalf("encoding the overlay: %v", err)
	}
	if err := os.WriteFile(args[3], text, 0o600); err != nil {
		t.Fatalf("writing the overlay: %v", err)
	}
	command := exec.CommandContext(t.Context(), "go", args...)
	command.Dir = root
	combined, err := command.CombinedOutput()
	return string(combined), err
}

func treeSources(t *testing.T) []string {
	t.Helper()
	var sources []string
	for _, name := range treeFiles(t, ".go") {
		sources = append(sources, readTree(t, name))
	}
	return normalised(sources)
}

// normalised drops indentation and empty lines, which a page may change. Each line
// ends in a line break and the first follows one.
func normalised(sources []string) []string {
	out := make([]string, len(sources))
	for i, source := range sources {
		out[i] = "\n"
		for line := range strings.Lines(source) {
			if line = strings.TrimSpace(line); line != "" {
				out[i] += line + "\n"
			}
		}
	}
	return out
}

// cutFrom tells whether the piece's lines follow each other in one of the
// normalised sources.
func cutFrom(sources []string, piece string) bool {
	want := normalised([]string{piece})[0]
	if want == "\n" {
		return false
	}
	for _, source := range sources {
		if strings.Contains(source, want) {
			return true
		}
	}
	return false
}
