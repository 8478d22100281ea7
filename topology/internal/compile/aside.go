package compile

import (
	"fmt"

	"github.com/IBM/sarama"

	"github.com/gokavro/gokavro/topology/graph"
	"github.com/gokavro/gokavro/topology/internal/letter"
	"github.com/gokavro/gokavro/topology/internal/task"
)

// Aside does what the input's policy says with a record that the process has
// died of so often, which is neither decoded nor processed.
func (p *Program) Aside(message *sarama.ConsumerMessage, deaths int) task.Verdict {
	input := p.input(message.Topic)
	f := letter.Killed(message, input, deaths)
	at := []any{"topic", message.Topic, "partition", message.Partition, "offset", message.Offset, "step", f.Step, "err", f.Err}
	switch p.Graph.Policy(input, input).Action {
	case graph.Fail:
		return task.Verdict{Err: f.Fatal()}
	case graph.Skip:
		p.Counters.In.Add(1)
		p.Counters.Skipped.Add(1)
		p.Log.Warn("skipped a record", at...)
		return task.Verdict{}
	}
	out, err := p.Letters.Output(f)
	if err == nil {
		err = p.Refusals.Check(out.Topic, out.Key, out.Value, out.Time)
	}
	if err != nil {
		return task.Verdict{Err: fmt.Errorf("%w: see to the topic of the dead letters, or give the input topology.OnError(topology.Skip)", err)}
	}
	p.Counters.In.Add(1)
	p.Counters.DeadLetters.Add(1)
	p.Log.Warn("kept as a dead letter", at...)
	return task.Verdict{Outputs: []task.Output{out}}
}

// input returns the name of the input that reads a topic on the cluster.
func (p *Program) input(topic string) string {
	for _, n := range p.Graph.Of(graph.Input) {
		if p.Topic(n.Topic) == topic {
			return n.Name
		}
	}
	return topic
}
