package compile

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"
	"github.com/lovoo/goka"

	"github.com/gokavro/gokavro/codecs"
	"github.com/gokavro/gokavro/codecs/registry"
	"github.com/gokavro/gokavro/processors"
	"github.com/gokavro/gokavro/processors/dlq"
	"github.com/gokavro/gokavro/processors/enrich"
	"github.com/gokavro/gokavro/topology"
	"github.com/gokavro/gokavro/topology/graph"
	"github.com/gokavro/gokavro/topology/internal/letter"
	"github.com/gokavro/gokavro/topology/internal/store"
	"github.com/gokavro/gokavro/topology/internal/task"
)

type gokaContext = goka.Context

// fakeContext records what a callback does to its record.
type fakeContext struct {
	gokaContext
	stopping context.Context
	row      []byte
	rowErr   error

	emitted []emission
	stored  []string
	deleted bool
	forgot  int
	single  bool
	failed  error
	message *sarama.ConsumerMessage
	counts  task.Counts
}

type emission struct{ Topic, Key, Value string }

func (c *fakeContext) Topic() goka.Stream        { return "in" }
func (c *fakeContext) Key() string               { return "k" }
func (c *fakeContext) Partition() int32          { return 3 }
func (c *fakeContext) Offset() int64             { return 42 }
func (c *fakeContext) Timestamp() time.Time      { return time.UnixMilli(1000) }
func (c *fakeContext) Headers() goka.Headers     { return goka.Headers{"h": []byte("v")} }
func (c *fakeContext) Stopping() context.Context { return c.stopping }
func (c *fakeContext) Fail(err error)            { c.failed = err }

func (c *fakeContext) Scan(string, string, string) iter.Seq2[store.Row, error] { return nil }

func (c *fakeContext) SetAlarm(time.Time) {}

func (c *fakeContext) Single() bool { return c.single }

func (c *fakeContext) Message() *sarama.ConsumerMessage { return c.message }

func (c *fakeContext) Forget() { c.forgot++ }

func (c *fakeContext) Row(string, string) ([]byte, any, error) { return c.row, nil, c.rowErr }

func (c *fakeContext) SetRow(_, _ string, row []byte, _ any) {
	if row == nil {
		c.deleted = true
		return
	}
	c.stored = append(c.stored, string(row))
}

func (c *fakeContext) Count(counts task.Counts) { c.counts = counts }

func (c *fakeContext) Stage(o task.Output) {
	c.emitted = append(c.emitted, emission{o.Topic, o.Key, string(o.Value)})
}

// letterCodec writes the parts of a letter that the tests look at.
type letterCodec struct{ codecs.Codec[dlq.Letter] }

func (letterCodec) Append(dst []byte, l *dlq.Letter) ([]byte, error) {
	value := "<none>"
	if l.Value != nil {
		value = string(*l.Value)
	}
	return append(dst, strings.Join([]string{l.Topic, string(l.Key), value, l.Step, l.Error}, "|")...), nil
}

type mapTable map[string]any

func (t mapTable) Get(key string) (any, error) {
	if err, ok := t[key].(error); ok {
		return nil, err
	}
	return t[key], nil
}

// outage is a registry that answers after some failures.
type outage struct {
	codecs.Codec[string]
	failures int
}

func (o *outage) Decode(data []byte) (any, error) {
	if o.failures > 0 {
		o.failures--
		return nil, &registry.UnavailableError{Err: errors.New("connection refused")}
	}
	return o.Codec.Decode(data)
}

// headed is an outage whose records have their beginning in a header.
type headed struct{ outage }

func (h *headed) EncodeWithHeaders(value any) ([]byte, map[string][]byte, error) {
	data, err := h.Encode(value)
	return data, nil, err
}

func (h *headed) DecodeWithHeaders(data []byte, headers map[string][]byte) (any, error) {
	value, err := h.Decode(data)
	if err != nil {
		return nil, err
	}
	return string(headers["h"]) + value.(string), nil
}

// panicking is a codec whose Decode panics.
type panicking struct{ codecs.Codec[string] }

func (panicking) Decode([]byte) (any, error) { panic("boom") }

// upper fails to encode what is in upper case.
type picky struct{ codecs.Codec[string] }

func (p picky) Encode(value any) ([]byte, error) {
	text, err := codecs.Value[string](value)
	if err == nil && text == strings.ToUpper(text) {
		return nil, errors.New("upper case is\nnot wanted")
	}
	return p.Codec.Encode(value)
}

// program runs: in → count per key → look up → out. The words fail, panic and
// delete do as they say.
func program(t *testing.T, input codecs.Codec[string]) (*Program, graph.Node) {
	t.Helper()
	top := topology.New("t")
	table := topology.LookupTable(top, "table", codecs.String())
	in := topology.Input(top, "in", input)
	counted := topology.Process(in, topology.Store(top, "counts", codecs.Int64()),
		func(in processors.Record[string], row *processors.Row[int64], emit func(string)) error {
			n, _ := row.Get()
			row.Set(n + 1)
			emit(in.Value)
			switch in.Value {
			case "fail":
				return errors.New("asked to fail")
			case "panic":
				panic("asked to panic")
			case "delete":
				row.Delete()
			}
			return nil
		})
	named := topology.Lookup(counted, table, enrich.Left(
		func(s string) string { return s },
		func(s string, row *string) string {
			if row == nil {
				return s
			}
			return s + "=" + *row
		}))
	named.To("out", picky{codecs.String()})
	g, err := top.Build()
	if err != nil {
		t.Fatal(err)
	}
	bound := map[string]codecs.Untyped{}
	for _, n := range g.Nodes {
		if n.Codec != nil {
			bound[n.Name] = n.Codec
		}
	}
	return &Program{
		Graph: g, Topic: func(s string) string { return "p." + s }, Codecs: bound, Letters: &letter.Writer{Topic: "p.t-dead-letters", Codec: letterCodec{}},
		Tables:  map[string]Table{"table": mapTable{"word": "row", "broken": errors.New("row is broken")}},
		Retries: &atomic.Int64{}, Log: slog.New(slog.DiscardHandler), MaxRecordBytes: 1000,
	}, g.Of(graph.Input)[0]
}

func count(n int64) string {
	data, _ := codecs.Int64().Append(nil, &n)
	return string(data)
}

func run(t *testing.T, p *Program, node graph.Node, ctx *fakeContext, data []byte) {
	t.Helper()
	p.Group("group")
	if ctx.stopping == nil {
		ctx.stopping = t.Context()
	}
	in, err := inputCodec{codec: p.Codecs[node.Name]}.Decode(data)
	if err != nil {
		t.Fatalf("got %v from the input's codec, want it never to fail", err)
	}
	ctx.message = &sarama.ConsumerMessage{
		Topic: "in", Partition: 3, Offset: 42, Key: []byte("k"), Value: data, Timestamp: ctx.Timestamp(),
		Headers: []*sarama.RecordHeader{{Key: []byte("h"), Value: []byte("v")}},
	}
	p.callback(node)(ctx, in)
}

func TestCallbackAppliesWhatTheStepsWrote(t *testing.T) {
	t.Parallel()
	p, node := program(t, codecs.String())
	ctx := &fakeContext{row: []byte(count(4))}
	run(t, p, node, ctx, []byte("word"))
	if diff := cmp.Diff(ctx.emitted, []emission{{"p.out", "k", "word=row"}}); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(ctx.stored, []string{count(5)}); diff != "" {
		t.Error(diff)
	}
	if ctx.counts != (task.Counts{}) || ctx.failed != nil {
		t.Errorf("got %+v counted, failed %v; want nothing and no", ctx.counts, ctx.failed)
	}
}

func TestCallbackDeletesRows(t *testing.T) {
	t.Parallel()
	p, node := program(t, codecs.String())
	ctx := &fakeContext{row: []byte(count(4))}
	run(t, p, node, ctx, []byte("delete"))
	if !ctx.deleted || ctx.stored != nil {
		t.Errorf("got deleted %t, stored %q; want only a delete", ctx.deleted, ctx.stored)
	}
}

func TestCallbackKeepsWhatCannotBeProcessedAndNothingElseOfIt(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		codec codecs.Codec[string]
		data  []byte
		want  string
	}{
		{name: "bytes that do not decode", data: []byte{0xff}, want: "in|k|\xff|in|codecs: decoding text: \"\\xff\" is not UTF-8"},
		{name: "a tombstone", data: nil, want: "in|k|<none>|in|the record has no value (a tombstone), and a stream's records must have one"},
		{name: "a codec that panics", codec: panicking{codecs.String()}, data: []byte("x"), want: "in|k|x|in|the codec panicked: boom"},
		{name: "a step that fails", data: []byte("fail"), want: "in|k|fail|process-counts|step process-counts: asked to fail"},
		{name: "a step that panics", data: []byte("panic"), want: "in|k|panic|process-counts|step process-counts: panicked: asked to panic"},
		{name: "a row of a table that is broken", data: []byte("broken"), want: `in|k|broken|lookup-table|step lookup-table: looking up key "broken" in table table: row is broken`},
		{
			name: "a record that the broker would refuse", data: []byte(strings.Repeat("x", 1000)),
			want: "in|k|" + strings.Repeat("x", 1000) + "|out|output out: the record has 1098 bytes, more than the 1000 that the producer sends (max.request.size)",
		},
		{name: "a value that does not encode", data: []byte("UP"), want: "in|k|UP|out|output out: upper case is not wanted"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			codec := tt.codec
			if codec == nil {
				codec = codecs.String()
			}
			p, node := program(t, codec)
			ctx := &fakeContext{}
			run(t, p, node, ctx, tt.data)
			if diff := cmp.Diff(ctx.emitted, []emission{{"p.t-dead-letters", "k", tt.want}}); diff != "" {
				t.Error(diff)
			}
			if ctx.stored != nil || ctx.deleted || ctx.failed != nil {
				t.Errorf("got stored %q, deleted %t, failed %v; want none", ctx.stored, ctx.deleted, ctx.failed)
			}
			if want := (task.Counts{DeadLetters: 1}); ctx.counts != want {
				t.Errorf("got %+v counted, want %+v", ctx.counts, want)
			}
		})
	}
}

func TestCallbackWaitsForTheRegistry(t *testing.T) {
	t.Parallel()
	p, node := program(t, &outage{Codec: codecs.String(), failures: 3})
	ctx := &fakeContext{}
	run(t, p, node, ctx, []byte("word"))
	if diff := cmp.Diff(ctx.emitted, []emission{{"p.out", "k", "word=row"}}); diff != "" {
		t.Error(diff)
	}
}

func TestCallbackShowsCodecsTheHeaders(t *testing.T) {
	t.Parallel()
	for _, failures := range []int{0, 2} {
		p, node := program(t, &headed{outage{Codec: codecs.String(), failures: failures}})
		ctx := &fakeContext{}
		run(t, p, node, ctx, []byte("word"))
		if diff := cmp.Diff(ctx.emitted, []emission{{"p.out", "k", "vword"}}); diff != "" {
			t.Errorf("after %d failures: %s", failures, diff)
		}
	}
}

func TestCallbackLeavesARecordUndoneWhenItIsStopped(t *testing.T) {
	t.Parallel()
	p, node := program(t, &outage{Codec: codecs.String(), failures: 1 << 30})
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	ctx := &fakeContext{stopping: stopped}
	run(t, p, node, ctx, []byte("word"))
	if !errors.Is(ctx.failed, task.ErrAbandoned) || ctx.emitted != nil {
		t.Errorf("got failed %v, emitted %v; want the record left undone", ctx.failed, ctx.emitted)
	}
}

func TestCallbackEndsTheRunWhenTheStateIsBroken(t *testing.T) {
	t.Parallel()
	for name, ctx := range map[string]*fakeContext{
		"the store cannot be read":     {rowErr: errors.New("disk gone")},
		"the row's bytes are not ours": {row: []byte("short")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, node := program(t, codecs.String())
			run(t, p, node, ctx, []byte("word"))
			fatal, ok := errors.AsType[*task.FatalError](ctx.failed)
			if !ok || !strings.Contains(fatal.Error(), `record in/3 at offset 42: reading key "k" of store counts`) {
				t.Errorf("got failed %v, want a fault that names record, key and store", ctx.failed)
			}
			if ctx.emitted != nil || ctx.stored != nil {
				t.Errorf("got emitted %v, stored %v; want the record left undone", ctx.emitted, ctx.stored)
			}
		})
	}
}
