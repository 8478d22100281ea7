package compile

import (
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"
	"github.com/lovoo/goka"

	"github.com/gokavro/gokavro/codecs"
	"github.com/gokavro/gokavro/processors"
	"github.com/gokavro/gokavro/processors/dlq"
	"github.com/gokavro/gokavro/topology"
	"github.com/gokavro/gokavro/topology/graph"
	"github.com/gokavro/gokavro/topology/internal/letter"
	"github.com/gokavro/gokavro/topology/internal/parking"
	"github.com/gokavro/gokavro/topology/internal/store"
)

// lotBundle is a program that parks, its tables, and a clock that only the test
// moves.
type lotBundle struct {
	program *Program
	node    graph.Node
	tables  map[string]map[string][]byte
	clock   time.Time
	alarm   time.Time // zero when none is set
	broken  map[string]bool
	limit   int // bytes of a row that can be parked, 0 for any
	offset  int64
	emitted []emission
}

func (b *lotBundle) unfit(_ string, row []byte) error {
	if b.limit > 0 && len(row) > b.limit {
		return errors.New("it is too large")
	}
	return nil
}

// lotContext is a record of a lotBundle.
type lotContext struct {
	fakeContext
	bundle  *lotBundle
	topic   string
	key     string
	headers []dlq.Header
	value   string
	offset  int64
}

func (c *lotContext) Topic() goka.Stream { return goka.Stream(c.topic) }
func (c *lotContext) Key() string        { return c.key }
func (c *lotContext) Offset() int64      { return c.offset }

func (c *lotContext) Message() *sarama.ConsumerMessage {
	e := parking.Entry{
		Topic: c.topic, Partition: c.Partition(), Offset: c.offset, Time: c.Timestamp(), Headers: c.headers,
	}
	key, value := []byte(c.key), []byte(c.value)
	e.Key, e.Value = &key, &value
	return e.Message()
}

func (c *lotContext) Row(table, key string) ([]byte, any, error) {
	return c.bundle.tables[table][key], nil, nil
}

func (c *lotContext) SetRow(table, key string, row []byte, _ any) {
	if c.bundle.tables[table] == nil {
		c.bundle.tables[table] = map[string][]byte{}
	}
	c.bundle.tables[table][key] = row
	if row == nil {
		delete(c.bundle.tables[table], key)
	}
}

func (c *lotContext) Scan(table, from, to string) iter.Seq2[store.Row, error] {
	return func(yield func(store.Row, error) bool) {
		for _, key := range slices.Sorted(maps.Keys(c.bundle.tables[table])) {
			if key >= from && key < to && !yield(store.Row{Key: key, Value: c.bundle.tables[table][key]}, nil) {
				return
			}
		}
	}
}

func (c *lotContext) SetAlarm(at time.Time) {
	if c.bundle.alarm.IsZero() || at.Before(c.bundle.alarm) {
		c.bundle.alarm = at
	}
}

// newLot runs in → count per key → out. A record whose value is in broken fails.
func newLot(t *testing.T, retry graph.Retry) *lotBundle {
	t.Helper()
	b := &lotBundle{tables: map[string]map[string][]byte{}, clock: time.UnixMilli(1_000_000), broken: map[string]bool{}}
	top := topology.New("t")
	in := topology.Input(top, "in", codecs.String(), topology.Retry(retry))
	topology.Process(in, topology.Store(top, "counts", codecs.Int64()),
		func(in processors.Record[string], row *processors.Row[int64], emit func(string)) error {
			if b.broken[in.Value] {
				return errors.New("it is broken")
			}
			n, _ := row.Get()
			row.Set(n + 1)
			emit(fmt.Sprintf("%s %d", in.Value, n+1))
			return nil
		}).To("out", codecs.String())
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
	b.program = &Program{
		Graph: g, Topic: func(s string) string { return s }, Codecs: bound, Letters: &letter.Writer{Topic: "t-dead-letters", Codec: letterCodec{}},
		Retries: &atomic.Int64{}, Log: slog.New(slog.DiscardHandler),
		Lot: parking.New(g.Parked(), b.unfit), Alarm: g.Parked(), Retry: g.Retry(), Now: func() time.Time { return b.clock },
	}
	b.program.Group("t")
	b.node = g.Of(graph.Input)[0]
	return b
}

// run takes a record through a callback, and keeps what is emitted.
func (b *lotBundle) run(t *testing.T, ctx *lotContext, callback func(*lotContext)) {
	t.Helper()
	ctx.bundle, ctx.offset = b, b.offset
	ctx.stopping = t.Context()
	b.offset++
	callback(ctx)
	if ctx.failed != nil {
		t.Fatal(ctx.failed)
	}
	b.emitted = append(b.emitted, ctx.emitted...)
}

func (b *lotBundle) put(t *testing.T, key, value string) {
	t.Helper()
	b.run(t, &lotContext{topic: "in", key: key, value: value}, func(ctx *lotContext) {
		in, err := inputCodec{codec: b.program.Codecs["in"]}.Decode([]byte(value))
		if err != nil {
			t.Fatal(err)
		}
		b.program.callback(b.node)(ctx, in)
	})
}

func (b *lotBundle) replay(t *testing.T, key, value string, o dlq.Origin) {
	t.Helper()
	b.run(t, &lotContext{topic: "t-retry", key: key, value: value, headers: o.Headers()}, func(ctx *lotContext) { b.program.replay(ctx, &input{raw: []byte(value)}) })
}

// pass moves the clock to the alarm and lets it ring; how far it moved is returned.
func (b *lotBundle) pass(t *testing.T) time.Duration {
	t.Helper()
	if b.alarm.IsZero() {
		t.Fatal("no alarm is set")
	}
	took := max(b.alarm.Sub(b.clock), 0)
	b.clock = b.clock.Add(took)
	b.alarm = time.Time{}
	b.run(t, &lotContext{topic: "t-parked"}, func(ctx *lotContext) { b.program.due(ctx, nil) })
	return took
}

func (b *lotBundle) values(topic string) []string {
	list := []string{}
	for _, e := range b.emitted {
		if e.Topic == topic {
			list = append(list, e.Value)
		}
	}
	return list
}

// leftovers are the rows that wait.
func (b *lotBundle) leftovers() int { return len(b.tables["t-parked"]) }

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("%s (-got +want): %s", what, diff)
	}
}

func TestAParkedRecordHoldsUpItsKeyAlone(t *testing.T) {
	t.Parallel()
	b := newLot(t, graph.Retry{Topic: true, Backoff: time.Second})
	b.broken["a1"] = true
	b.put(t, "a", "a1")
	b.put(t, "a", "a2")
	b.put(t, "b", "b1")
	b.put(t, "a", "a3")
	equal(t, "outputs while a1 is parked", b.values("out"), []string{"b1 1"})
	if took := b.pass(t); took < 600*time.Millisecond || took > time.Second {
		t.Errorf("got due after %s, want about 1 s", took)
	}
	equal(t, "outputs after a try that failed", b.values("out"), []string{"b1 1"})
	b.broken["a1"] = false
	if took := b.pass(t); took < 1300*time.Millisecond || took > 2*time.Second {
		t.Errorf("got due again after %s, want about 2 s", took)
	}
	equal(t, "outputs in the order of the key", b.values("out"), []string{"b1 1", "a1 1", "a2 2", "a3 3"})
	equal(t, "rows that are left", b.leftovers(), 0)
	b.put(t, "a", "a4")
	equal(t, "outputs", b.values("out")[4:], []string{"a4 4"})
	equal(t, "letters", b.values("t-dead-letters"), []string{})
}

func TestARecordIsBuriedWhenItsTriesAreUsedUpAndItsKeyGoesOn(t *testing.T) {
	t.Parallel()
	b := newLot(t, graph.Retry{Topic: true, TopicAttempts: 3, Backoff: time.Second})
	b.broken["a1"], b.broken["a2"] = true, true
	letters := &attemptsCodec{}
	b.program.Letters.Codec = letters
	b.put(t, "a", "a1")
	b.put(t, "a", "a2")
	b.put(t, "a", "a3")
	// a2 has its first try right behind a1's last one.
	for b.leftovers() > 0 {
		b.pass(t)
	}
	equal(t, "letters", letters.list, []string{"in/3@0 tried 4", "in/3@1 tried 3"})
	equal(t, "outputs", b.values("out"), []string{"a3 1"})
	equal(t, "rows that are left", b.leftovers(), 0)
}

// attemptsCodec notes the place and the attempts of letters.
type attemptsCodec struct {
	codecs.Codec[dlq.Letter]
	list []string
}

func (c *attemptsCodec) Append(dst []byte, l *dlq.Letter) ([]byte, error) {
	c.list = append(c.list, fmt.Sprintf("%s/%d@%d tried %d", l.Topic, l.Partition, l.Offset, l.Attempts))
	return append(dst, 'x'), nil
}

func TestRecordsWithoutAKeyWaitAlone(t *testing.T) {
	t.Parallel()
	b := newLot(t, graph.Retry{Topic: true})
	b.broken["1"] = true
	for _, value := range []string{"1", "2", "3"} {
		b.put(t, "", value)
	}
	equal(t, "outputs while one is parked", b.values("out"), []string{"2 1", "3 2"})
	b.broken["1"] = false
	b.pass(t)
	equal(t, "outputs", b.values("out"), []string{"2 1", "3 2", "1 3"})
}

func TestWhatCannotBeDecodedIsNotParked(t *testing.T) {
	t.Parallel()
	b := newLot(t, graph.Retry{Topic: true})
	b.put(t, "a", "\xff")
	equal(t, "letters", len(b.values("t-dead-letters")), 1)
	equal(t, "rows that are left", b.leftovers(), 0)
}

func TestWhatTheLotDoesNotTakeIsMetByThePolicy(t *testing.T) {
	t.Parallel()
	b := newLot(t, graph.Retry{Topic: true})
	letters := &attemptsCodec{}
	b.program.Letters.Codec = letters
	b.limit = 100
	large := strings.Repeat("a", b.limit)
	b.broken[large], b.broken["a1"] = true, true
	b.put(t, "a", large) // is not parked
	b.put(t, "a", "a1")
	b.put(t, "a", large) // cannot queue behind a1
	b.put(t, "a", "a2")
	equal(t, "letters", letters.list, []string{"in/3@0 tried 1", "in/3@2 tried 1"})
	b.limit = 1
	b.pass(t) // a1 cannot be put off
	equal(t, "letters", letters.list[2:], []string{"in/3@1 tried 2"})
	equal(t, "outputs", b.values("out"), []string{"a2 1"})
	equal(t, "rows that are left", b.leftovers(), 0)
}

func TestAReplayedRecordIsThatOfItsInput(t *testing.T) {
	t.Parallel()
	b := newLot(t, graph.Retry{})
	letters := &attemptsCodec{}
	b.program.Letters.Codec = letters
	origin := dlq.Origin{Topic: "in", Partition: 3, Offset: 77, Time: time.UnixMilli(5), Attempts: 4}
	b.replay(t, "a", "a1", origin)
	equal(t, "outputs", b.values("out"), []string{"a1 1"})
	b.broken["a2"] = true
	b.replay(t, "a", "a2", origin)
	equal(t, "letters", letters.list, []string{"in/3@77 tried 5"})
}

func TestAReplayedRecordQueuesBehindItsKey(t *testing.T) {
	t.Parallel()
	b := newLot(t, graph.Retry{Topic: true})
	b.broken["a1"] = true
	b.put(t, "a", "a1")
	b.replay(t, "a", "old", dlq.Origin{Topic: "in", Offset: 1, Time: time.UnixMilli(5)})
	b.put(t, "a", "a2")
	equal(t, "outputs while a1 is parked", b.values("out"), []string{})
	b.broken["a1"] = false
	b.pass(t)
	equal(t, "outputs", b.values("out"), []string{"a1 1", "old 2", "a2 3"})
}

func TestAStrangeRecordInTheRetryTopicIsKept(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]dlq.Origin{"no origin": {}, "another input": {Topic: "elsewhere"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newLot(t, graph.Retry{})
			b.replay(t, "a", "a1", o)
			letters := b.values("t-dead-letters")
			if len(letters) != 1 || !strings.Contains(letters[0], "a1") {
				t.Errorf("got letters %q, want one of the record", letters)
			}
		})
	}
}

func TestOneRingTakesABoundedNumberOfRecords(t *testing.T) {
	t.Parallel()
	b := newLot(t, graph.Retry{Topic: true})
	const keys = dueAtOnce + 50
	for i := range keys {
		value := fmt.Sprintf("v%03d", i)
		b.broken[value] = true
		b.put(t, value, value)
	}
	clear(b.broken)
	b.clock = b.clock.Add(time.Hour)
	b.pass(t)
	equal(t, "outputs after one ring", len(b.values("out")), dueAtOnce)
	equal(t, "time until the next", b.pass(t), time.Duration(0))
	equal(t, "outputs", len(b.values("out")), keys)
	equal(t, "rows that are left", b.leftovers(), 0)
}

// One of them may end the process.
func TestARingTakesOneRecordWhereTheyAreTakenSingly(t *testing.T) {
	t.Parallel()
	b := newLot(t, graph.Retry{Topic: true})
	for _, value := range []string{"a", "b"} {
		b.broken[value] = true
		b.put(t, value, value)
	}
	clear(b.broken)
	b.clock = b.clock.Add(time.Hour)
	for n := range 2 {
		b.run(t, &lotContext{topic: "t-parked", fakeContext: fakeContext{single: true}}, func(ctx *lotContext) { b.program.due(ctx, nil) })
		equal(t, "outputs", len(b.values("out")), n+1)
	}
}
