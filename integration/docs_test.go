package integration_test

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMarkdownLinksResolve(t *testing.T) {
	t.Parallel()
	pages := treeFiles(t, ".md")
	if len(pages) == 0 {
		t.Fatal("no Markdown files found: the test looks at the wrong folder")
	}
	for _, page := range pages {
		for _, fault := range linkFaults(page, readTree(t, page)) {
			t.Error(fault)
		}
	}
}

func TestLinkCheckSeesDeadLinks(t *testing.T) {
	t.Parallel()
	page := strings.Join([]string{
		"[good](../go.mod) ![dead picture](gone.svg) [dead with part](gone.md#part)",
		"[web](https://example.com/x) [here](#words) [mail](mailto:a@example.com)",
		"[outside](../../elsewhere) [from the root](/go.sum) [titled](gone.txt \"a title\")",
		"[ref]: ./gone-too.md",
		"`[code](not-a-link)`",
		"```",
		"[block](not-a-link)",
		"```",
	}, "\n")
	want := []string{
		"docs/page.md: link to gone.svg: no such file",
		"docs/page.md: link to gone.md#part: no such file",
		"docs/page.md: link to ../../elsewhere: leaves the tree",
		"docs/page.md: link to gone.txt: no such file",
		"docs/page.md: link to ./gone-too.md: no such file",
	}
	if diff := cmp.Diff(want, linkFaults("docs/page.md", page)); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
}

func TestEveryDecisionIsInTheIndex(t *testing.T) {
	t.Parallel()
	index := readTree(t, "docs/adr/README.md")
	name := regexp.MustCompile(`^\d{4}-[a-z0-9-]+\.md$`)
	for _, page := range treeFiles(t, ".md") {
		folder, file := path.Split(page)
		if folder != "docs/adr/" || file == "README.md" {
			continue
		}
		if !name.MatchString(file) {
			t.Errorf("%s: want a name of the form NNNN-short-name.md", page)
		}
		if !strings.Contains(index, "]("+file+")") {
			t.Errorf("docs/adr/README.md: no link to %s", file)
		}
	}
}

func TestShellBlocksNameExistingCommands(t *testing.T) {
	t.Parallel()
	for _, page := range shownPages(t) {
		for _, b := range codeBlocks(readTree(t, page)) {
			if b.language != "sh" && b.language != "bash" && b.language != "console" {
				continue
			}
			for _, fault := range shellFaults(b.text, readTree(t, "Makefile")) {
				t.Errorf("%s:%d: %s", page, b.line, fault)
			}
		}
	}
}

func TestShellCheckSeesMissingCommands(t *testing.T) {
	t.Parallel()
	makefile := "check: lint test ## all\nlint:\n"
	tests := []struct {
		name, line string
		want       string
	}{
		{name: "package", line: "go test ./integration/..."},
		{name: "no such package", line: "A=1 go test ./nowhere/...", want: "no folder ./nowhere"},
		{name: "no such command", line: "go run ./cmd/nothing --json", want: "no folder ./cmd/nothing"},
		{name: "not a command", line: "go run ./integration", want: "./integration is no command"},
		{name: "target", line: "make check"},
		{name: "no such target", line: "make check all", want: "no target all"},
		{name: "script", line: `eval "$(integration/kafka.sh start)"`},
		{name: "script with a variable", line: "KAFKA_PORT=19092 integration/kafka.sh start"},
		{name: "no such script", line: "cd x && ./gone.sh", want: "no script ./gone.sh"},
		{name: "no script", line: "./go.mod", want: "./go.mod cannot be run"},
		{name: "comment", line: "make lint # make nothing"},
		{name: "continued", line: "go run \\\n  ./cmd/nothing", want: "no folder ./cmd/nothing"},
		{name: "prompt", line: "$ make nothing", want: "no target nothing"},
		{name: "others", line: "docker compose up --build"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := strings.Join(shellFaults(tt.line, makefile), "\n")
			if (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
				t.Errorf("%q: got fault %q, want %q", tt.line, got, tt.want)
			}
		})
	}
}

// shownPages are the pages whose code is held to compile and whose commands are
// held to exist.
func shownPages(t *testing.T) []string {
	t.Helper()
	pages := []string{"README.md", "CONTRIBUTING.md"}
	for _, page := range treeFiles(t, ".md") {
		if strings.HasPrefix(page, "docs/") {
			pages = append(pages, page)
		}
	}
	return pages
}

func linkFaults(page, text string) []string {
	text = regexp.MustCompile("(?ms)^```.*?^```").ReplaceAllString(text, "")
	text = regexp.MustCompile("`[^`\n]*`").ReplaceAllString(text, "")
	link := regexp.MustCompile(`(?m)\]\(([^)\s]+)[^)]*\)|^\[[^\]]+\]:\s*(\S+)`)
	var faults []string
	for _, found := range link.FindAllStringSubmatch(text, -1) {
		target := found[1] + found[2]
		file, _, _ := strings.Cut(target, "#")
		if file == "" || regexp.MustCompile(`^[a-z]+:`).MatchString(file) {
			continue
		}
		resolved := path.Join(path.Dir(page), file)
		if strings.HasPrefix(file, "/") {
			resolved = path.Clean(file[1:])
		}
		switch {
		case resolved == ".." || strings.HasPrefix(resolved, "../"):
			faults = append(faults, fmt.Sprintf("%s: link to %s: leaves the tree", page, target))
		case !existsInTree(resolved):
			faults = append(faults, fmt.Sprintf("%s: link to %s: no such file", page, target))
		}
	}
	return faults
}

// shellFaults reports commands of this tree that a shell block calls and that are
// not there. Commands of others are not looked at.
func shellFaults(block, makefile string) []string {
	block = regexp.MustCompile(`\\\n\s*`).ReplaceAllString(block, "")
	var faults []string
	for line := range strings.Lines(block) {
		line = strings.TrimPrefix(strings.TrimSpace(line), "$ ")
		line, _, _ = strings.Cut(" "+line, " #")
		for _, command := range regexp.MustCompile(`&&|\|\||[;|&]|\$\(|\)`).Split(line, -1) {
			words := strings.Fields(strings.Trim(command, ` "'`))
			for len(words) > 0 && regexp.MustCompile(`^[A-Z_]+=`).MatchString(words[0]) {
				words = words[1:]
			}
			if len(words) > 0 {
				faults = append(faults, commandFaults(words, makefile)...)
			}
		}
	}
	return faults
}

func commandFaults(words []string, makefile string) []string {
	switch first := words[0]; {
	case first == "go" && len(words) > 1:
		return goFaults(words[1], words[2:])
	case first == "make":
		return makeFaults(words[1:], makefile)
	case strings.HasPrefix(first, "./") || strings.Contains(first, "/") && strings.HasSuffix(first, ".sh") || first == ".ci/run":
		info, err := os.Stat(path.Join(moduleRoot, first))
		if err != nil {
			return []string{"no script " + first}
		}
		if info.IsDir() || info.Mode().Perm()&0o100 == 0 {
			return []string{first + " cannot be run"}
		}
	}
	return nil
}

func goFaults(verb string, words []string) []string {
	var faults []string
	for _, word := range words {
		folder, isFolder := strings.CutPrefix(word, "./")
		folder = strings.TrimSuffix(strings.TrimSuffix(folder, "..."), "/")
		switch {
		case !isFolder:
			continue
		case !existsInTree(folder):
			faults = append(faults, "no folder ./"+folder)
		case verb == "run" && !isCommand(folder):
			faults = append(faults, word+" is no command")
		}
		if verb == "run" {
			break // what follows are the program's own words
		}
	}
	return faults
}

// isCommand tells whether the folder holds a package main.
func isCommand(folder string) bool {
	files, err := filepath.Glob(filepath.Join(moduleRoot, folder, "*.go"))
	if err != nil {
		return false
	}
	return slices.ContainsFunc(files, func(file string) bool {
		text, err := os.ReadFile(file)
		return err == nil && regexp.MustCompile(`(?m)^package main$`).Match(text)
	})
}

func makeFaults(words []string, makefile string) []string {
	var faults []string
	for _, word := range words {
		if strings.HasPrefix(word, "-") || strings.Contains(word, "=") {
			continue
		}
		if !regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(word) + `:`).MatchString(makefile) {
			faults = append(faults, "no target "+word+" in the Makefile")
		}
	}
	return faults
}
