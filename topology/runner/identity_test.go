package runner_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/gokavro/gokavro/integration/devstack"
	"github.com/gokavro/gokavro/topology/runner"
)

// A power cut may leave the file empty or with zeros in it.
func TestADamagedIdentityIsReplaced(t *testing.T) {
	t.Parallel()
	b := setup(t, devstack.Config{})
	for _, damaged := range []string{"", "\x00\x00\x00\x00", "ABC\n"} {
		cfg := b.config(t)
		file := filepath.Join(cfg.StateDir, "identity")
		if err := os.WriteFile(file, []byte(damaged), 0o600); err != nil {
			t.Fatal(err)
		}
		start(t, counting(), cfg).awaitReady(t).stop(t)
		got, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != len("ABCDEFGHIJKLMNOPQRSTUVWXYZ\n") {
			t.Errorf("%q became %q, want a new identity", damaged, got)
		}
	}
	if !b.log.has("identity of the state folder is damaged") {
		t.Error("the log says nothing of it")
	}
}

func TestATemporaryFolderIsOneHoweverItIsNamed(t *testing.T) {
	t.Parallel()
	below := t.TempDir()
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(below, link); err != nil {
		t.Skip(err)
	}
	tests := []struct {
		name, dir string
		want      bool
	}{
		{name: "the system's", dir: below, want: true},
		{name: "by a link", dir: link, want: true},
		{name: "well known, wherever TMPDIR is", dir: "/var/tmp/state", want: true},
		{name: "another", dir: "/var/lib/state"},
		{name: "with a similar name", dir: "/tmpstate"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := runner.InTemp(tt.dir); got != tt.want {
				t.Errorf("got %t, want %t", got, tt.want)
			}
		})
	}
}
