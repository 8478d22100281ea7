package integration_test

import (
	"cmp"
	"strings"
	"testing"

	"github.com/IBM/sarama"

	"github.com/gokavro/gokavro/topology/kafka/kafkatest"
	"github.com/gokavro/gokavro/topology/runner"
	"github.com/gokavro/gokavro/topology/runner/deadletters"
)

// An output that may not be written any more, while the processor runs, is met by
// the policy of its records. All others go on, and when it is allowed again, so do
// those.
func TestAnOutputThatIsForbiddenIsMetByItsPolicy(t *testing.T) {
	t.Parallel()
	const each = 15
	for _, delivery := range []runner.Delivery{runner.ExactlyOnce, runner.AtLeastOnce} {
		t.Run(string(delivery), func(t *testing.T) {
			t.Parallel()
			f := onForks(t, delivery)
			running := f.run(t)
			f.words(t, "a", each)
			f.expect("a", each, "left", "right")
			f.awaitLast(t, "right")
			f.deny(t, sarama.AclResourceTopic, "right", sarama.AclOperationWrite)
			f.awaitCheck(t, "Write on topic "+f.topic("right")+" is not allowed")
			f.words(t, "b", each)
			f.expect("b", each, "left")
			f.awaitLast(t, "left")
			f.await(t, each*forkPartitions, f.topic("forked-dead-letters"))
			kafkatest.Await(t, "it runs again", func() bool { state, _ := running.State(); return state == runner.Running })
			f.allow(t, sarama.AclResourceTopic, "right")
			f.awaitCheck(t, "")
			if err := running.stop(t); err != nil {
				t.Error(err)
			}
			f.replay(t, each*forkPartitions)
			running = f.run(t)
			f.expect("b", each, "right")
			f.awaitLast(t, "right")
			f.words(t, "c", each)
			f.expect("c", each, "left", "right")
			f.awaitLast(t, "left")
			f.awaitLast(t, "right")
			if err := running.stop(t); err != nil {
				t.Error(err)
			}
			f.check(t)
		})
	}
}

// replay has the letters replayed, after a look at what they tell.
func (f *forks) replay(t *testing.T, want int) {
	t.Helper()
	cfg := deadletters.Config{Kafka: f.kafka, Registry: f.schemas, Topology: f.topic("forked")}
	const advice = "give the user the right to write there (ACL)"
	err := deadletters.List(t.Context(), cfg, deadletters.Filter{}, func(l *deadletters.Letter) error {
		if l.Step != "right" || !strings.HasPrefix(string(*l.Value), "right b") || !strings.Contains(l.Error, f.topic("right")) || !strings.Contains(l.Error, advice) {
			t.Errorf("got the letter %+v, want a word of right with the topic and %q", l, advice)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n, err := deadletters.Replay(t.Context(), cfg, deadletters.Filter{}, nil); err != nil || n != want {
		t.Fatalf("got %d letters replayed, %v, want %d", n, err, want)
	}
}

// What no record can be blamed for ends the run with what is to be allowed.
func TestARightThatIsTakenAwayEndsTheRunWithWhatToAllow(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		delivery runner.Delivery
		denied   []string // topics whose writing is
		kind     sarama.AclResourceType
		want     []string
	}{
		{name: "the transactional id", kind: sarama.AclResourceTransactionalID, want: []string{"--operation Write --transactional-id PREFIXforked- --resource-pattern-type prefixed"}},
		{name: "the group", kind: sarama.AclResourceGroup, want: []string{"--operation Read --group PREFIXforked"}},
		{name: "the group, at least once", delivery: runner.AtLeastOnce, kind: sarama.AclResourceGroup, want: []string{"--operation Read --group PREFIXforked"}},
		{name: "a table", denied: []string{"numbers"}, want: []string{"--operation Write --topic PREFIXnumbers"}},
		{
			name: "the dead letters", denied: []string{"forked-dead-letters", "right"},
			want: []string{"the topic of the dead letters refuses one", "--operation Write --topic PREFIXforked-dead-letters"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := onForks(t, cmp.Or(tt.delivery, runner.ExactlyOnce))
			running := f.run(t)
			f.words(t, "a", 5)
			f.expect("a", 5, "left", "right")
			f.awaitLast(t, "right")
			for _, topic := range tt.denied {
				f.deny(t, sarama.AclResourceTopic, topic, sarama.AclOperationWrite)
			}
			operation := sarama.AclOperationWrite
			if tt.kind == sarama.AclResourceGroup {
				operation = sarama.AclOperationRead
			}
			said := "is not allowed"
			if tt.kind != sarama.AclResourceUnknown {
				f.deny(t, tt.kind, "forked", operation)
			} else {
				said = "Write on topic " + f.topic(tt.denied[len(tt.denied)-1]) + " " + said
			}
			f.awaitCheck(t, said)
			f.words(t, "b", 5)
			err := running.end(t)
			var want []string
			for _, part := range tt.want {
				want = append(want, strings.ReplaceAll(part, "PREFIX", f.prefix))
			}
			if !containsAll(err, want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v, want one line with %q", err, want)
			}
		})
	}
}

// An input that may not be read is waited for.
func TestAnInputThatIsForbiddenIsWaitedFor(t *testing.T) {
	t.Parallel()
	f := onForks(t, runner.ExactlyOnce)
	running := f.run(t)
	f.words(t, "a", 5)
	f.expect("a", 5, "left", "right")
	f.awaitLast(t, "right")
	f.deny(t, sarama.AclResourceTopic, "words", sarama.AclOperationRead)
	kafkatest.Await(t, "it says what it waits for", func() bool {
		state, why := running.State()
		return state == runner.Degraded && strings.Contains(why, "reading: ") && strings.Contains(why, f.topic("words")) && strings.Contains(why, "not authorized")
	})
	f.words(t, "b", 5)
	f.allow(t, sarama.AclResourceTopic, "words")
	f.expect("b", 5, "left", "right")
	f.awaitLast(t, "left")
	f.awaitLast(t, "right")
	kafkatest.Await(t, "it runs again", func() bool { state, _ := running.State(); return state == runner.Running })
	if err := running.stop(t); err != nil {
		t.Error(err)
	}
	f.check(t)
}

// A topic that takes smaller records from now on refuses those that it took
// before.
func TestATopicWhoseLimitIsLoweredRefusesLargeRecordsOnly(t *testing.T) {
	t.Parallel()
	onEachCluster(t, func(t *testing.T, c *cluster) {
		f := &forks{cluster: c, state: t.TempDir(), delivery: runner.ExactlyOnce, want: map[string][]string{}, numbers: map[string]int{}}
		large := strings.Repeat("large ", 500)
		running := f.run(t)
		f.words(t, large, 5)
		f.expect(large, 5, "left", "right")
		f.awaitLast(t, "right")
		if err := f.kafka.AlterTopic(f.topic("right"), map[string]string{"max.message.bytes": "1000"}); err != nil {
			t.Fatal(err)
		}
		f.words(t, "a"+large, 5)
		f.expect("a"+large, 5, "left")
		f.words(t, "small ", 5)
		f.expect("small ", 5, "left", "right")
		f.awaitLast(t, "left")
		f.awaitLast(t, "right")
		f.await(t, 5*forkPartitions, f.topic("forked-dead-letters"))
		if err := running.stop(t); err != nil {
			t.Error(err)
		}
		f.check(t)
	})
}
