package runner_test

import (
	"sync"
	"testing"
	"time"

	"github.com/gokavro/gokavro/integration/devstack"
	"github.com/gokavro/gokavro/topology/kafka/kafkatest"
	"github.com/gokavro/gokavro/topology/runner"
)

// copies notes what becomes of the standbys of one process.
type copies struct {
	mu       sync.Mutex
	upToDate map[int32]bool
	promoted []runner.Promotion
}

func (c *copies) events() runner.Events {
	c.upToDate = map[int32]bool{}
	return runner.Events{
		StandbyCaughtUp: func(s runner.Standby) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.upToDate[s.Partition] = true
		},
		Promoted: func(p runner.Promotion) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.promoted = append(c.promoted, p)
		},
	}
}

func (c *copies) counts() (upToDate, promoted int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.upToDate), len(c.promoted)
}

func TestAStandbyTakesOverFromWhereItsCopyIs(t *testing.T) {
	t.Parallel()
	b := setup(t, devstack.Config{})
	var first, second copies
	config := func(c *copies) runner.Config {
		cfg := b.config(t)
		cfg.NumStandby, cfg.Events = 1, c.events()
		return cfg
	}
	one := start(t, visits(time.Hour), config(&first)).awaitReady(t)
	b.fill(t, visitors)
	b.awaitCounts(t, visitors, 1)
	two := start(t, visits(time.Hour), config(&second)).awaitReady(t)
	kafkatest.Await(t, "copies of all partitions", func() bool {
		of, by := first.counts()
		other, _ := second.counts()
		return of+other-by >= 4
	})
	kafkatest.Await(t, "copies of all partitions that are not behind", func() bool {
		upToDate := 0
		for _, r := range []*running{one, two} {
			for _, behind := range r.StandbyLag() {
				if behind == 0 {
					upToDate++
				}
			}
		}
		return upToDate == 4
	})
	b.fill(t, visitors)
	b.awaitCounts(t, visitors, 2)
	one.stop(t)
	kafkatest.Await(t, "promotions", func() bool { _, promoted := second.counts(); return promoted == 2 })
	b.fill(t, visitors)
	b.awaitCounts(t, visitors, 3)
	two.stop(t)
	for _, p := range second.promoted {
		if p.Records > visitors || p.Took <= 0 {
			t.Errorf("got %s: want less than a whole table read, and the time it took", p)
		}
	}
}
