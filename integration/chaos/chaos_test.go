// Package chaos_test proves what the runner promises when processes, brokers
// and the registry fail: it counts, disturbs those that count, and compares
// what they put out with a sequential run.
package chaos_test

import (
	"crypto/rand"
	"encoding/binary"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

var (
	seedFlag     = flag.Uint64("chaos.seed", 0, "seed of the random events; 0 chooses one")
	longFlag     = flag.Bool("chaos.long", false, "run the long forms: ten seeds of 300,000 records, and 150,000 records with five kill -9")
	baselineFlag = flag.Bool("chaos.baseline", false, "run plain goka as well and show what it loses and repeats")
	stormyFlag   = flag.Bool("chaos.stormy", false, "let brokers, registry and the process fail during that")
	soakFlag     = flag.Duration("chaos.soak", 30*time.Second, "how long a process works under a steady load")
)

// longSeeds is how many seeds the long form runs.
const longSeeds = 10

// seed returns the one that was asked for, or a random one.
func seed() uint64 {
	if *seedFlag != 0 {
		return *seedFlag
	}
	var bytes [8]byte
	_, _ = rand.Read(bytes[:]) // never fails
	return binary.BigEndian.Uint64(bytes[:]) >> 32
}

// deliveries are those that the runner has.
func deliveries() []string {
	if hasDelivery() {
		return []string{exactlyOnce, atLeastOnce}
	}
	return []string{atLeastOnce}
}

// unique makes a name for a scenario of its own on a shared cluster.
func unique(name string) string { return name + "-" + strings.ToLower(rand.Text()[:8]) }

// needKafka skips a test that restarts brokers where there is no real one. It
// brings its own, since others use the one that KAFKA_BROKERS names.
func needKafka(t *testing.T) {
	t.Helper()
	if os.Getenv("KAFKA_BROKERS") == "" && os.Getenv("REQUIRE_KAFKA") != "1" && !*longFlag && !*baselineFlag {
		t.Skip("needs a real Kafka: set KAFKA_BROKERS, or run make chaos")
	}
}

// prove runs a scenario and holds it to the promise of its delivery.
func prove(t *testing.T, c *cluster, s *scenario) {
	t.Helper()
	if err := s.run(t, c).fault(s); err != nil {
		t.Error(err)
	}
}

func TestNothingIsLostOnDevstack(t *testing.T) {
	t.Parallel()
	for _, delivery := range deliveries() {
		t.Run(delivery, func(t *testing.T) {
			t.Parallel()
			prove(t, onDevstack(t), &scenario{
				name: unique("devstack"), seed: seed(), worker: onRunner, delivery: delivery,
				processes: 2, standbys: 1, keys: 200, records: 8_000, perSecond: 1_000,
				events: map[kind]int{kill: 1, zombie: 1, join: 1, schemas: 1},
			})
		})
	}
}

func TestNothingIsLostOnKafka(t *testing.T) {
	t.Parallel()
	needKafka(t)
	for _, delivery := range deliveries() { //nolint:paralleltest // each has a broker, and all of the machine
		t.Run(delivery, func(t *testing.T) {
			c := onKafka(t)
			first := seed()
			for i := range seeds() {
				t.Run(fmt.Sprint("seed ", first+uint64(i)), func(t *testing.T) {
					prove(t, c, storms(first+uint64(i), onRunner, delivery))
				})
			}
		})
	}
}

func seeds() int {
	if *longFlag {
		return longSeeds
	}
	return 1
}

// storms is everything that can happen, in a short and in a long form. With an
// odd seed the events meet workers that are at work, with an even one they also
// come while the group has stopped for another. Of two odd or even ones one has
// standbys.
func storms(seed uint64, worker, delivery string) *scenario {
	s := &scenario{
		name: unique("storm"), seed: seed, worker: worker, delivery: delivery,
		processes: 3, keys: 500, records: 40_000, perSecond: 1_000, atWork: seed%2 == 1, standbys: int(seed / 2 % 2),
		events: map[kind]int{kill: 2, term: 1, zombie: 1, lost: 1, join: 1, leave: 1, broker: 1, schemas: 1},
	}
	if *longFlag {
		s.keys, s.records, s.perSecond = 5_000, 300_000, 3_000
		s.events = map[kind]int{kill: 6, term: 2, zombie: 4, lost: 2, join: 2, leave: 2, broker: 2, schemas: 2}
	}
	return s
}

// fiveKills is one process that is killed five times while it works as fast as
// it can at 150,000 increments.
func fiveKills(worker, delivery string) *scenario {
	return &scenario{
		name: unique("kills"), seed: seed(), worker: worker, delivery: delivery,
		processes: 1, keys: 1_000, records: 150_000, perSecond: 50_000, events: map[kind]int{kill: 5}, atWork: true,
	}
}

func TestFiveKillsDuring150000Increments(t *testing.T) {
	t.Parallel()
	if !*longFlag {
		t.Skip("takes minutes: run it with -chaos.long")
	}
	for _, delivery := range deliveries() { //nolint:paralleltest // each has a broker, and all of the machine
		t.Run(delivery, func(t *testing.T) {
			prove(t, onKafka(t), fiveKills(onRunner, delivery))
		})
	}
}

// TestPlainGokaLosesAndRepeats shows the baseline. Its figures are for reading:
// what is lost depends on chance, so nothing is asserted but that it ran.
func TestPlainGokaLosesAndRepeats(t *testing.T) {
	t.Parallel()
	if !*baselineFlag {
		t.Skip("a baseline for the documentation: run it with -chaos.baseline")
	}
	for _, s := range []*scenario{fiveKills(onPlainGoka, ""), storms(seed(), onPlainGoka, "")} { //nolint:paralleltest // each has a broker, and all of the machine
		t.Run(s.name, func(t *testing.T) {
			if got := s.run(t, onKafka(t)); got.inputs != s.records {
				t.Errorf("got %d inputs, want %d", got.inputs, s.records)
			}
		})
	}
}
