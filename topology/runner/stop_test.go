package runner_test

import (
	"testing"
	"time"

	"github.com/gokavro/gokavro/integration/devstack"
	"github.com/gokavro/gokavro/topology/runner"
)

// A stop comes to an end also when no broker answers any more, although sarama
// waits half a minute for each answer.
func TestAStopWithoutBrokersIsBounded(t *testing.T) {
	t.Parallel()
	const bound, slack = 2 * time.Second, 8 * time.Second // a second or two on a machine that is idle
	ways := map[string]func(*testing.T, *testBundle){
		"closed": func(_ *testing.T, b *testBundle) { _ = b.stack.Close() },
		"cut":    func(_ *testing.T, b *testBundle) { b.stack.CutWhere(func(int16) bool { return true }) },
		"silent": func(t *testing.T, b *testBundle) {
			silent := make(chan struct{})
			t.Cleanup(func() { close(silent) })
			b.stack.CutWhere(func(int16) bool { <-silent; return false })
		},
	}
	for way, goAway := range ways {
		for _, delivery := range []runner.Delivery{runner.ExactlyOnce, runner.AtLeastOnce} {
			t.Run(way+", "+string(delivery), func(t *testing.T) {
				t.Parallel()
				b := setup(t, devstack.Config{})
				cfg := b.config(t)
				cfg.Delivery, cfg.StopTimeout = delivery, bound
				held := make(chan struct{})
				r := start(t, blocking(func(word string) {
					if word == "held" {
						<-held
					}
				}), cfg).awaitReady(t)
				b.write(t, record("in", "k", "a"))
				b.awaitValues(t, "out", 1)
				b.write(t, record("in", "k", "held"))
				goAway(t, b)
				close(held)
				began := time.Now()
				r.cancel()
				err := r.end(t)
				took := time.Since(began)
				if took > bound+slack || err != nil {
					t.Errorf("it took %s and returned %v, want %s at most and nil", took, err, bound+slack)
				}
			})
		}
	}
}
