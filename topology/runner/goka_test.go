package runner_test

import (
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/lovoo/goka"

	"github.com/gokavro/gokavro/codecs"
	"github.com/gokavro/gokavro/integration/devstack"
	"github.com/gokavro/gokavro/topology/graph"
	"github.com/gokavro/gokavro/topology/kafka"
	"github.com/gokavro/gokavro/topology/runner"
)

var text = codecs.String()

// words is a goka group that uses every kind of edge: an order is sent to its
// shop's key through the loop, joined there with the shop's owner, priced by a
// lookup, and summed up in the table.
func words(hook func(goka.Context)) *goka.GroupGraph {
	atShop := func(ctx goka.Context, msg any) {
		hook(ctx)
		owner, _ := ctx.Join("owners").(string)
		price, _ := ctx.Lookup("prices", msg.(string)).(string)
		sum, _ := ctx.Value().(string)
		sum += price
		ctx.SetValue(sum)
		ctx.Emit("sums", ctx.Key(), fmt.Sprintf("%s %s %s", ctx.Key(), owner, sum), goka.WithCtxEmitHeaders(goka.Headers{"h": []byte("v")}))
	}
	return goka.DefineGroup("shops",
		goka.Input("orders", text, func(ctx goka.Context, msg any) {
			shop, item, _ := strings.Cut(msg.(string), " ")
			ctx.Loopback(shop, item)
		}),
		goka.Loop(text, atShop),
		goka.Join("owners", text),
		goka.Lookup("prices", text),
		goka.Output("sums", text),
		goka.Persist(text),
		goka.Visitor("close", func(ctx goka.Context, meta any) {
			ctx.Emit("sums", ctx.Key(), fmt.Sprintf("%s %v %v", ctx.Key(), meta, ctx.Value()))
			ctx.Delete()
		}),
	)
}

// placed is a record where goka's own clients would put it.
func placed(topic, key, value string, partitions int32) kafka.Record {
	h := fnv.New32a()
	_, _ = h.Write([]byte(key))
	hash := int32(h.Sum32())
	if hash < 0 {
		hash = -hash
	}
	r := record(topic, key, value)
	r.Partition = hash % partitions
	return r
}

func (b *testBundle) groupConfig(t *testing.T) runner.Config {
	t.Helper()
	return runner.Config{Brokers: b.stack.Brokers(), StateDir: t.TempDir(), Logger: slog.New(slog.NewTextHandler(b.log, nil))}
}

func TestAGokaGroupRunsAsItIs(t *testing.T) {
	t.Parallel()
	for _, delivery := range []runner.Delivery{runner.ExactlyOnce, runner.AtLeastOnce} {
		t.Run(string(delivery), func(t *testing.T) {
			t.Parallel()
			b := setup(t, devstack.Config{NoRegistry: true})
			b.topics(t, 4, "orders", "owners", "sums")
			b.topics(t, 2, "prices")
			b.write(t,
				placed("owners", "x", "Xenia", 4), placed("owners", "y", "Yves", 4),
				record("prices", "tea", "1"), record("prices", "jam", "2"),
				placed("orders", "1", "x tea", 4), placed("orders", "2", "y jam", 4), placed("orders", "3", "x jam", 4))
			cfg := b.groupConfig(t)
			cfg.Delivery = delivery
			g, err := runner.FromGoka(cfg, words(func(goka.Context) {}))
			if err != nil {
				t.Fatal(err)
			}
			r := run(t, g).awaitReady(t)
			got := b.awaitValues(t, "sums", 3)
			got[0] = strings.NewReplacer("12", "12 or 21", "21", "12 or 21").Replace(got[0])
			got[1] = strings.NewReplacer("12", "12 or 21", "21", "12 or 21").Replace(got[1])
			if !strings.HasPrefix(got[0], "x Xenia") || !strings.HasPrefix(got[1], "x Xenia") || got[2] != "y Yves 2" {
				t.Errorf("got %v, want joins, lookups and sums", got)
			}
			visited, err := g.VisitAll(t.Context(), "close", "closed")
			if err != nil || visited != 2 {
				t.Errorf("got %d rows visited, %v; want 2", visited, err)
			}
			got = b.awaitValues(t, "sums", 5)
			if got[2] != "x closed 12" && got[2] != "x closed 21" || got[4] != "y closed 2" {
				t.Errorf("got %v, want what the visitor wrote", got)
			}
			r.stop(t)
			if stats := r.Stats(); stats.In != 8 || stats.Out != 8 {
				t.Errorf("got %+v, want 3 orders, 3 from the loop and 2 visits in, and 3 to the loop and 5 sums out", stats)
			}
			if headers := b.read(t, "sums")[0].Headers; len(headers) != 1 || headers[0].Key != "h" {
				t.Errorf("got headers %v, want the one that was emitted", headers)
			}
			rows := map[string]string{}
			for _, r := range b.read(t, "shops-table") {
				rows[string(r.Key)] = string(r.Value)
			}
			if diff := cmp.Diff(rows, map[string]string{"x": "", "y": ""}); diff != "" {
				t.Errorf("the table's topic (-got +want): %s", diff)
			}
		})
	}
}

func TestAGokaGroupThatFailsIsTriedAgainAndEnds(t *testing.T) {
	t.Parallel()
	b := setup(t, devstack.Config{NoRegistry: true})
	b.topics(t, 4, "orders", "owners", "sums", "prices")
	b.write(t, placed("orders", "1", "x tea", 4))
	var tries atomic.Int32
	g, err := runner.FromGoka(b.groupConfig(t), words(func(ctx goka.Context) {
		tries.Add(1)
		ctx.Fail(errors.New("no tea today"))
	}), runner.OnError(graph.Policy{Action: graph.Fail, Retry: graph.Retry{Attempts: 3}}))
	if err != nil {
		t.Fatal(err)
	}
	err = run(t, g).end(t)
	if err == nil || !strings.Contains(err.Error(), "no tea today") || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %v, want one line with what failed", err)
	}
	if n := tries.Load(); n != 3 {
		t.Errorf("got %d tries, want 3", n)
	}
	if got := b.values(t, "sums"); len(got) > 0 {
		t.Errorf("got %v of a record that failed", got)
	}
}

func TestARecordThatAGokaGroupCannotDecodeIsNamed(t *testing.T) {
	t.Parallel()
	b := setup(t, devstack.Config{NoRegistry: true})
	b.topics(t, 4, "orders", "owners", "sums", "prices")
	b.write(t, placed("orders", "1", "\xff", 4))
	g, err := runner.FromGoka(b.groupConfig(t), words(func(goka.Context) {}), runner.OnError(graph.Policy{Action: graph.Fail}, "orders"))
	if err != nil {
		t.Fatal(err)
	}
	if err := run(t, g).end(t); err == nil || !strings.Contains(err.Error(), "at offset 0 failed at orders: decoding it: codecs: decoding text") {
		t.Errorf("got %v, want the record and what is wrong with it", err)
	}
}

func TestAGokaGroupNeedsItsTopics(t *testing.T) {
	t.Parallel()
	b := setup(t, devstack.Config{NoRegistry: true})
	b.topics(t, 4, "orders")
	b.topics(t, 3, "owners")
	g, err := runner.FromGoka(b.groupConfig(t), words(func(goka.Context) {}))
	if err != nil {
		t.Fatal(err)
	}
	if err := run(t, g).end(t); err == nil || !strings.Contains(err.Error(), "topic owners has 3 partitions, others have 4") {
		t.Errorf("got %v, want the topics that do not go together", err)
	}
	cfg := b.groupConfig(t)
	cfg.TopicPrefix = "p."
	if _, err := runner.FromGoka(cfg, words(func(goka.Context) {})); err == nil || !strings.Contains(err.Error(), "topic_prefix") {
		t.Errorf("got %v, want a prefix refused", err)
	}
	if _, err := runner.FromGoka(b.groupConfig(t), goka.DefineGroup("g")); err == nil || !strings.Contains(err.Error(), "no input stream") {
		t.Errorf("got %v, want goka's own fault", err)
	}
}
