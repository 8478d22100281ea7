package chaos_test

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

// runningLine is in a worker's log once it has its share of the partitions.
const runningLine = "msg=running"

// launch says what a worker's process is started with.
type launch struct {
	kind   string // of workerEnv
	state  string
	log    string // file that its standard error is appended to
	args   []string
	env    []string // beside that of the test
	faulty []string // the same, for the first process alone
}

// process is one run of a worker.
type process struct {
	cmd    *exec.Cmd
	log    *os.File
	from   int64 // where this run begins in the log
	exited chan struct{}
	code   int // after exited is closed; -1 for the end by a signal
}

func startProcess(l launch) (*process, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{cmd: exec.Command(program, append(l.args, "--state", l.state)...), exited: make(chan struct{})}
	for _, setting := range os.Environ() {
		if !strings.HasPrefix(setting, "GOKAVRO_") {
			p.cmd.Env = append(p.cmd.Env, setting)
		}
	}
	p.cmd.Env = append(p.cmd.Env, workerEnv+"="+l.kind)
	p.cmd.Env = append(append(p.cmd.Env, l.env...), l.faulty...)
	p.cmd.Dir = filepath.Dir(l.state)
	// The worker ends when this end of the pipe is closed, as by the end of the
	// test's process.
	if _, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if p.log, err = os.OpenFile(l.log, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o644); err != nil {
		return nil, err
	}
	if p.from, err = p.log.Seek(0, io.SeekEnd); err != nil {
		return nil, errors.Join(err, p.log.Close())
	}
	p.cmd.Stderr = p.log
	if err := p.cmd.Start(); err != nil {
		return nil, errors.Join(err, p.log.Close())
	}
	go p.wait()
	return p, nil
}

func (p *process) wait() {
	_ = p.cmd.Wait() // the exit code says it
	_ = p.log.Close()
	p.code = p.cmd.ProcessState.ExitCode()
	close(p.exited)
}

// signal does nothing to a process that has ended.
func (p *process) signal(s os.Signal) error {
	if err := p.cmd.Process.Signal(s); !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

// stop sends SIGTERM and returns the exit code, or an error if the process is
// still there after that time.
func (p *process) stop(within time.Duration) (int, error) {
	if err := p.signal(syscall.SIGTERM); err != nil {
		return 0, err
	}
	return p.awaitExit(within)
}

// awaitExit waits for the process to end by itself.
func (p *process) awaitExit(within time.Duration) (int, error) {
	bound := time.NewTimer(within)
	defer bound.Stop()
	select {
	case <-p.exited:
		return p.code, nil
	case <-bound.C:
		return 0, fmt.Errorf("the process did not end within %s: %s", within, p.lastLines(5))
	}
}

// logged returns what this run has logged so far.
func (p *process) logged() []byte {
	text, err := os.ReadFile(p.log.Name())
	if err != nil {
		return nil
	}
	return text[min(p.from, int64(len(text))):]
}

func (p *process) ended() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

func (p *process) isRunning() bool { return bytes.Contains(p.logged(), []byte(runningLine)) }

func (p *process) lastLines(n int) string {
	lines := strings.Split(strings.TrimSpace(string(p.logged())), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
