package runner_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/lovoo/goka"

	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/codecs/registry"
	"github.com/gokavro/gokavro/integration/devstack"
	"github.com/gokavro/gokavro/processors/dlq"
	"github.com/gokavro/gokavro/topology/graph"
	"github.com/gokavro/gokavro/topology/kafka"
	"github.com/gokavro/gokavro/topology/runner"
	"github.com/gokavro/gokavro/topology/runner/deadletters"
)

// countingGroup counts the values of each key, but those that o has: in, or
// through the loop in → send, to out. What it is told of a record is put out too.
func countingGroup(o *outages) *goka.GroupGraph {
	count := func(ctx goka.Context, msg any) {
		n, _ := ctx.Value().(string)
		n += "1"
		ctx.SetValue(n)
		ctx.Emit("out", ctx.Key(), fmt.Sprintf("%s=%d", msg, len(n)))
		ctx.Emit("places", ctx.Key(), fmt.Sprintf("%s %s/%d %d %s %s", msg, ctx.Topic(), ctx.Partition(), ctx.Offset(), ctx.Timestamp().UTC().Format(time.RFC3339), ctx.Headers()["h"]))
		if o.has(msg.(string)) {
			ctx.Fail(errors.New("it is broken"))
		}
	}
	return goka.DefineGroup("count", goka.Input("in", text, count), goka.Loop(text, count),
		goka.Input("send", text, func(ctx goka.Context, msg any) { ctx.Loopback(ctx.Key(), msg) }),
		goka.Output("out", text), goka.Output("places", text), goka.Persist(text))
}

func (b *testBundle) runGroup(t *testing.T, cfg runner.Config, group *goka.GroupGraph, opts ...runner.GroupOption) *running {
	t.Helper()
	g, err := runner.FromGoka(cfg, group, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return run(t, g)
}

// letters returns the dead letters of group count.
func (b *testBundle) letters(t *testing.T) (letters []dlq.Letter) {
	t.Helper()
	codec := avro.Typed[dlq.Letter](avro.Namespace(dlq.Namespace), avro.Name(dlq.Name), avro.Format(avro.SingleObject))
	for _, r := range b.read(t, "count-dead-letters") {
		var letter dlq.Letter
		if err := codec.Read(r.Value, &letter); err != nil {
			t.Fatal(err)
		}
		letters = append(letters, letter)
	}
	return letters
}

func (b *testBundle) replay(t *testing.T) int {
	t.Helper()
	schemas, err := registry.New(registry.Config{URLs: []string{b.stack.RegistryURL()}})
	if err != nil {
		t.Fatal(err)
	}
	n, err := deadletters.Replay(t.Context(), deadletters.Config{Kafka: b.client, Registry: schemas, Topology: "count"}, deadletters.Filter{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestReplayedLettersOfAGokaGroupAreProcessedOnce(t *testing.T) {
	t.Parallel()
	for _, delivery := range []runner.Delivery{runner.ExactlyOnce, runner.AtLeastOnce} {
		t.Run(string(delivery), func(t *testing.T) {
			t.Parallel()
			b := setup(t, devstack.Config{})
			b.topics(t, 2, "in", "send", "out", "places")
			o := &outages{broken: func(value string) bool { return strings.HasPrefix(value, "bad") }}
			cfg := b.groupConfig(t)
			cfg.Delivery, cfg.Partitioner = delivery, runner.AnyPartitioner
			r := b.runGroup(t, cfg, countingGroup(o), runner.OnError(graph.Policy{Retry: graph.Retry{Attempts: 2, Backoff: time.Millisecond}}))
			for i := range 3 {
				in := at("in", 1, fmt.Sprintf("bad%d", i))
				in.Time, in.Headers = time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC), []kafka.Header{{Key: "h", Value: []byte("H")}}
				b.write(t, in, at("in", 0, fmt.Sprintf("good%d", i)))
			}
			sent := at("send", 1, "bad in the loop")
			sent.Key = []byte("looped")
			b.write(t, sent)
			b.awaitValues(t, "count-dead-letters", 4)
			b.awaitValues(t, "out", 3)

			// They fail again, with all tries counted, and then no more.
			if n := b.replay(t); n != 4 {
				t.Fatalf("got %d letters replayed, want 4", n)
			}
			b.awaitValues(t, "count-dead-letters", 8)
			for _, letter := range b.letters(t)[4:] {
				if letter.Attempts != 4 || letter.Topic == "count-retry" || slices.ContainsFunc(letter.Headers, func(h dlq.Header) bool { return h.Key != "h" }) {
					t.Errorf("got the letter %+v, want 4 attempts, and the record as it was", letter)
				}
			}
			o.set(nil)
			if n := b.replay(t); n != 4 {
				t.Fatalf("got %d letters replayed, want 4", n)
			}
			b.awaitValues(t, "out", 7)
			if n := b.replay(t); n != 0 {
				t.Errorf("got %d letters replayed again", n)
			}
			r.stop(t)
			b.runGroup(t, cfg, countingGroup(o)).awaitReady(t).stop(t)
			b.checkReplayed(t)
		})
	}
}

// checkReplayed wants each record of the test above once, told of as it was.
func (b *testBundle) checkReplayed(t *testing.T) {
	t.Helper()
	var got []string
	for _, value := range append(b.values(t, "out"), b.values(t, "places")...) {
		if strings.HasPrefix(value, "bad") {
			got = append(got, value)
		}
	}
	if len(got) == 8 && strings.HasPrefix(got[4], "bad in the loop count-loop/") {
		got[4] = "bad in the loop"
	}
	want := []string{
		"bad in the loop=1", "bad0=1", "bad1=2", "bad2=3",
		"bad in the loop", "bad0 in/1 0 2020-01-02T03:04:05Z H", "bad1 in/1 1 2020-01-02T03:04:05Z H", "bad2 in/1 2 2020-01-02T03:04:05Z H",
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("outputs of what was replayed (-got +want): %s", diff)
	}
	if n := len(b.values(t, "out")); n != 7 {
		t.Errorf("got %d outputs, want 7", n)
	}
}

// What the group has no input for any more comes back as a letter.
func TestReplaysThatAGokaGroupCannotReadComeBack(t *testing.T) {
	t.Parallel()
	b := setup(t, devstack.Config{})
	b.topics(t, 2, "in", "send", "out", "places", "count-retry")
	foreign := kafka.Record{Topic: "count-retry", Partition: 0, Key: []byte("k"), Value: []byte("v")}
	for _, h := range (dlq.Origin{Topic: "prices", Offset: 7, Attempts: 3}).Headers() {
		foreign.Headers = append(foreign.Headers, kafka.Header{Key: h.Key, Value: h.Value})
	}
	b.write(t, foreign, at("count-retry", 1, "by hand"))
	r := b.runGroup(t, b.groupConfig(t), countingGroup(&outages{}), runner.OnError(graph.Policy{Action: graph.Fail}, "in"))
	b.awaitValues(t, "count-dead-letters", 2)
	r.stop(t)
	want := map[string]string{
		"prices":      "topic prices is no input of the group",
		"count-retry": "only `gokavro dlq replay` writes to a retry topic",
	}
	for _, letter := range b.letters(t) {
		if part := want[letter.Topic]; part == "" || !strings.Contains(letter.Error, part) {
			t.Errorf("got the letter %+v, want %q in its error", letter, part)
		}
		delete(want, letter.Topic)
	}
	if len(want) > 0 {
		t.Errorf("got no letter of %v", want)
	}
}

func TestARecordOfAGokaGroupIsParkedUntilItsTriesAreUsedUp(t *testing.T) {
	t.Parallel()
	b := setup(t, devstack.Config{})
	b.topics(t, 1, "in", "send", "out", "places")
	o := &outages{broken: func(value string) bool { return value == "bad" }}
	b.write(t, at("in", 0, "bad"), at("in", 0, "good"))
	r := b.runGroup(t, b.groupConfig(t), countingGroup(o), runner.OnError(
		graph.Policy{Retry: graph.Retry{Attempts: 2, Topic: true, TopicAttempts: 3, Backoff: time.Millisecond, MaxBackoff: time.Millisecond}}))
	b.awaitValues(t, "count-dead-letters", 1)
	b.awaitValues(t, "out", 1)
	r.stop(t)
	if letters := b.letters(t); len(letters) != 1 || letters[0].Attempts != 5 || letters[0].Topic != "in" {
		t.Errorf("got %+v, want one letter of 2 tries in place and 3 from the lot", letters)
	}
	if got := b.values(t, "out"); !slices.Equal(got, []string{"good=1"}) {
		t.Errorf("got %v", got)
	}
	if got := r.Stats(); got.In != 2 || got.Parked != 3 || got.DeadLetters != 1 {
		t.Errorf("got %+v, want 2 records read, one of them parked 3 times and kept", got)
	}
}

// A topic of that name that is the group's own is left alone.
func TestTheRetryTopicOfAGokaGroupIsNoTopicOfItsGraph(t *testing.T) {
	t.Parallel()
	b := setup(t, devstack.Config{NoRegistry: true})
	b.topics(t, 3, "in", "own-retry")
	group := goka.DefineGroup("own", goka.Input("in", text, func(ctx goka.Context, msg any) { ctx.Emit("own-retry", ctx.Key(), msg) }), goka.Output("own-retry", text))
	b.write(t, at("in", 0, "v"))
	r := b.runGroup(t, b.groupConfig(t), group).awaitReady(t)
	b.awaitValues(t, "own-retry", 1)
	r.stop(t)
	if got := b.read(t, "own-dead-letters"); len(got) > 0 {
		t.Errorf("got %d dead letters", len(got))
	}
	b.topics(t, 2, "count-retry")
	b.topics(t, 3, "send", "out", "places")
	if err := b.runGroup(t, b.groupConfig(t), countingGroup(&outages{})).end(t); err == nil || !strings.Contains(err.Error(), "topic count-retry has 2 partitions, others have 3") {
		t.Errorf("got %v, want the retry topic's partitions refused", err)
	}
}

func TestBesideGokaNothingIsParkedOrReplayed(t *testing.T) {
	t.Parallel()
	b := setup(t, devstack.Config{})
	b.topics(t, 2, "in", "send", "out", "places")
	cfg := b.groupConfig(t)
	cfg.Delivery = runner.AtLeastOnce
	parks := runner.OnError(graph.Policy{Retry: graph.Retry{Topic: true}}, "in")
	if _, err := runner.FromGoka(cfg, countingGroup(&outages{}), runner.BesideGoka(), parks); err == nil || !strings.Contains(err.Error(), "know nothing of parked records") {
		t.Errorf("got %v", err)
	}
	b.runGroup(t, cfg, countingGroup(&outages{}), runner.BesideGoka()).awaitReady(t).stop(t)
	if _, err := b.client.TopicID(context.WithoutCancel(t.Context()), "count-retry"); !errors.Is(err, kafka.ErrTopicNotFound) {
		t.Errorf("got %v, want no retry topic", err)
	}
}
