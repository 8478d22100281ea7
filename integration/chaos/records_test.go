package chaos_test

import (
	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/processors"
	"github.com/gokavro/gokavro/topology"
)

// The topics of the topology under test, without a scenario's prefix.
const (
	groupName   = "counting"
	inputTopic  = "increments"
	outputTopic = "counted"
	storeTopic  = "counters"
	letterTopic = groupName + "-dead-letters"
)

// Increment adds one to the counter of its key. One with an id below 0 is to be
// passed over: nothing comes of it, so it is done before those in front of it.
type Increment struct {
	ID int64 `avro:"id"`
}

func (i Increment) passedOver() bool { return i.ID < 0 }

// Counter is the state of a key: how many increments it had, and the sum of
// their ids.
type Counter struct {
	Count int64 `avro:"count"`
	Sum   int64 `avro:"sum"`
}

// Counted is what is put out for one increment: the counter after it.
type Counted struct {
	ID    int64 `avro:"id"`
	Count int64 `avro:"count"`
	Sum   int64 `avro:"sum"`
}

func incrementCodec() *avro.TypedCodec[Increment] { return avro.Typed[Increment](namespace()) }
func counterCodec() *avro.TypedCodec[Counter]     { return avro.Typed[Counter](namespace()) }
func countedCodec() *avro.TypedCodec[Counted]     { return avro.Typed[Counted](namespace()) }

func namespace() avro.Option { return avro.Namespace("gokavro.chaos") }

// counting is the topology under test.
func counting() *topology.Topology {
	t := topology.New(groupName)
	increments := topology.Input(t, inputTopic, incrementCodec())
	counters := topology.Store(t, storeTopic, counterCodec())
	counted := topology.Process(increments, counters,
		func(in processors.Record[Increment], row *processors.Row[Counter], emit func(Counted)) error {
			if in.Value.passedOver() {
				return nil
			}
			counter, _ := row.Get()
			counter, out := counter.add(in.Value.ID)
			row.Set(counter)
			emit(out)
			return nil
		})
	counted.To(outputTopic, countedCodec())
	return t
}

// add is all of the logic, whoever runs it.
func (c Counter) add(id int64) (Counter, Counted) {
	c.Count++
	c.Sum += id
	return c, Counted{ID: id, Count: c.Count, Sum: c.Sum}
}
