package compile

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/codecs"
	"github.com/gokavro/gokavro/processors"
	"github.com/gokavro/gokavro/topology"
	"github.com/gokavro/gokavro/topology/graph"
	"github.com/gokavro/gokavro/topology/internal/refusal"
	"github.com/gokavro/gokavro/topology/internal/task"
	"github.com/gokavro/gokavro/topology/internal/txn"
	"github.com/gokavro/gokavro/topology/kafka"
)

// stepping is in → step → out with options for each; fail says what the step does
// at each try.
func stepping(t *testing.T, fail func(try int) error, in, step, out []topology.Option) (*Program, graph.Node) {
	t.Helper()
	p, _ := program(t, codecs.String())
	top := topology.New("t")
	tries := 0
	stream := topology.Input(top, "in", codecs.String(), in...)
	topology.Each(stream, "step", func(r processors.Record[string], _ *processors.Row[processors.None], emit func(string)) error {
		tries++
		emit(fmt.Sprintf("%s %d", r.Value, tries))
		return fail(tries)
	}, step...).To("out", picky{codecs.String()}, out...)
	g, err := top.Build()
	if err != nil {
		t.Fatal(err)
	}
	p.Graph = g
	return p, g.Of(graph.Input)[0]
}

func always(err error) func(int) error { return func(int) error { return err } }

func untilTry(n int, err error) func(int) error {
	return func(try int) error {
		if try < n {
			return err
		}
		return nil
	}
}

func with(opts ...topology.Option) []topology.Option { return opts }

var quick = graph.Retry{Attempts: 3, Backoff: time.Nanosecond, MaxBackoff: time.Nanosecond}

func TestTheNearestPolicyDecides(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	skip, fail, keep := topology.OnError(topology.Skip), topology.OnError(topology.Fail), topology.OnError(topology.DeadLetter)
	tests := []struct {
		name          string
		in, step, out []topology.Option
		data          string
		fail          func(int) error
		want          string // out, dead, skipped or failed
		tries         int64
	}{
		{name: "by default", fail: always(broken), want: "dead"},
		{name: "the input's skip", in: with(skip), fail: always(broken), want: "skipped"},
		{name: "the input's fail", in: with(fail), fail: always(broken), want: "failed"},
		{name: "the step's own", in: with(fail), step: with(skip), fail: always(broken), want: "skipped"},
		{name: "the step's own dead letters", in: with(skip), step: with(keep), fail: always(broken), want: "dead"},
		{name: "another node's is not the step's", out: with(fail), fail: always(broken), want: "dead"},
		{name: "bytes that do not decode are the input's", in: with(skip), step: with(fail), data: "\xff", fail: always(nil), want: "skipped"},
		{name: "an output's own", in: with(fail), out: with(skip), data: "UP", fail: always(nil), want: "skipped"},
		{name: "a panic of the step", step: with(skip), fail: func(int) error { panic("x") }, want: "skipped"},
		{name: "retries that help", in: with(topology.Retry(quick)), fail: untilTry(3, broken), want: "out", tries: 2},
		{name: "retries that do not help", step: with(topology.Retry(quick), skip), fail: always(broken), want: "skipped", tries: 2},
		{name: "a panic is tried again", step: with(topology.Retry(quick)), fail: func(int) error { panic("x") }, want: "dead", tries: 2},
		{name: "a permanent error is not", in: with(topology.Retry(quick)), fail: always(fmt.Errorf("so: %w", processors.Permanent(broken))), want: "dead"},
		{name: "bytes that do not decode are not", in: with(topology.Retry(quick)), data: "\xff", fail: always(nil), want: "dead"},
		{name: "an output that does not encode is not", in: with(topology.Retry(quick)), data: "UP", fail: always(nil), want: "dead"},
		{name: "a budget", in: with(topology.Retry(graph.Retry{Budget: time.Nanosecond, Backoff: time.Hour})), fail: always(broken), want: "dead"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p, node := stepping(t, tt.fail, tt.in, tt.step, tt.out)
			ctx := &fakeContext{}
			data := tt.data
			if data == "" {
				data = "word"
			}
			run(t, p, node, ctx, []byte(data))
			if got := outcome(ctx); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			if got := p.Retries.Load(); got != tt.tries {
				t.Errorf("got %d further tries, want %d", got, tt.tries)
			}
			if tt.want != "out" && ctx.forgot == 0 {
				t.Error("the rows that were taken were not given up")
			}
		})
	}
}

// outcome is what became of the one record that was processed.
func outcome(ctx *fakeContext) string {
	switch {
	case ctx.failed != nil:
		return "failed"
	case ctx.counts == (task.Counts{Skipped: 1}) && len(ctx.emitted) == 0:
		return "skipped"
	case ctx.counts == (task.Counts{DeadLetters: 1}) && len(ctx.emitted) == 1 && ctx.emitted[0].Topic == "p.t-dead-letters":
		return "dead"
	case len(ctx.emitted) == 1 && ctx.emitted[0].Topic == "p.out":
		return "out"
	}
	return fmt.Sprintf("%v", ctx.emitted)
}

func TestARunThatFailsSaysWhereAndWhatToDo(t *testing.T) {
	t.Parallel()
	p, node := stepping(t, always(errors.New("no such town")), with(topology.OnError(topology.Fail)), nil, nil)
	ctx := &fakeContext{}
	run(t, p, node, ctx, []byte("word"))
	want := "record in/3 at offset 42 failed at step: step step: no such town: mend the cause and start again, or let the run go on by another action on errors than fail"
	if _, fatal := errors.AsType[*task.FatalError](ctx.failed); !fatal || ctx.failed.Error() != want {
		t.Errorf("got  %v\nwant %s", ctx.failed, want)
	}
}

func TestAStopEndsARetry(t *testing.T) {
	t.Parallel()
	stopping, stop := context.WithCancel(t.Context())
	p, node := stepping(t, func(int) error { stop(); return errors.New("later") },
		with(topology.Retry(graph.Retry{Attempts: 2, Backoff: time.Hour, MaxBackoff: time.Hour})), nil, nil)
	ctx := &fakeContext{stopping: stopping}
	run(t, p, node, ctx, []byte("word"))
	if !errors.Is(ctx.failed, task.ErrAbandoned) || ctx.emitted != nil {
		t.Errorf("got failed %v, emitted %v; want the record left undone", ctx.failed, ctx.emitted)
	}
}

func TestWhatABrokerRefusesIsNotStagedAgain(t *testing.T) {
	t.Parallel()
	refused := func(topic string) *refusal.Memory {
		m := &refusal.Memory{}
		m.Note(&txn.RefusedError{Record: &kafka.Record{Topic: topic}, Alone: true, Err: sarama.ErrTopicAuthorizationFailed})
		return m
	}
	tests := []struct {
		name, topic, want, says string
		in                      []topology.Option
	}{
		{name: "an output", topic: "p.out", want: "dead", says: "|out|output out: the broker refuses the record for topic p.out"},
		{name: "an output whose record is to fail", topic: "p.out", in: with(topology.OnError(topology.Fail)), want: "failed", says: "give the user the right to write there (ACL)"},
		{name: "the dead letters", topic: "p.t-dead-letters", want: "failed", says: "see to the topic of the dead letters"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			fail := always(nil)
			if tt.topic == "p.t-dead-letters" {
				fail = always(errors.New("bad"))
			}
			p, node := stepping(t, fail, tt.in, nil, nil)
			p.Refusals = refused(tt.topic)
			ctx := &fakeContext{}
			run(t, p, node, ctx, []byte("word"))
			if got := outcome(ctx); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			said := fmt.Sprint(ctx.failed, ctx.emitted)
			if !strings.Contains(said, tt.says) {
				t.Errorf("got %s, want it to say %q", said, tt.says)
			}
		})
	}
}

func TestATryBeginsWithTheRecordAsItWasRead(t *testing.T) {
	t.Parallel()
	p, _ := program(t, codecs.String())
	top := topology.New("t")
	var seen [][]int
	in := topology.Input(top, "in", codecs.JSON[[]int](), topology.Retry(quick))
	topology.Each(in, "step", func(r processors.Record[[]int], _ *processors.Row[processors.None], emit func([]int)) error {
		seen = append(seen, append([]int(nil), r.Value...))
		r.Value[0] = 99
		return errors.New("always")
	}).To("out", codecs.JSON[[]int]())
	g, err := top.Build()
	if err != nil {
		t.Fatal(err)
	}
	p.Graph, p.Codecs = g, map[string]codecs.Untyped{"in": codecs.JSON[[]int](), "out": codecs.JSON[[]int]()}
	run(t, p, g.Of(graph.Input)[0], &fakeContext{}, []byte("[1]"))
	if diff := cmp.Diff([][]int{{1}, {1}, {1}}, seen); diff != "" {
		t.Error(diff)
	}
}
