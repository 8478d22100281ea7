package compile

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/lovoo/goka"

	"github.com/gokavro/gokavro/codecs"
	"github.com/gokavro/gokavro/codecs/registry"
	"github.com/gokavro/gokavro/processors"
	"github.com/gokavro/gokavro/processors/dlq"
	"github.com/gokavro/gokavro/processors/enrich"
	"github.com/gokavro/gokavro/topology"
	"github.com/gokavro/gokavro/topology/graph"
	"github.com/gokavro/gokavro/topology/internal/backend"
)

type gokaContext = goka.Context

// context records what a callback does to its record.
type fakeContext struct {
	gokaContext
	ctx      context.Context
	row      []byte
	rowPanic bool

	emitted  []emission
	stored   []string
	deleted  bool
	deferred []error
}

type emission struct{ Topic, Key, Value string }

func (c *fakeContext) Topic() goka.Stream       { return "in" }
func (c *fakeContext) Key() string              { return "k" }
func (c *fakeContext) Partition() int32         { return 3 }
func (c *fakeContext) Offset() int64            { return 42 }
func (c *fakeContext) Timestamp() time.Time     { return time.UnixMilli(1000) }
func (c *fakeContext) Headers() goka.Headers    { return goka.Headers{"h": []byte("v")} }
func (c *fakeContext) Context() context.Context { return c.ctx }

func (c *fakeContext) Value() any {
	if c.rowPanic {
		panic("disk gone")
	}
	if c.row == nil {
		return nil
	}
	return c.row
}

func (c *fakeContext) SetValue(value any, _ ...goka.ContextOption) {
	c.stored = append(c.stored, string(value.([]byte)))
}

func (c *fakeContext) Delete(...goka.ContextOption) { c.deleted = true }

func (c *fakeContext) Emit(topic goka.Stream, key string, value any, _ ...goka.ContextOption) {
	c.emitted = append(c.emitted, emission{string(topic), key, string(value.([]byte))})
}

func (c *fakeContext) DeferCommit() func(error) {
	return func(err error) { c.deferred = append(c.deferred, err) }
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
func program(t *testing.T, input codecs.Codec[string]) (*Program, graph.Node, *[]error) {
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
	var failures []error
	return &Program{
		Graph: g, Topic: func(s string) string { return "p." + s }, Codecs: bound, Letters: letterCodec{},
		Tables:   map[string]Table{"table": mapTable{"word": "row", "broken": errors.New("row is broken")}},
		Counters: &Counters{}, Log: slog.New(slog.DiscardHandler), Fail: func(err error) { failures = append(failures, err) },
	}, g.Of(graph.Input)[0], &failures
}

func count(n int64) string {
	data, _ := codecs.Int64().Append(nil, &n)
	return string(data)
}

func run(t *testing.T, p *Program, node graph.Node, ctx *fakeContext, data []byte) {
	t.Helper()
	p.Group("group")
	if ctx.ctx == nil {
		ctx.ctx = t.Context()
	}
	in, err := inputCodec{codec: p.Codecs[node.Name]}.Decode(data)
	if err != nil {
		t.Fatalf("got %v from the input's codec, want it never to fail", err)
	}
	p.callback(node)(ctx, in)
}

func TestCallbackAppliesWhatTheStepsWrote(t *testing.T) {
	t.Parallel()
	p, node, _ := program(t, codecs.String())
	ctx := &fakeContext{row: []byte(count(4))}
	run(t, p, node, ctx, []byte("word"))
	if diff := cmp.Diff(ctx.emitted, []emission{{"p.out", "k", "word=row"}}); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(ctx.stored, []string{count(5)}); diff != "" {
		t.Error(diff)
	}
	if in, out := p.Counters.In.Load(), p.Counters.Out.Load(); in != 1 || out != 1 || len(ctx.deferred) != 0 {
		t.Errorf("got %d in, %d out, deferred %v; want 1, 1 and none", in, out, ctx.deferred)
	}
}

func TestCallbackDeletesRows(t *testing.T) {
	t.Parallel()
	p, node, _ := program(t, codecs.String())
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
		{name: "a step that fails", data: []byte("fail"), want: "in|k|fail|in|step process-counts: asked to fail"},
		{name: "a step that panics", data: []byte("panic"), want: "in|k|panic|in|a step panicked: asked to panic"},
		{name: "a row of a table that is broken", data: []byte("broken"), want: `in|k|broken|in|step lookup-table: looking up key "broken" in table table: row is broken`},
		{name: "a value that does not encode", data: []byte("UP"), want: "in|k|UP|in|output out: upper case is not wanted"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			codec := tt.codec
			if codec == nil {
				codec = codecs.String()
			}
			p, node, failures := program(t, codec)
			ctx := &fakeContext{}
			run(t, p, node, ctx, tt.data)
			if diff := cmp.Diff(ctx.emitted, []emission{{"p.t-dead-letters", "k", tt.want}}); diff != "" {
				t.Error(diff)
			}
			if ctx.stored != nil || ctx.deleted || ctx.deferred != nil || *failures != nil {
				t.Errorf("got stored %q, deleted %t, deferred %v, failures %v; want none", ctx.stored, ctx.deleted, ctx.deferred, *failures)
			}
			if dead := p.Counters.DeadLetters.Load(); dead != 1 {
				t.Errorf("got %d dead letters counted, want 1", dead)
			}
		})
	}
}

func TestCallbackWaitsForTheRegistry(t *testing.T) {
	t.Parallel()
	p, node, _ := program(t, &outage{Codec: codecs.String(), failures: 3})
	ctx := &fakeContext{}
	run(t, p, node, ctx, []byte("word"))
	if diff := cmp.Diff(ctx.emitted, []emission{{"p.out", "k", "word=row"}}); diff != "" {
		t.Error(diff)
	}
}

func TestCallbackShowsCodecsTheHeaders(t *testing.T) {
	t.Parallel()
	for _, failures := range []int{0, 2} {
		p, node, _ := program(t, &headed{outage{Codec: codecs.String(), failures: failures}})
		ctx := &fakeContext{}
		run(t, p, node, ctx, []byte("word"))
		if diff := cmp.Diff(ctx.emitted, []emission{{"p.out", "k", "vword"}}); diff != "" {
			t.Errorf("after %d failures: %s", failures, diff)
		}
	}
}

func TestCallbackLeavesARecordUnmarkedWhenItIsStopped(t *testing.T) {
	t.Parallel()
	p, node, _ := program(t, &outage{Codec: codecs.String(), failures: 1 << 30})
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	ctx := &fakeContext{ctx: stopped}
	run(t, p, node, ctx, []byte("word"))
	if len(ctx.deferred) != 1 || !errors.Is(ctx.deferred[0], backend.ErrAbandoned) || ctx.emitted != nil {
		t.Errorf("got deferred %v, emitted %v; want the record left unmarked", ctx.deferred, ctx.emitted)
	}
}

func TestCallbackStopsTheProcessorWhenTheStateIsBroken(t *testing.T) {
	t.Parallel()
	for name, ctx := range map[string]*fakeContext{
		"the store panics":             {rowPanic: true},
		"the row's bytes are not ours": {row: []byte("short")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, node, failures := program(t, codecs.String())
			run(t, p, node, ctx, []byte("word"))
			if len(*failures) != 1 || !strings.Contains((*failures)[0].Error(), `record in/3 at offset 42: reading key "k" of store counts`) {
				t.Errorf("got failures %v, want one that names record, key and store", *failures)
			}
			if len(ctx.deferred) != 1 || ctx.deferred[0] == nil || ctx.emitted != nil {
				t.Errorf("got deferred %v, emitted %v; want the record left unmarked", ctx.deferred, ctx.emitted)
			}
		})
	}
}
