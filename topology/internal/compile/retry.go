package compile

import (
	"errors"
	"fmt"
	"time"

	"github.com/IBM/sarama"
	"github.com/lovoo/goka"

	"github.com/gokavro/gokavro/topology/graph"
	"github.com/gokavro/gokavro/topology/internal/parking"
	"github.com/gokavro/gokavro/topology/internal/task"
)

// dueAtOnce bounds the parked records that one unit takes.
const dueAtOnce = 100

// moved is a record that was read before: it comes out of a queue of parked
// records, or from the retry topic. What the steps and a letter see of it is as it
// was in its input.
type moved struct {
	record
	message *sarama.ConsumerMessage // as it was in its input
	entry   *parking.Entry
	queue   string // "" for one that is not parked
	putOff  bool   // it is to be tried again
}

func (m *moved) Topic() goka.Stream               { return goka.Stream(m.message.Topic) }
func (m *moved) Partition() int32                 { return m.message.Partition }
func (m *moved) Offset() int64                    { return m.message.Offset }
func (m *moved) Timestamp() time.Time             { return m.message.Timestamp }
func (m *moved) Key() string                      { return string(m.message.Key) }
func (m *moved) Message() *sarama.ConsumerMessage { return m.message }

func (m *moved) Headers() goka.Headers {
	headers := goka.Headers{}
	for _, h := range m.message.Headers {
		headers[string(h.Key)] = h.Value
	}
	return headers
}

// waits puts a record behind the parked ones of its key, and reports whether
// there are any. One that cannot be parked is met by the policy of its input.
func (p *Program) waits(r record, input graph.Node) bool {
	if p.Lot == nil || r.Key() == "" {
		return false
	}
	name := queueOf(r)
	held, err := p.Lot.Holds(r, name)
	if err == nil && held {
		err = p.Lot.Park(r, name, entryOf(r), p.now())
	}
	if unfit, ok := errors.AsType[*parking.RefusedError](err); ok {
		(&trial{program: p, record: r, node: input}).giveUp(fmt.Errorf("parked records of its key come first: %w", unfit))
		return true
	}
	if err != nil {
		p.broken(r, err)
	}
	return held
}

func queueOf(r record) string { return parking.Queue(r.Key(), string(r.Topic()), r.Offset()) }

// entryOf returns a record as it is parked.
func entryOf(r record) *parking.Entry {
	if m, ok := r.(*moved); ok {
		return m.entry
	}
	return parking.NewEntry(r.Message())
}

// park lets a record that has failed wait for another try, and reports whether
// it does: its policy has to say so, and its tries must not be used up. tried is
// how often it was tried by now. An error is why it cannot be parked.
func (p *Program) park(r record, retry graph.Retry, tried int) (bool, error) {
	m, _ := r.(*moved)
	again := m != nil && m.queue != ""
	e, due := entryOf(r).Next(retry, tried, again, p.now())
	if p.Lot == nil || e == nil {
		return false, nil
	}
	var err error
	if again {
		err = p.Lot.Again(r, m.queue, e, due)
	} else {
		err = p.Lot.Park(r, queueOf(r), e, due)
	}
	if unfit, ok := errors.AsType[*parking.RefusedError](err); ok {
		return false, unfit
	}
	if err != nil {
		p.broken(r, err)
	}
	if again {
		m.putOff = true
	}
	r.Count(task.Counts{Parked: 1})
	return true, nil
}

// inPlace returns how a record is tried again while others wait: not at all if it
// is parked.
func inPlace(r record, retry graph.Retry) graph.Retry {
	if m, ok := r.(*moved); ok && m.queue != "" {
		retry.Attempts, retry.Budget = 1, 0
	}
	return retry
}

// due is called when parked records may be due, and takes them in hand.
func (p *Program) due(ctx goka.Context, _ any) {
	r := ctx.(record)
	left := dueAtOnce
	if r.Single() {
		left = 1
	}
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
	return &moved{record: r, entry: e, message: e.Message()}
}

// again processes a record as its input does.
func (p *Program) again(m *moved) {
	node := p.input(m.message.Topic)
	if node.Name == "" {
		t := &trial{program: p, record: m, node: graph.Node{Name: m.message.Topic}}
		t.giveUp(fmt.Errorf("the topology has no input %s", m.message.Topic))
		return
	}
	decoded, _ := inputCodec{codec: p.Codecs[node.Name]}.Decode(m.message.Value) // it has no error
	p.process(m, node, decoded.(*input))
}

// replay takes a record of the retry topic.
func (p *Program) replay(ctx goka.Context, _ any) {
	r := ctx.(record)
	e, err := parking.Replayed(r.Message())
	if err != nil {
		t := &trial{program: p, record: r, node: graph.Node{Name: p.Graph.Retry()}}
		t.giveUp(err)
		return
	}
	m := newMoved(r, e)
	if !p.waits(m, p.input(m.message.Topic)) {
		p.again(m)
	}
}

// original makes of a record of the retry topic what it was in its input.
func (p *Program) original(k *task.Killed) {
	if p.Retry == "" || k.Message.Topic != p.Retry {
		return
	}
	if e, err := parking.Replayed(k.Message); err == nil {
		k.Message, k.Earlier = e.Message(), e
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
func earlier(r record) int {
	if m, ok := r.(*moved); ok {
		return int(m.entry.Attempts)
	}
	return 0
}
