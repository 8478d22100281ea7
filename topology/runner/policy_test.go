package runner_test

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"
	"github.com/lovoo/goka"

	"github.com/gokavro/gokavro/codecs"
	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/integration/devstack"
	"github.com/gokavro/gokavro/processors"
	"github.com/gokavro/gokavro/processors/dlq"
	"github.com/gokavro/gokavro/topology"
	"github.com/gokavro/gokavro/topology/graph"
	"github.com/gokavro/gokavro/topology/kafka"
	"github.com/gokavro/gokavro/topology/kafka/kafkatest"
	"github.com/gokavro/gokavro/topology/runner"
)

// checked passes the words of in on to out that check has no fault with.
func checked(check func(string) error, opts ...topology.Option) *topology.Topology {
	top := topology.New("checked")
	in := topology.Input(top, "in", codecs.String(), opts...)
	topology.Each(in, "check", func(in processors.Record[string], _ *processors.Row[processors.None], emit func(string)) error {
		emit(in.Value)
		return check(in.Value)
	}).To("out", codecs.String())
	return top
}

func failing(word string) func(string) error {
	return func(w string) error {
		if w == word {
			return errors.New("not this one")
		}
		return nil
	}
}

// at is a record of a partition.
func at(topic string, partition int32, value string) kafka.Record {
	return kafka.Record{Topic: topic, Partition: partition, Key: []byte("k"), Value: []byte(value)}
}

func TestSkippedRecordsAreCounted(t *testing.T) {
	t.Parallel()
	b := setup(t, devstack.Config{})
	b.topics(t, 1, "in")
	b.write(t, at("in", 0, "a"), at("in", 0, "b"), at("in", 0, "\xff"), at("in", 0, "c"))
	r := start(t, checked(failing("b"), topology.OnError(topology.Skip)), b.oneConfig(t))
	if diff := cmp.Diff([]string{"a", "c"}, b.awaitValues(t, "out", 2)); diff != "" {
		t.Error(diff)
	}
	r.stop(t)
	if got, want := r.Stats(), (runner.Stats{In: 4, Out: 2, Skipped: 2}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if !b.log.has("skipped a record") || !b.log.has("step=check") {
		t.Error("the log does not say what was skipped")
	}
}

// oneConfig is config for topics of one partition.
func (b *testBundle) oneConfig(t *testing.T) runner.Config {
	t.Helper()
	cfg := b.config(t)
	cfg.CreateTopics = 1
	return cfg
}

func TestARunThatIsToFailEndsAtTheRecordAndGoesOnThere(t *testing.T) {
	t.Parallel()
	b := setup(t, devstack.Config{})
	b.topics(t, 1, "in")
	b.write(t, at("in", 0, "a"), at("in", 0, "b"), at("in", 0, "c"))
	err := start(t, checked(failing("b"), topology.OnError(topology.Fail)), b.oneConfig(t)).end(t)
	if err == nil || !strings.Contains(err.Error(), "record in/0 at offset 1 failed at check: step check: not this one: mend") {
		t.Errorf("got %v, want record, step, cause and what to do", err)
	}
	r := start(t, checked(failing("")), b.oneConfig(t))
	if diff := cmp.Diff([]string{"a", "b", "c"}, b.awaitValues(t, "out", 3)); diff != "" {
		t.Error(diff)
	}
	r.stop(t)
}

// A record that is tried for long holds up its partition alone, and a rebalance
// goes by meanwhile.
func TestARetryHoldsUpNobodyElse(t *testing.T) {
	t.Parallel()
	b := setup(t, devstack.Config{})
	b.topics(t, 2, "in")
	var mended atomic.Bool
	top := func() *topology.Topology {
		return checked(func(w string) error {
			if w == "stuck" && !mended.Load() {
				return errors.New("not yet")
			}
			return nil
		}, topology.Retry(graph.Retry{Budget: time.Hour, Backoff: time.Millisecond, MaxBackoff: 10 * time.Millisecond}))
	}
	b.write(t, at("in", 0, "stuck"), at("in", 0, "behind"), at("in", 1, "a"))
	cfg := b.config(t)
	cfg.CreateTopics = 2
	first := start(t, top(), cfg).awaitReady(t)
	b.awaitValues(t, "out", 1)
	kafkatest.Await(t, "retries", func() bool { return first.Stats().Retries > 10 })
	cfg.StateDir = t.TempDir()
	second := start(t, top(), cfg).awaitReady(t)
	b.write(t, at("in", 1, "b"), at("in", 1, "c"))
	if diff := cmp.Diff([]string{"a", "b", "c"}, b.awaitValues(t, "out", 3)); diff != "" {
		t.Error(diff)
	}
	first.stop(t) // though it may be the one that retries
	mended.Store(true)
	if diff := cmp.Diff([]string{"a", "b", "behind", "c", "stuck"}, b.awaitValues(t, "out", 5)); diff != "" {
		t.Error(diff)
	}
	second.stop(t)
}

func TestAFailedTryLeavesTheRowAsItWas(t *testing.T) {
	t.Parallel()
	b := setup(t, devstack.Config{})
	b.topics(t, 1, "in")
	top := topology.New("rows")
	in := topology.Input(top, "in", codecs.String(), topology.Retry(graph.Retry{Attempts: 2, Backoff: time.Millisecond}))
	topology.Process(in, topology.Store(top, "words", codecs.JSON[map[string]int]()),
		func(in processors.Record[string], row *processors.Row[map[string]int], emit func(string)) error {
			words, held := row.Get()
			if !held {
				words = map[string]int{}
			}
			words[in.Value]++ // in place, as the row is this record's own
			if in.Value == "bad" {
				return errors.New("no such word")
			}
			if in.Value != "look" {
				row.Set(words)
			}
			emit(fmt.Sprint(words))
			return nil
		}).To("out", codecs.String())
	b.write(t, at("in", 0, "a"), at("in", 0, "bad"), at("in", 0, "look"), at("in", 0, "a"))
	r := start(t, top, b.oneConfig(t))
	if diff := cmp.Diff([]string{"map[a:1 look:1]", "map[a:1]", "map[a:2]"}, b.awaitValues(t, "out", 3)); diff != "" {
		t.Error(diff)
	}
	r.stop(t)
}

// limited makes a topic that takes records of so many bytes.
func (b *testBundle) limited(t *testing.T, topic, bytes string) {
	t.Helper()
	b.topics(t, 1, topic)
	admin, err := sarama.NewClusterAdmin(b.stack.Brokers(), b.client.Config().Sarama())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = admin.Close() }()
	limit := map[string]sarama.IncrementalAlterConfigsEntry{
		"max.message.bytes": {Operation: sarama.IncrementalAlterConfigsOperationSet, Value: &bytes},
	}
	if err := admin.IncrementalAlterConfig(sarama.TopicResource, topic, limit, false); err != nil {
		t.Fatal(err)
	}
}

func TestWhatABrokerRefusesIsMetByThePolicyOfItsRecord(t *testing.T) {
	t.Parallel()
	large := strings.Repeat("large", 200)
	tests := []struct {
		name, limited string
		opts          []topology.Option
		want          runner.Stats // on the second pass
		err           string
	}{
		{name: "dead letters", limited: "out", want: runner.Stats{DeadLetters: 1}},
		{name: "skip", limited: "out", opts: []topology.Option{topology.OnError(topology.Skip)}, want: runner.Stats{Skipped: 1}},
		{name: "fail", limited: "out", opts: []topology.Option{topology.OnError(topology.Fail)}, err: "record in/0 at offset 1 failed at out: output out: the broker refuses the record for topic out"},
		{name: "dead letters that are refused", limited: "checked-dead-letters", err: "the topic of the dead letters refuses one: raise its max.message.bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, devstack.Config{})
			b.topics(t, 1, "in")
			b.limited(t, tt.limited, "700")
			check := failing("")
			if tt.limited != "out" {
				check = failing(large)
			}
			b.write(t, at("in", 0, "a"), at("in", 0, large), at("in", 0, "b"), at("in", 0, large), at("in", 0, "c"))
			r := start(t, checked(check, tt.opts...), b.oneConfig(t))
			if tt.err != "" {
				if err := r.end(t); err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("got  %v\nwant %s", err, tt.err)
				}
				return
			}
			if diff := cmp.Diff([]string{"a", "b", "c"}, b.awaitValues(t, "out", 3)); diff != "" {
				t.Error(diff)
			}
			r.stop(t)
			// What is done again counts once.
			want := runner.Stats{In: 5, Out: 3, DeadLetters: 2 * tt.want.DeadLetters, Skipped: 2 * tt.want.Skipped}
			if got := r.Stats(); got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}

func TestAGokaGroupKeepsToThePolicyOfEachInput(t *testing.T) {
	t.Parallel()
	b := setup(t, devstack.Config{NoRegistry: true})
	b.topics(t, 1, "kept", "skipped", "tried", "out")
	var tries atomic.Int32
	pass := func(ctx goka.Context, msg any) {
		ctx.Emit("out", ctx.Key(), msg)
		switch {
		case msg == "panic":
			panic("asked to panic")
		case msg == "fail", ctx.Topic() == "tried" && tries.Add(1) < 3:
			ctx.Fail(errors.New("asked to fail"))
		}
	}
	group := goka.DefineGroup("policies", goka.Input("kept", text, pass), goka.Input("skipped", text, pass), goka.Input("tried", text, pass), goka.Output("out", text))
	g, err := runner.FromGoka(b.groupConfig(t), group,
		runner.OnError(graph.Policy{Action: graph.Skip}, "skipped"),
		runner.OnError(graph.Policy{Retry: graph.Retry{Attempts: 3, Backoff: time.Millisecond}}, "tried"))
	if err != nil {
		t.Fatal(err)
	}
	for _, topic := range []string{"kept", "skipped"} {
		b.write(t, at(topic, 0, topic+" 1"), at(topic, 0, "panic"), at(topic, 0, "\xff"), at(topic, 0, "fail"), at(topic, 0, topic+" 2"))
	}
	b.write(t, at("tried", 0, "tried 1"))
	r := run(t, g)
	if diff := cmp.Diff([]string{"kept 1", "kept 2", "skipped 1", "skipped 2", "tried 1"}, b.awaitValues(t, "out", 5)); diff != "" {
		t.Error(diff)
	}
	b.awaitValues(t, "policies-dead-letters", 3)
	r.stop(t)
	if got, want := r.Stats(), (runner.Stats{In: 11, Out: 5, DeadLetters: 3, Skipped: 3, Retries: 2}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	var causes []string
	codec := avro.Typed[dlq.Letter](avro.Namespace(dlq.Namespace), avro.Name(dlq.Name), avro.Format(avro.SingleObject))
	for _, r := range b.read(t, "policies-dead-letters") {
		var letter dlq.Letter
		if err := codec.Read(r.Value, &letter); err != nil {
			t.Fatal(err)
		}
		causes = append(causes, fmt.Sprintf("%s %d %q %s", letter.Step, letter.Offset, *letter.Value, letter.Error))
	}
	want := []string{
		`kept 1 "panic" partition 0: error processing message (partition=0): panic in callback: asked to panic`,
		`kept 2 "\xff" decoding it: codecs: decoding text: "\xff" is not UTF-8`,
		`kept 3 "fail" partition 0: asked to fail`,
	}
	if diff := cmp.Diff(want, causes); diff != "" {
		t.Error(diff)
	}
}

func TestPoliciesOfAGokaGroupAreChecked(t *testing.T) {
	t.Parallel()
	for want, opt := range map[string]runner.GroupOption{
		`topic "order" is no input of the group: name one of orders, shops-loop`: runner.OnError(graph.Policy{}, "order"),
		"it retries with -1 attempts":                                            runner.OnError(graph.Policy{Retry: graph.Retry{Attempts: -1}}),
	} {
		cfg := runner.Config{Brokers: []string{"localhost:1"}, StateDir: t.TempDir()}
		if _, err := runner.FromGoka(cfg, words(func(goka.Context) {}), opt); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
