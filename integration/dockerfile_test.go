package integration_test

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// instruction is one step of a Dockerfile: its keyword in capitals and the rest
// of the line.
type instruction struct {
	keyword, rest string
}

func TestDockerfileBuildsTheProcessor(t *testing.T) {
	t.Parallel()
	for _, fault := range dockerfileFaults(readTree(t, "Dockerfile"), moduleGoVersion(t)) {
		t.Error(fault)
	}
}

func TestDockerfileCheckSeesFaults(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		old, new string
		want     string
	}{
		{name: "cgo on", old: "CGO_ENABLED=0", new: "CGO_ENABLED=1", want: "CGO_ENABLED"},
		{name: "machine paths", old: " -trimpath", new: "", want: "-trimpath"},
		{name: "another command", old: " ./cmd/flights", new: " ./cmd/other", want: "./cmd/flights"},
		{name: "the tool is missing", old: " ./cmd/gokavro", new: "", want: "./cmd/gokavro"},
		{name: "another Go", old: "golang:1.26", new: "golang:1.20", want: "golang:1.26"},
		{name: "unpinned Go", old: "golang:1.26", new: "golang", want: "golang:1.26"},
		{name: "root", old: "USER 65532:65532", new: "USER 0", want: "USER"},
		{name: "named user", old: "USER 65532:65532", new: "USER nonroot", want: "USER"},
		{name: "state of another user", old: "--chown=65532:65532", new: "--chown=1:1", want: "chown"},
		{name: "state not a volume", old: "VOLUME /state", new: "VOLUME /data", want: "VOLUME"},
		{name: "another entry point", old: `ENTRYPOINT ["/flights"]`, new: `ENTRYPOINT ["/gokavro"]`, want: "ENTRYPOINT"},
		{name: "a shell in the way", old: `ENTRYPOINT ["/flights"]`, new: `ENTRYPOINT /flights`, want: "ENTRYPOINT"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			text := readTree(t, "Dockerfile")
			if !strings.Contains(text, tt.old) {
				t.Fatalf("Dockerfile does not hold %q", tt.old)
			}
			got := strings.Join(dockerfileFaults(strings.ReplaceAll(text, tt.old, tt.new), moduleGoVersion(t)), "\n")
			if !strings.Contains(got, tt.want) {
				t.Errorf("faults: got %q, want one with %q", got, tt.want)
			}
		})
	}
}

func TestDockerContextHoldsAllCodeFolders(t *testing.T) {
	t.Parallel()
	lines := strings.Split(readTree(t, ".dockerignore"), "\n")
	if !slices.Contains(lines, "*") {
		t.Error(".dockerignore: does not start from nothing with a line *")
	}
	for _, need := range []string{"go.mod", "go.sum", "codecs", "processors", "topology", "examples", "integration", "cmd"} {
		if !slices.Contains(lines, "!"+need) {
			t.Errorf(".dockerignore: leaves out %s, which the image is built from", need)
		}
	}
}

func TestDockerfileLinesAreJoined(t *testing.T) {
	t.Parallel()
	got := dockerInstructions("# note\nfrom x AS y\n\nRUN a \\\n  && b\n")
	want := []instruction{{"FROM", "x AS y"}, {"RUN", "a && b"}}
	if !slices.Equal(got, want) {
		t.Errorf("instructions: got %q, want %q", got, want)
	}
}

func dockerfileFaults(text, goVersion string) []string {
	steps := dockerInstructions(text)
	final := 0 // where the last stage starts
	for i, step := range steps {
		if step.keyword == "FROM" {
			final = i
		}
	}
	build, last := steps[:final], steps[final:]
	var faults []string
	want := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, "Dockerfile: "+fmt.Sprintf(format, args...))
		}
	}
	want(hasStep(build, "FROM", regexp.QuoteMeta("golang:"+goVersion)+`(\.\d+)? AS \w+`), "does not build with golang:%s, as go.mod says", goVersion)
	want(hasStep(build, "ENV", `CGO_ENABLED=0`), "does not set CGO_ENABLED=0 for the build")
	for _, need := range []string{"-trimpath", "./cmd/flights", "./cmd/gokavro"} {
		want(hasStep(build, "RUN", `go build .*`+regexp.QuoteMeta(need)+`( .*)?`), "go build without %s", need)
	}
	user := stepRest(last, "USER")
	want(regexp.MustCompile(`^[1-9]\d*:[1-9]\d*$`).MatchString(user), "USER is %q, want the numbers of a user and a group that are not root", user)
	_, state, _ := strings.Cut(stepRest(last, "ENV"), "GOKAVRO_STATE=")
	want(path.IsAbs(state), "GOKAVRO_STATE is %q, want an absolute path", state)
	want(hasStep(last, "VOLUME", regexp.QuoteMeta(state)), "no VOLUME %s", state)
	want(hasStep(last, "COPY", `.*--chown=`+regexp.QuoteMeta(user)+` .* `+regexp.QuoteMeta(state)), "no COPY --chown=%s that makes %s writable", user, state)
	want(stepRest(last, "ENTRYPOINT") == `["/flights"]`, `ENTRYPOINT is %s, want ["/flights"]`, stepRest(last, "ENTRYPOINT"))
	return faults
}

func dockerInstructions(text string) []instruction {
	text = regexp.MustCompile(`\\\n\s*`).ReplaceAllString(text, "")
	var steps []instruction
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		keyword, rest, _ := strings.Cut(line, " ")
		steps = append(steps, instruction{strings.ToUpper(keyword), strings.TrimSpace(rest)})
	}
	return steps
}

// hasStep tells whether a step with the keyword matches the whole pattern.
func hasStep(steps []instruction, keyword, pattern string) bool {
	whole := regexp.MustCompile(`^` + pattern + `$`)
	return slices.ContainsFunc(steps, func(step instruction) bool {
		return step.keyword == keyword && whole.MatchString(step.rest)
	})
}

// stepRest returns what follows the last step with the keyword, as that one counts.
func stepRest(steps []instruction, keyword string) string {
	rest := ""
	for _, step := range steps {
		if step.keyword == keyword {
			rest = step.rest
		}
	}
	return rest
}

// moduleGoVersion is go.mod's Go version without its last part: 1.26.
func moduleGoVersion(t *testing.T) string {
	t.Helper()
	found := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(readTree(t, "go.mod"))
	if found == nil {
		t.Fatal("go.mod names no Go version")
	}
	return found[1]
}
