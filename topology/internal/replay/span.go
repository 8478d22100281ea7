package replay

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/gokavro/gokavro/topology/kafka"
)

// countWord begins a bound that counts records.
const countWord = "count:"

// Positions say where each partition of several topics is read from, or up to.
type Positions struct {
	all    kafka.Position
	of     map[string]kafka.Position // by topic, or topic/partition
	count  int64                     // total records, 0 for no such bound
	topics []string                  // that are named
}

// ParseFrom reads where a run begins: a position as [kafka.ParsePosition] reads
// it, or several with commas, of which TOPIC=POSITION and TOPIC/PARTITION=POSITION
// are for these alone. What is not named begins at the beginning.
func ParseFrom(text string) (Positions, error) { return parse(text, kafka.Beginning()) }

// ParseUntil reads where a run ends, as ParseFrom reads a beginning; count:N, for
// itself, is N records of all partitions together. What is not named ends at the
// end.
func ParseUntil(text string) (Positions, error) {
	number, ok := strings.CutPrefix(text, countWord)
	if !ok {
		return parse(text, kafka.End())
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 1 {
		return Positions{}, fmt.Errorf("%q: give a number of records of 1 or more, such as %s1000", text, countWord)
	}
	return Positions{all: kafka.End(), count: n}, nil
}

func parse(text string, otherwise kafka.Position) (Positions, error) {
	p := Positions{all: otherwise, of: map[string]kafka.Position{}}
	for i, part := range strings.Split(text, ",") {
		at, word, named := strings.Cut(part, "=")
		if !named {
			word = part
		}
		position, err := kafka.ParsePosition(word)
		switch {
		case err != nil:
			return Positions{}, fmt.Errorf("%q: %w", part, err)
		case !named && i > 0:
			return Positions{}, fmt.Errorf("%q: the position for all topics comes first; write others as TOPIC=POSITION or TOPIC/PARTITION=POSITION", part)
		case !named:
			p.all = position
			continue
		}
		topic, partition, numbered := strings.Cut(at, "/")
		if n, err := strconv.ParseInt(partition, 10, 32); topic == "" || numbered && (err != nil || n < 0 || strconv.FormatInt(n, 10) != partition) {
			return Positions{}, fmt.Errorf("%q: write it as TOPIC=POSITION or TOPIC/PARTITION=POSITION", part)
		}
		if _, twice := p.of[at]; twice {
			return Positions{}, fmt.Errorf("%q: there are two positions for %s", text, at)
		}
		p.of[at] = position
		p.topics = append(p.topics, topic)
	}
	return p, nil
}

// Topics returns the topics that are named, some of them perhaps several times.
func (p Positions) Topics() []string { return p.topics }

// names reports whether a partition has a position for itself.
func (p Positions) names(topic string, partition int32) bool {
	_, found := p.of[nameOf(topic, partition)]
	return found
}

// check refuses a position of a partition that is not there.
func (p Positions) check(there Offsets) error {
	for name := range p.of {
		topic, number, numbered := strings.Cut(name, "/")
		partition, err := strconv.ParseInt(number, 10, 32)
		if _, found := there[topic][int32(partition)]; numbered && (err != nil || !found) {
			return fmt.Errorf("there is no partition %s of topic %s: it has %d partitions", number, topic, len(there[topic]))
		}
	}
	return nil
}

func nameOf(topic string, partition int32) string { return topic + "/" + strconv.Itoa(int(partition)) }

// in returns the position in a partition.
func (p Positions) in(topic string, partition int32) kafka.Position {
	if own, found := p.of[nameOf(topic, partition)]; found {
		return own
	}
	if own, found := p.of[topic]; found {
		return own
	}
	return p.all
}
