package main

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/integration/devstack"
)

var update = flag.Bool("update", false, "rewrite the golden file in testdata")

func TestOutputIsAsExpected(t *testing.T) {
	t.Parallel()
	out := runWith(t)
	path := filepath.Join("testdata", "output.txt")
	if *update {
		if err := os.WriteFile(path, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), out.String()); diff != "" {
		t.Errorf("output (-want +got); rewrite %s with -update when the change is meant:\n%s", path, diff)
	}
	for _, page := range []string{"README.md", filepath.Join("..", "README.md")} {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), out.String()) {
			t.Errorf("%s does not show the output:\n%s", page, out.String())
		}
	}
}

func runWith(t *testing.T, args ...string) *bytes.Buffer {
	t.Helper()
	o, err := parse(args, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := run(t.Context(), o, &out); err != nil {
		t.Fatal(err)
	}
	return &out
}

func TestHelpListsTheFlags(t *testing.T) {
	t.Parallel()
	var help bytes.Buffer
	if _, err := parse([]string{"-h"}, &help); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("parse: got %v, want flag.ErrHelp", err)
	}
	for _, name := range []string{"-brokers", "-registry", "-dir", "-from"} {
		if !strings.Contains(help.String(), name) {
			t.Errorf("help does not name %s:\n%s", name, help.String())
		}
	}
}

func TestSchemaFileAndStructAgree(t *testing.T) {
	t.Parallel()
	schema, err := avro.ParseSchema(userSchema)
	if err != nil {
		t.Fatal(err)
	}
	inferred := avro.Typed[User](avro.Namespace("example.data")).Schema()
	if got, want := inferred.Canonical(), schema.Canonical(); got != want {
		t.Errorf("schema of the struct:\n got %s\nwant %s, that of users.avsc", got, want)
	}
}

func TestRunsOnAClusterThatIsThere(t *testing.T) {
	t.Parallel()
	stack, err := devstack.Start(t.Context(), devstack.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stack.Close(); err != nil {
			t.Error(err)
		}
	})
	dir := t.TempDir()
	args := []string{"-brokers", strings.Join(stack.Brokers(), ","), "-registry", stack.RegistryURL(), "-dir", dir, "-from", "offset:20"}
	for i, want := range []string{"from offset 0, keyed by id\nconsume  users: 0 records from offset:20", "from offset 20, keyed by id\nconsume  users: 20 records from offset:20"} {
		out := runWith(t, args...)
		if !strings.Contains(out.String(), want) {
			t.Errorf("run %d: got\n%swant it to say\n%s", i+1, out.String(), want)
		}
	}
	got, err := readFile(dir)
	if diff := cmp.Diff(users(), got); err != nil || diff != "" {
		t.Errorf("%s: error %v (-want +got):\n%s", fileName, err, diff)
	}
}

func TestBadFlagsAreRefusedBeforeAnythingStarts(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"brokers alone", []string{"-brokers", "127.0.0.1:1"}, "give both or none"},
		{"registry alone", []string{"-registry", "http://127.0.0.1:1"}, "give both or none"},
		{"unknown flag", []string{"-topic", "x"}, "-topic"},
		{"argument", []string{"users"}, `"users" is not a flag`},
		{"position", []string{"-from", "middle"}, "middle"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var help bytes.Buffer
			_, err := parse(tt.args, &help)
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") || help.Len() > 0 {
				t.Errorf("parse: got error %v and output %q, want one line with %q", err, help.String(), tt.want)
			}
		})
	}
	if err := writeFile(filepath.Join(t.TempDir(), "missing"), nil); err == nil || !strings.Contains(err.Error(), "-dir") {
		t.Errorf("writing into a missing folder: got %v, want an error that names -dir", err)
	}
}

func TestDecadesStartAtTens(t *testing.T) {
	t.Parallel()
	got := analyse([]User{{Age: 29}, {Age: 30}, {Age: 39}, {Age: 0}})
	want := map[int]decade{0: {1, 0}, 20: {1, 29}, 30: {2, 69}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(decade{})); diff != "" {
		t.Errorf("decades (-want +got):\n%s", diff)
	}
}
