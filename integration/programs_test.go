package integration_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gokavro/gokavro/integration/worker"
	"github.com/gokavro/gokavro/topology/kafka/kafkatest"
	"github.com/gokavro/gokavro/topology/runner"
)

// programs builds the project's binaries once for all tests of a run.
var programs = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "gokavro-e2e-*")
	if err != nil {
		return "", err
	}
	build := exec.Command("go", "build", "-o", dir, "./cmd/gokavro", "./cmd/flights")
	build.Dir = moduleRoot
	if out, err := build.CombinedOutput(); err != nil {
		return dir, fmt.Errorf("building the programs: %w: %s", err, out)
	}
	return dir, nil
})

func TestMain(m *testing.M) {
	switch worker.Kind() {
	case deadly:
		runner.Main(fragile)
		return
	case deadlyByHand:
		if err := runFragileGroup(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(runner.ExitFault)
		}
		return
	}
	code := m.Run()
	if dir, _ := programs(); dir != "" {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

// command returns one of the project's programs, ready to start, without the
// settings of the environment that it runs in.
func command(t *testing.T, program string, args ...string) *exec.Cmd {
	t.Helper()
	dir, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), filepath.Join(dir, program), args...)
	cmd.Dir = t.TempDir()
	for _, setting := range os.Environ() {
		if !strings.HasPrefix(setting, "GOKAVRO_") {
			cmd.Env = append(cmd.Env, setting)
		}
	}
	return cmd
}

// run runs a program to its end.
func run(t *testing.T, program string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	return finish(t, command(t, program, args...))
}

// finish runs a command to its end.
func finish(t *testing.T, cmd *exec.Cmd) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Errorf("running %v: %v", cmd.Args, err)
		return "", "", -1
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// mustRun runs a program that has to succeed.
func mustRun(t *testing.T, program string, args ...string) (stdout string) {
	t.Helper()
	stdout, stderr, code := run(t, program, args...)
	if code != 0 {
		t.Fatalf("%s %v: got exit code %d, want 0; standard error: %s", program, args, code, stderr)
	}
	return stdout
}

// process is a program that goes on until it is stopped.
type process struct {
	cmd  *exec.Cmd
	log  syncBuffer
	done chan error
}

func start(t *testing.T, program string, args ...string) *process {
	t.Helper()
	p := &process{cmd: command(t, program, args...), done: make(chan error, 1)}
	p.cmd.Stderr = &p.log
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.done <- p.cmd.Wait() }()
	return p
}

// awaitLog waits until the process has logged text.
func (p *process) awaitLog(t *testing.T, text string) {
	t.Helper()
	deadline := time.NewTimer(kafkatest.Patience)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !strings.Contains(p.log.String(), text) {
		select {
		case <-tick.C:
		case err := <-p.done:
			t.Fatalf("the process ended (%v) before it logged %q: %s", err, text, p.log.String())
		case <-deadline.C:
			t.Fatalf("the process did not log %q within %s: %s", text, kafkatest.Patience, p.log.String())
		}
	}
}

// stop sends SIGTERM and wants the process to end cleanly.
func (p *process) stop(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-p.done:
		if err != nil {
			t.Fatalf("got %v after SIGTERM, want exit code 0: %s", err, p.log.String())
		}
	case <-time.After(kafkatest.Patience):
		t.Fatalf("the process did not end within %s of SIGTERM: %s", kafkatest.Patience, p.log.String())
	}
}

// syncBuffer is a bytes.Buffer that is safe for concurrent use.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write appends p.
func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
