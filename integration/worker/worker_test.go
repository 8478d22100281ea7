package worker_test

import (
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gokavro/gokavro/integration/worker"
)

const patience = time.Minute

// The kinds of this test's workers.
const (
	waits = "waits"
	fails = "fails"
)

func TestMain(m *testing.M) {
	switch worker.Kind() {
	case waits:
		stop := make(chan os.Signal, 1)
		signal.Notify(stop, syscall.SIGTERM)
		fmt.Fprintln(os.Stderr, "msg=running", strings.Join(os.Args[1:], " "), os.Getenv("GOKAVRO_EXTRA"))
		<-stop
	case fails:
		fmt.Fprintln(os.Stdout, "it fails")
		os.Exit(7)
	default:
		os.Exit(m.Run())
	}
}

func start(t *testing.T, l worker.Launch) *worker.Process {
	t.Helper()
	dir := t.TempDir()
	l.State, l.Log = filepath.Join(dir, "state"), filepath.Join(dir, "log")
	p, err := worker.Start(l)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.Signal(os.Kill)
		<-p.Exited()
	})
	return p
}

func TestAWorkerRunsUntilItIsStopped(t *testing.T) {
	t.Parallel()
	p := start(t, worker.Launch{Kind: waits, Args: []string{"--brokers", "b"}, Env: []string{"GOKAVRO_EXTRA=extra"}})
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !p.IsRunning() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("it did not run within %s: %s", patience, p.Logged())
		}
	}
	if got := p.LastLines(1); !strings.Contains(got, "--brokers b --state") || !strings.HasSuffix(got, "extra") {
		t.Errorf("got %q, want the arguments and the added environment", got)
	}
	if p.Ended() {
		t.Error("it has ended")
	}
	if code, err := p.Stop(patience); code != 0 || err != nil {
		t.Errorf("got code %d, %v, want a clean end", code, err)
	}
	if err := p.Signal(syscall.SIGTERM); err != nil || !p.Ended() {
		t.Errorf("a signal to one that has ended: got %v (ended: %t), want none", err, p.Ended())
	}
}

func TestAWorkerThatEndsByItselfTellsItsCode(t *testing.T) {
	t.Parallel()
	p := start(t, worker.Launch{Kind: fails})
	if code, err := p.AwaitExit(patience); code != 7 || err != nil {
		t.Errorf("got code %d, %v, want 7", code, err)
	}
	if got := p.LastLines(3); got != "it fails" {
		t.Errorf("got the log %q, want its output", got)
	}
}

func TestAKilledWorkerHasNoCode(t *testing.T) {
	t.Parallel()
	p := start(t, worker.Launch{Kind: waits})
	if err := p.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if code, err := p.AwaitExit(patience); code != -1 || err != nil {
		t.Errorf("got code %d, %v, want -1", code, err)
	}
}
