package compile

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/lovoo/goka"

	"github.com/gokavro/gokavro/processors/dlq"
	"github.com/gokavro/gokavro/topology/graph"
	"github.com/gokavro/gokavro/topology/internal/parking"
)

// dueAtOnce bounds the parked records that one unit takes.
const dueAtOnce = 100

// moved is a record that was read before: it comes out of a queue of parked
// records, or from the retry topic. What the steps and a letter see of it is as it
// was in its input.
type moved struct {
	record
	entry   *parking.Entry
	headers goka.Headers
	queue   string // "" for one that is not parked
	putOff  bool   // it is to be tried again
}

func (m *moved) Topic() goka.Stream    { return goka.Stream(m.entry.Topic) }
func (m *moved) Partition() int32      { return m.entry.Partition }
func (m *moved) Offset() int64         { return m.entry.Offset }
func (m *moved) Timestamp() time.Time  { return m.entry.Time }
func (m *moved) Headers() goka.Headers { return m.headers }

func (m *moved) Key() string {
	if m.entry.Key == nil {
		return ""
	}
	return string(*m.entry.Key)
}

// waits puts a record behind the parked ones of its key, and reports whether
// there are any.
func (p *Program) waits(r record, in *input) bool {
	if p.Lot == nil || r.Key() == "" {
		return false
	}
	name := queueOf(r)
	held, err := p.Lot.Holds(r, name)
	if err == nil && held {
		err = p.Lot.Park(r, name, entryOf(r, in), p.now())
	}
	if err != nil {
		p.broken(r, err)
	}
	return held
}

func queueOf(r record) string { return parking.Queue(r.Key(), string(r.Topic()), r.Offset()) }

// entryOf returns a record as it is parked.
func entryOf(r record, in *input) *parking.Entry {
	if m, ok := r.(*moved); ok {
		return m.entry
	}
	key := []byte(r.Key())
	e := &parking.Entry{
		Topic: string(r.Topic()), Partition: r.Partition(), Offset: r.Offset(), Time: r.Timestamp(),
		Key: &key, Headers: []dlq.Header{},
	}
	if in.raw != nil {
		e.Value = &in.raw
	}
	headers := r.Headers()
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		value := headers[name]
		e.Headers = append(e.Headers, dlq.Header{Key: name, Value: &value})
	}
	return e
}

// park lets a record that has failed wait for another try, and reports whether
// it does: its policy has to say so, and its tries must not be used up. tried is
// how often it was tried by now.
func (p *Program) park(r record, in *input, retry graph.Retry, tried int) bool {
	m, again := r.(*moved)
	e := *entryOf(r, in)
	e.Attempts += int32(tried)
	again = again && m.queue != ""
	if again {
		e.Parked++
	}
	if p.Lot == nil || !retry.Topic || int(e.Parked) >= retry.TopicAttempts {
		return false
	}
	due := p.now().Add(pause(retry, int(e.Attempts)))
	var err error
	if again {
		m.putOff, err = true, p.Lot.Again(r, m.queue, &e, due)
	} else {
		err = p.Lot.Park(r, queueOf(r), &e, due)
	}
	if err != nil {
		p.broken(r, err)
	}
	p.Counters.Parked.Add(1)
	return true
}

// pause is how long a record waits that was tried that often. A third is left to
// chance, so that what failed together does not come back together.
func pause(retry graph.Retry, tried int) time.Duration {
	d := retry.Backoff
	for range tried - 1 {
		if d >= retry.MaxBackoff {
			break
		}
		d *= 2
	}
	d = min(d, retry.MaxBackoff)
	return d - time.Duration(rand.Int64N(int64(d)/3+1))
}

// due is called when parked records may be due, and takes them in hand.
func (p *Program) due(ctx goka.Context, _ any) {
	r := ctx.(record)
	left := dueAtOnce
	names, err := p.Lot.Due(r, p.now(), left)
	if err != nil {
		p.broken(r, err)
	}
	for _, name := range names {
		for left > 0 && p.resume(r, name) {
			left--
		}
	}
	if left == 0 {
		r.SetAlarm(p.now())
	}
}

// resume takes the first record of a queue in hand, and reports whether it is
// done with; not if there was none, or if it is to be tried again.
func (p *Program) resume(r record, name string) bool {
	e, err := p.Lot.First(r, name)
	if err != nil {
		p.broken(r, err)
	}
	if e == nil {
		return false
	}
	m := newMoved(r, e)
	m.queue = name
	p.again(m)
	if m.putOff {
		return false
	}
	if err := p.Lot.Done(r, name, p.now()); err != nil {
		p.broken(r, err)
	}
	return true
}

func newMoved(r record, e *parking.Entry) *moved {
	m := &moved{record: r, entry: e, headers: goka.Headers{}}
	for _, h := range e.Headers {
		if h.Value != nil {
			m.headers[h.Key] = *h.Value
		} else {
			m.headers[h.Key] = nil
		}
	}
	return m
}

// again processes a record as its input does.
func (p *Program) again(m *moved) {
	var raw []byte
	if m.entry.Value != nil {
		raw = *m.entry.Value
	}
	for _, n := range p.Graph.Of(graph.Input) {
		if p.Topic(n.Topic) != m.entry.Topic {
			continue
		}
		decoded, _ := inputCodec{codec: p.Codecs[n.Name]}.Decode(raw) // it has no error
		p.process(m, n, decoded.(*input))
		return
	}
	in := &input{raw: raw}
	p.bury(m, graph.Node{Name: m.entry.Topic}, in, fmt.Errorf("the topology has no input %s", m.entry.Topic))
}

// replay takes a record of the retry topic.
func (p *Program) replay(ctx goka.Context, msg any) {
	r, in := ctx.(record), msg.(*input)
	p.Counters.In.Add(1)
	origin, rest, err := dlq.ParseOrigin(r.Headers())
	if err != nil {
		p.bury(r, graph.Node{Name: p.Graph.Retry()}, in, err)
		return
	}
	e := entryOf(r, in)
	e.Topic, e.Partition, e.Offset, e.Time = origin.Topic, origin.Partition, origin.Offset, origin.Time
	e.Attempts = int32(origin.Attempts)
	e.Headers = dlq.WithoutOrigin(e.Headers)
	m := newMoved(r, e)
	m.headers = rest
	if !p.waits(m, in) {
		p.again(m)
	}
}

// rawCodec leaves bytes as they are: what they are is not known before the
// callback.
type rawCodec struct{}

// Encode is never called for an input.
func (rawCodec) Encode(any) ([]byte, error) { return nil, errors.ErrUnsupported }

// Decode returns an *input that is not decoded.
func (rawCodec) Decode(data []byte) (any, error) { return &input{raw: data}, nil }

// broken ends the run over a fault of the state.
func (p *Program) broken(r record, err error) {
	p.stop(r, fmt.Errorf("record %s/%d at offset %d: %w", r.Topic(), r.Partition(), r.Offset(), err))
}

func (p *Program) now() time.Time {
	if p.Now != nil {
		return p.Now()
	}
	return time.Now()
}

// earlier is how often a record was tried before it was taken in hand.
func earlier(r record) int32 {
	if m, ok := r.(*moved); ok {
		return m.entry.Attempts
	}
	return 0
}
