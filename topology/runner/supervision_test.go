package runner_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/integration/devstack"
	"github.com/gokavro/gokavro/topology/kafka/kafkatest"
	"github.com/gokavro/gokavro/topology/runner"
)

// history keeps the states of a runner. It is safe for concurrent use.
type history struct {
	mu    sync.Mutex
	lines []string
}

// follow has a runner's states kept.
func (h *history) follow(cfg runner.Config) runner.Config {
	cfg.Events.State = func(from, to runner.State, _ string) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.lines = append(h.lines, fmt.Sprintf("%s → %s", from, to))
	}
	return cfg
}

func (h *history) all() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.lines)
}

// awaitState waits until a runner is in a state, for a reason with part in it.
func (r *running) awaitState(t *testing.T, state runner.State, part string) {
	t.Helper()
	kafkatest.Await(t, fmt.Sprintf("the state %s because of %q", state, part), func() bool {
		is, why := r.State()
		return is == state && strings.Contains(why, part)
	})
}

func TestARunnerTellsItsStates(t *testing.T) {
	t.Parallel()
	b := setup(t, devstack.Config{})
	var h history
	r := start(t, counting(), h.follow(b.config(t))).awaitReady(t)
	r.awaitState(t, runner.Running, "")
	r.stop(t)
	want := []string{"starting → restoring", "restoring → running", "running → stopping"}
	if diff := cmp.Diff(h.all(), want); diff != "" {
		t.Errorf("states (-got +want): %s", diff)
	}
	if state, why := r.State(); state != runner.Stopping || why != "" {
		t.Errorf("got %s because of %q after a stop, want %s without a reason", state, why, runner.Stopping)
	}
}
