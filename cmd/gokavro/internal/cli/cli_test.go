package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"testing"

	"github.com/spf13/cobra"
)

// runWith runs a tool whose only command returns err.
func runWith(err error, args ...string) (code int, stdout, stderr string) {
	var out, faults bytes.Buffer
	cmd := &cobra.Command{Use: "do", RunE: func(*cobra.Command, []string) error { return err }}
	cmd.Flags().String("name", "", "a name")
	_ = cmd.MarkFlagRequired("name")
	root := New(cmd)
	root.SetOut(&out)
	root.SetErr(&faults)
	code = Run(context.Background(), root, args)
	return code, out.String(), faults.String()
}

func TestErrorsAreOneLineAndTellTheExitCode(t *testing.T) {
	t.Parallel()
	given := []string{"do", "--name", "x"}
	tests := []struct {
		name   string
		err    error
		args   []string
		code   int
		stderr string
	}{
		{name: "none", args: given, code: ExitOK},
		{name: "fault", err: errors.New("kafka: gone"), args: given, code: ExitFault, stderr: "kafka: gone\n"},
		{name: "several lines", err: errors.Join(errors.New("a"), errors.New("b\n\tc")), args: given, code: ExitFault, stderr: "a b c\n"},
		{name: "usage", err: fmt.Errorf("here: %w", Usage(errors.New("--name is bad"))), args: given, code: ExitUsage, stderr: "here: --name is bad\n"},
		{name: "required flag", args: []string{"do"}, code: ExitUsage, stderr: "required flag(s) \"name\" not set: see --help\n"},
		{name: "argument", args: append(given, "y"), code: ExitUsage, stderr: "unexpected argument \"y\": see --help\n"},
		{name: "flag", args: []string{"do", "--wat"}, code: ExitUsage, stderr: "unknown flag: --wat: see --help\n"},
		{name: "command", args: []string{"undo"}, code: ExitUsage, stderr: "unknown command \"undo\" for \"gokavro\" Did you mean this? do: see --help\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			code, stdout, stderr := runWith(tt.err, tt.args...)
			if code != tt.code || stderr != tt.stderr || stdout != "" {
				t.Errorf("got %d, %q and %q on stdout, want %d, %q and nothing", code, stderr, stdout, tt.code, tt.stderr)
			}
		})
	}
}

func TestNoArgumentsPrintTheHelp(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{nil, {"help"}, {"help", "do"}, {"do", "-h"}} {
		code, stdout, stderr := runWith(errors.New("not run"), args...)
		if code != ExitOK || stderr != "" || stdout == "" {
			t.Errorf("%v: got %d, %q and %q on stdout, want the help", args, code, stderr, stdout)
		}
	}
}

func TestUsageOfNothingIsNothing(t *testing.T) {
	t.Parallel()
	if err := Usage(nil); err != nil {
		t.Errorf("got %v, want nil", err)
	}
	cause := errors.New("cause")
	if err := Usage(cause); !errors.Is(err, cause) {
		t.Errorf("got %v, want the cause in its chain", err)
	}
}

func TestVersionTellsTheCommitAsFarAsItIsKnown(t *testing.T) {
	t.Parallel()
	commit := []debug.BuildSetting{{Key: "vcs.revision", Value: "abc"}}
	changed := append([]debug.BuildSetting{{Key: "vcs.modified", Value: "true"}}, commit...)
	tests := []struct {
		name string
		info debug.BuildInfo
		want string
	}{
		{name: "nothing", want: "(devel)"},
		{name: "release", info: debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}}, want: "v1.2.3"},
		{name: "commit", info: debug.BuildInfo{Settings: commit}, want: "(devel) commit abc"},
		{name: "changes", info: debug.BuildInfo{Settings: changed}, want: "(devel) commit abc with changes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := describe(&tt.info); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
