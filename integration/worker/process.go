// Package worker runs a test's own binary as processes of another kind, so that
// a test may kill them: processors that a scenario or a measurement is about.
//
// A test's TestMain asks [Kind] and becomes what it names:
//
//	if kind := worker.Kind(); kind != "" {
//		os.Exit(run(kind, os.Args[1:]))
//	}
package worker

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// kindEnv is where a worker finds its kind.
const kindEnv = "TEST_WORKER"

// settingsPrefix is what the variables of the runner begin with. Those of the
// test's own environment are kept from the workers.
const settingsPrefix = "GOKAVRO_"

// runningLine is in a worker's log once it has its share of the partitions.
const runningLine = "msg=running"

// exitOrphan is the exit code of a worker whose test is gone.
const exitOrphan = 3

// Kind returns what this process is to be, empty for the test itself. A worker
// ends when its test's process is gone.
func Kind() string {
	kind := os.Getenv(kindEnv)
	if kind != "" {
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			os.Exit(exitOrphan)
		}()
	}
	return kind
}

// Launch says what a worker is started with.
type Launch struct {
	// Kind is what [Kind] returns in the worker.
	Kind string
	// State is its state folder, which it is told with --state.
	State string
	// Log is the file that its standard output and error are appended to.
	Log string
	// Args are its other arguments.
	Args []string
	// Env is added to the environment of the test.
	Env []string
}

// Process is one run of a worker. It is safe for concurrent use.
type Process struct {
	cmd    *exec.Cmd
	log    *os.File
	from   int64 // where this run begins in the log
	exited chan struct{}
}

// Start starts a worker.
func Start(l Launch) (*Process, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &Process{cmd: exec.Command(program, append(l.Args, "--state", l.State)...), exited: make(chan struct{})} //nolint:noctx // Signal ends it
	p.cmd.Env = append(append(environment(), kindEnv+"="+l.Kind), l.Env...)
	p.cmd.Dir = filepath.Dir(l.State)
	// The end of the test's process closes its end of the pipe.
	if _, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if p.log, err = os.OpenFile(l.Log, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o644); err != nil {
		return nil, err
	}
	if p.from, err = p.log.Seek(0, io.SeekEnd); err != nil {
		return nil, errors.Join(err, p.log.Close())
	}
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	if err := p.cmd.Start(); err != nil {
		return nil, errors.Join(err, p.log.Close())
	}
	go func() {
		_ = p.cmd.Wait() // the exit code says it
		_ = p.log.Close()
		close(p.exited)
	}()
	return p, nil
}

func environment() []string {
	var own []string
	for _, setting := range os.Environ() {
		if !strings.HasPrefix(setting, settingsPrefix) {
			own = append(own, setting)
		}
	}
	return own
}

// Exited is closed when the process has ended.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Ended tells whether the process has ended.
func (p *Process) Ended() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

// Code is the exit code, after the end; -1 for the end by a signal.
func (p *Process) Code() int { return p.cmd.ProcessState.ExitCode() }

// CPU is the CPU time that the process has used, after the end.
func (p *Process) CPU() time.Duration {
	return p.cmd.ProcessState.UserTime() + p.cmd.ProcessState.SystemTime()
}

// Signal sends a signal. It does nothing to a process that has ended.
func (p *Process) Signal(s os.Signal) error {
	if err := p.cmd.Process.Signal(s); !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

// Stop sends SIGTERM and returns the exit code, or an error if the process is
// still there after that time.
func (p *Process) Stop(within time.Duration) (int, error) {
	if err := p.Signal(syscall.SIGTERM); err != nil {
		return 0, err
	}
	return p.AwaitExit(within)
}

// AwaitExit waits for the process to end and returns its exit code, or an error
// if it is still there after that time.
func (p *Process) AwaitExit(within time.Duration) (int, error) {
	bound := time.NewTimer(within)
	defer bound.Stop()
	select {
	case <-p.exited:
		return p.Code(), nil
	case <-bound.C:
		return 0, fmt.Errorf("worker: the process did not end within %s: %s", within, p.LastLines(5))
	}
}

// Logged returns what this run has logged so far.
func (p *Process) Logged() []byte {
	text, err := os.ReadFile(p.log.Name())
	if err != nil {
		return nil
	}
	return text[min(p.from, int64(len(text))):]
}

// LastLines returns the last lines of what it has logged.
func (p *Process) LastLines(n int) string {
	lines := strings.Split(strings.TrimSpace(string(p.Logged())), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// IsRunning tells whether it has had its share of the partitions.
func (p *Process) IsRunning() bool { return bytes.Contains(p.Logged(), []byte(runningLine)) }
