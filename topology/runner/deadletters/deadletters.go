// Package deadletters looks through the dead letters of a topology, replays them
// once they can be processed, and drops those that never will.
//
// A letter is replayed by writing its record, fixed or as it was, to the retry
// topic of the topology's own group: other readers of the input see nothing of
// it. A mark that says so is written in the same transaction, so that a letter is
// replayed once, whoever else does the same at that moment.
package deadletters

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gokavro/gokavro/codecs"
	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/codecs/registry"
	"github.com/gokavro/gokavro/processors/dlq"
	"github.com/gokavro/gokavro/topology/graph"
	"github.com/gokavro/gokavro/topology/kafka"
)

// Config says whose dead letters are meant. All of it is needed but Stray.
type Config struct {
	// Kafka is the cluster.
	Kafka *kafka.Client
	// Registry holds the schemas of letters and marks.
	Registry *registry.Client
	// Topology is the name of the consumer group: the topology's, with the topic
	// prefix before it.
	Topology string
	// Stray is told of each record of the topic that is no dead letter, as someone
	// may have written it there by hand; it is left out then. Without Stray, which
	// need not be given, it is an error.
	Stray func(error)
}

// Place is where a letter is in the topic of the dead letters.
type Place struct {
	Partition int32
	Offset    int64
}

// String returns PARTITION/OFFSET.
func (p Place) String() string { return fmt.Sprintf("%d/%d", p.Partition, p.Offset) }

// ParsePlace reads what [Place.String] writes.
func ParsePlace(s string) (Place, error) {
	partition, offset, ok := strings.Cut(s, "/")
	p, err := strconv.ParseInt(partition, 10, 32)
	o, fault := strconv.ParseInt(offset, 10, 64)
	if !ok || err != nil || fault != nil || p < 0 || o < 0 {
		return Place{}, fmt.Errorf("deadletters: %q is no letter: write PARTITION/OFFSET as in a list of letters", s)
	}
	return Place{int32(p), o}, nil
}

// Letter is a dead letter and what has become of it.
type Letter struct {
	dlq.Letter
	Place Place
	State dlq.State
	// Marked is when it was replayed or dropped, zero for an open letter.
	Marked time.Time
}

// Filter says which letters are meant. Its zero value means all of them, or for
// [Replay] and [Drop] all that are open.
type Filter struct {
	// Places are single letters.
	Places []Place
	// Topic is the topic that the letter's record came from.
	Topic string
	// Partitions are those of that topic.
	Partitions []int32
	// From and To bound the record's offset in it: From up to and without To, 0
	// being no bound.
	From, To int64
	// Since and Until bound the record's time: Since up to and without Until.
	Since, Until time.Time
	// Step is the step that failed, or the input that could not be decoded.
	Step string
	// Error is looked for in the error's text.
	Error *regexp.Regexp
	// Key is the record's key, nil for any.
	Key []byte
	// States are those that the letter may be in.
	States []dlq.State
}

func (f Filter) holds(l *Letter) bool {
	switch {
	case len(f.Places) > 0 && !slices.Contains(f.Places, l.Place),
		f.Topic != "" && f.Topic != l.Topic,
		len(f.Partitions) > 0 && !slices.Contains(f.Partitions, l.Partition),
		l.Offset < f.From || f.To > 0 && l.Offset >= f.To,
		!f.Since.IsZero() && l.Time.Before(f.Since) || !f.Until.IsZero() && !l.Time.Before(f.Until),
		f.Step != "" && f.Step != l.Step,
		f.Error != nil && !f.Error.MatchString(l.Error),
		f.Key != nil && string(f.Key) != string(l.Key),
		len(f.States) > 0 && !slices.Contains(f.States, l.State):
		return false
	}
	return true
}

// open restricts a filter that says nothing of states to open letters.
func (f Filter) open() Filter {
	if len(f.States) == 0 {
		f.States = []dlq.State{dlq.Open}
	}
	return f
}

// first returns where the reading of a partition begins, and whether it is to be
// read at all.
func (f Filter) first(partition int32) (from kafka.Position, wanted bool) {
	if len(f.Places) == 0 {
		return kafka.Beginning(), true
	}
	lowest := int64(-1)
	for _, p := range f.Places {
		if p.Partition == partition && (lowest < 0 || p.Offset < lowest) {
			lowest = p.Offset
		}
	}
	return kafka.At(max(lowest, 0)), lowest >= 0
}

// List hands over the letters that the filter means, partition by partition and
// each in its order. An error of handle ends it and is returned, but
// [kafka.ErrStop] is returned as nil.
func List(ctx context.Context, cfg Config, f Filter, handle func(*Letter) error) error {
	marks, err := cfg.marks(ctx)
	if err != nil {
		return err
	}
	return cfg.letters(ctx, f, marks, handle)
}

func (c Config) graph() *graph.Graph { return &graph.Graph{Name: c.Topology} }

// letters reads the topic of the dead letters up to its end.
func (c Config) letters(ctx context.Context, f Filter, known marks, handle func(*Letter) error) error {
	topic, count, err := c.topic()
	if err != nil {
		return err
	}
	for _, p := range f.Places {
		if p.Partition >= count {
			return fmt.Errorf("deadletters: there is no letter %s: topic %s has %d partitions only", p, topic, count)
		}
	}
	codec := letterCodec(c.binding(topic))
	stopped := false
	for partition := range count {
		from, wanted := f.first(partition)
		if !wanted || stopped {
			continue
		}
		err := c.Kafka.Read(ctx, kafka.Query{Topic: topic, Partitions: []int32{partition}, From: from, UntilEnd: true}, func(r kafka.Record) error {
			l, err := read(codec, r)
			if err != nil {
				return c.stray(err)
			}
			l.State, l.Marked = known.of(l)
			if !f.holds(l) {
				return nil
			}
			err = handle(l)
			stopped = errors.Is(err, kafka.ErrStop)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// topic returns the topic of the dead letters and its number of partitions.
func (c Config) topic() (name string, partitions int32, err error) {
	name = c.graph().DeadLetters()
	partitions, err = c.Kafka.Partitions(name)
	if errors.Is(err, kafka.ErrTopicNotFound) {
		err = fmt.Errorf("deadletters: topology %s has no topic of dead letters: give its consumer group, the topic prefix included: %w", c.Topology, err)
	}
	return name, partitions, err
}

func read(codec codecs.Codec[dlq.Letter], r kafka.Record) (*Letter, error) {
	l := &Letter{Place: Place{r.Partition, r.Offset}}
	if err := codec.Read(r.Value, &l.Letter); err != nil {
		return nil, fmt.Errorf("deadletters: reading the letter %s of topic %s: %w", l.Place, r.Topic, err)
	}
	return l, nil
}

// stray returns the error of a record that could not be read, or tells of it
// where the record itself is at fault.
func (c Config) stray(err error) error {
	fault, ok := errors.AsType[*avro.DecodeError](err)
	if c.Stray == nil || !ok || fault.Schema != (avro.SchemaRef{}) && fault.Writer == "" {
		return err // such as a schema that this registry does not have
	}
	c.Stray(err)
	return nil
}

func (c Config) binding(topic string) avro.Binding {
	return avro.Binding{Registry: c.Registry, Topic: topic}
}

func letterCodec(b avro.Binding) codecs.Codec[dlq.Letter] {
	codec, _ := avro.Typed[dlq.Letter](avro.Namespace(dlq.Namespace), avro.Name(dlq.Name)).Bind(b).(codecs.Codec[dlq.Letter])
	return codec
}
