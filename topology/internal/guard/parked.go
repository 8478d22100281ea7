package guard

import (
	"maps"
	"slices"
	"strings"
)

// Parked stands for the topic of records that are tried again from where they are
// parked. They are named by a number of their own, in place of an offset, and
// their mark is told with that of a topic which the group has committed in.
const Parked = ""

// parkedField begins the names of the fields of such a mark.
const parkedField = "parked-"

// tell returns the text of a topic's mark and of that of the parked records.
func tell(own, parked Mark) string {
	text := own.String()
	if parked.empty() {
		return text
	}
	if text == "" {
		text = prefix
	}
	return text + strings.TrimPrefix(strings.ReplaceAll(parked.String(), " ", " "+parkedField), prefix)
}

// ParseParked reads the mark of the parked records that a text holds.
func ParseParked(text string) Mark {
	fields := strings.Fields(text)
	if len(fields) == 0 || fields[0] != prefix {
		return Mark{Record: None}
	}
	own := fields[:1:1]
	for _, field := range fields[1:] {
		if name, ok := strings.CutPrefix(field, parkedField); ok {
			own = append(own, name)
		}
	}
	return Parse(strings.Join(own, " "))
}

// host returns the topic whose text tells of the parked records, and its offset:
// the first one that is committed; "" when none is. The guard's lock is held.
func (g *Gate) host(offsets map[string]map[int32]int64) (topic string, offset int64) {
	for _, topic := range slices.Sorted(maps.Keys(offsets)) {
		if offset, ok := offsets[topic][g.partition]; ok {
			return topic, offset
		}
	}
	for _, topic := range slices.Sorted(maps.Keys(g.found)) {
		return topic, g.found[topic]
	}
	return "", 0
}

// offerParked adds the mark of the parked records to what is to be committed; the
// guard's lock is held.
func (g *Gate) offerParked(offsets map[string]map[int32]int64, texts map[string]map[int32]string) {
	p := g.places[Parked]
	if p == nil || p.empty() {
		return
	}
	topic, offset := g.host(offsets)
	if topic == "" {
		return
	}
	own := Mark{Record: None}
	if at := g.places[topic]; at != nil {
		own = g.told(at)
	}
	if text := tell(own, g.told(p)); text != "" {
		set(offsets, topic, g.partition, offset)
		set(texts, topic, g.partition, text)
	}
}

// told returns a mark as it is committed now; the guard's lock is held.
func (g *Gate) told(p *place) Mark {
	if g.away {
		return p.alive(g.guard.cfg.ID)
	}
	return p.Mark
}

func set[V any](all map[string]map[int32]V, topic string, partition int32, value V) {
	if all[topic] == nil {
		all[topic] = map[int32]V{}
	}
	all[topic][partition] = value
}
