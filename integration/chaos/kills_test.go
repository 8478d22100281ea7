package chaos_test

import "testing"

// kills is one process that is killed again and again while it works, and
// started again within 3 s. Any record that were taken for the cause would be a
// dead letter, which no scenario may have.
func kills(delivery string, times int) *scenario {
	return &scenario{
		name: unique("kills"), seed: seed(), worker: onRunner, delivery: delivery,
		processes: 1, keys: 500, records: 2_500 * times, perSecond: 2_500, events: map[kind]int{kill: times}, atWork: true,
	}
}

func TestKillsSetNothingAside(t *testing.T) {
	t.Parallel()
	times := 3
	if *longFlag {
		times = 60
	}
	for _, delivery := range deliveries() {
		t.Run("devstack, "+delivery, func(t *testing.T) {
			t.Parallel()
			prove(t, onDevstack(t), kills(delivery, times))
		})
	}
	t.Run("kafka", func(t *testing.T) {
		t.Parallel()
		needKafka(t)
		for _, delivery := range deliveries() { //nolint:paralleltest // each has a broker, and all of the machine
			t.Run(delivery, func(t *testing.T) {
				prove(t, onKafka(t), kills(delivery, 2*times))
			})
		}
	})
}
