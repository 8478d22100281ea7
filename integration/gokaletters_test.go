package integration_test

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/lovoo/goka"

	"github.com/gokavro/gokavro/codecs"
	"github.com/gokavro/gokavro/processors"
	"github.com/gokavro/gokavro/topology/graph"
	"github.com/gokavro/gokavro/topology/kafka"
	"github.com/gokavro/gokavro/topology/kafka/kafkatest"
	"github.com/gokavro/gokavro/topology/runner"
)

// handOrders counts the orders of each key. As long as it is not mended, those
// that begin with bad become letters, and those with later are parked.
func (c *cluster) handOrders(mended *atomic.Bool) *goka.GroupGraph {
	checked := goka.Stream(c.topic("checked"))
	return goka.DefineGroup(goka.Group(c.topic("orders")),
		goka.Input(goka.Stream(c.topic("placed")), codecs.String(), func(ctx goka.Context, msg any) {
			order, _ := msg.(string)
			switch {
			case mended.Load():
			case strings.HasPrefix(order, "bad"):
				ctx.Fail(processors.Permanent(errors.New("it is bad")))
			case strings.HasPrefix(order, "later"):
				ctx.Fail(errors.New("not yet"))
			}
			n, _ := ctx.Value().(int64)
			ctx.SetValue(n + 1)
			ctx.Emit(checked, ctx.Key(), fmt.Sprintf("%s=%d %d", order, n+1, ctx.Offset()))
		}),
		goka.Output(checked, codecs.String()), goka.Persist(codecs.Int64()))
}

// lines waits for so many values in topic checked, and returns them sorted.
func (c *cluster) lines(t *testing.T, n int) (lines []string) {
	t.Helper()
	deadline := time.Now().Add(kafkatest.Patience)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for ; len(lines) < n; <-tick.C {
		lines = nil
		for _, r := range c.committed(t, c.topic("checked")) {
			lines = append(lines, string(r.Value))
		}
		if len(lines) < n && time.Now().After(deadline) {
			t.Fatalf("got %q within %s, want %d", lines, kafkatest.Patience, n)
		}
	}
	slices.Sort(lines)
	return lines
}

// handStart runs the group in a process of its own.
func (c *cluster) handStart(t *testing.T, mended *atomic.Bool) *ready {
	t.Helper()
	g, err := runner.FromGoka(runner.Config{
		Brokers: strings.Split(c.brokers, ","), Registry: []string{c.registry}, StateDir: t.TempDir(), Partitioner: runner.AnyPartitioner,
		Logger: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})),
	}, c.handOrders(mended), runner.OnError(graph.Policy{Retry: graph.Retry{Topic: true, TopicAttempts: 1_000_000, Backoff: 200 * time.Millisecond, MaxBackoff: time.Second}}))
	if err != nil {
		t.Fatal(err)
	}
	return launchGroup(t, g)
}

// Letters of a hand-written group are replayed by the tool, once, into a process
// that has taken the place of another. What is parked waits for it too.
func TestAGokaGroupProcessesReplaysAndParkedRecordsOnce(t *testing.T) {
	t.Parallel()
	onEachCluster(t, func(t *testing.T, c *cluster) {
		const parts, each = 4, 4
		kafkatest.Create(t, c.kafka, kafka.Topic{Name: c.topic("placed"), Partitions: parts}, kafka.Topic{Name: c.topic("checked"), Partitions: parts})
		var want []string
		for n := range each {
			for p := range int32(parts) {
				of := func(key, kind string) kafka.Record {
					return kafka.Record{Topic: c.topic("placed"), Partition: p, Key: fmt.Appendf(nil, "%s%d", key, p), Value: fmt.Appendf(nil, "%s %d/%d", kind, p, n)}
				}
				kafkatest.Write(t, c.kafka.Config(), of("b", "bad"), of("l", "later"), of("g", "good"))
				for i, kind := range []string{"bad", "later", "good"} {
					want = append(want, fmt.Sprintf("%s %d/%d=%d %d", kind, p, n, n+1, 3*n+i))
				}
			}
		}
		var mended atomic.Bool
		process := c.handStart(t, &mended)
		c.lines(t, parts*each)
		c.awaitLetters(t, parts*each)
		process.stop(t)
		if lines := c.lines(t, parts*each); len(lines) != parts*each || !strings.HasPrefix(lines[0], "good") {
			t.Fatalf("got %q before the mend", lines)
		}

		mended.Store(true)
		process = c.handStart(t, &mended)
		if stdout, _ := c.dlq(t, "list", "--state", "open"); strings.Count(stdout, "it is bad") != parts*each {
			t.Errorf("got the list %s", stdout)
		}
		for _, run := range []struct {
			told string
			args []string
		}{
			{fmt.Sprintf("letters that would be replayed into %s: %d", c.topic("orders-retry"), parts*each), nil},
			{fmt.Sprintf("letters replayed: %d", parts*each), []string{"--execute"}},
			{"letters replayed: 0", []string{"--execute"}},
		} {
			if _, stderr := c.dlq(t, append([]string{"replay"}, run.args...)...); !strings.Contains(stderr, run.told) {
				t.Errorf("got %q, want %q", stderr, run.told)
			}
		}
		c.lines(t, len(want))
		process.stop(t)
		c.handStart(t, &mended).stop(t) // nothing is left to be done
		slices.Sort(want)
		if diff := cmp.Diff(c.lines(t, len(want)), want); diff != "" {
			t.Errorf("processed (-got +want): %s", diff)
		}
		if n := len(c.committed(t, c.topic("orders-dead-letters"))); n != parts*each {
			t.Errorf("got %d letters, want %d", n, parts*each)
		}
	})
}
