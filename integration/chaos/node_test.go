package chaos_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// script starts and stops real brokers.
const script = "../kafka.sh"

// node is a real broker that keeps its records through restarts, or several that
// are one cluster.
type node struct {
	count int
	port  int // of the first; each takes two
	data  string
	env   []string
}

// startNodes starts brokers with a data folder of their own on ports that follow
// each other. They are below those that the system gives to clients, so that they
// are still free when a broker comes back; somebody else may use them, so it
// tries several.
func startNodes(t *testing.T, count int) *node {
	t.Helper()
	n := &node{count: count}
	n.begin(t)
	return n
}

func (n *node) begin(t *testing.T) {
	t.Helper()
	var err error
	for range 10 {
		n.port, n.data = 20000+rand.IntN(10000), t.TempDir()
		err = n.run(t.Context(), "start", "--nodes", strconv.Itoa(n.count))
		if err == nil || !strings.Contains(err.Error(), "is in use") {
			break
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// The test's own context has ended by now.
		if err := n.run(context.Background(), "stop"); err != nil {
			t.Errorf("stopping the broker: %v", err)
		}
	})
}

// restart stops the broker, keeps it away for a while and starts it again.
func (n *node) restart(ctx context.Context, away time.Duration) error {
	if err := n.run(ctx, "stop"); err != nil {
		return err
	}
	if err := pause(ctx, away); err != nil {
		return err
	}
	return n.run(ctx, "start")
}

// addresses are those of all brokers.
func (n *node) addresses() []string {
	var all []string
	for i := range n.count {
		all = append(all, "127.0.0.1:"+strconv.Itoa(n.port+2*i))
	}
	return all
}

func (n *node) run(ctx context.Context, verb string, args ...string) error {
	command := exec.CommandContext(ctx, script, append([]string{verb}, args...)...)
	command.Env = append(os.Environ(), "KAFKA_PORT="+strconv.Itoa(n.port), "KAFKA_DATA="+n.data)
	command.Env = append(command.Env, n.env...)
	var said bytes.Buffer
	command.Stderr = &said
	if err := command.Run(); err != nil {
		return fmt.Errorf("%s %s of the broker on port %d: %w: %s", script, verb, n.port, err, &said)
	}
	return nil
}

// On a busy machine some time goes by before a process that was launched shows the
// command line that it is known by.
func TestABrokerMayTakeItsTimeToStart(t *testing.T) {
	t.Parallel()
	needKafka(t)
	n := &node{count: 1, env: []string{`BASH_FUNC_nohup%%=() { sleep 0.5; exec nohup "$@"; }`}}
	n.begin(t)
}

// pause waits, unless ctx ends before.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
