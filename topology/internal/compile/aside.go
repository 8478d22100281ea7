package compile

import (
	"errors"

	"github.com/gokavro/gokavro/topology/graph"
	"github.com/gokavro/gokavro/topology/internal/letter"
	"github.com/gokavro/gokavro/topology/internal/task"
)

// errFails is the end of a run whose input does not set records aside.
var errFails = errors.New("its input's policy is to fail: start a binary that can process it")

// Aside does what the input's policy says with a record that the process has
// died of so often, which is not decoded and not processed, and returns what is
// written for it.
func (p *Program) Aside(k task.Killed) ([]task.Output, error) {
	p.original(&k)
	message := k.Message
	node := p.input(message.Topic)
	f := letter.Killed(k, node.Name)
	log := p.Log.With("topic", message.Topic, "partition", message.Partition, "offset", message.Offset, "err", f.Err)
	switch p.Graph.Policy(node.Name, node.Name).Action {
	case graph.Fail:
		return nil, errFails
	case graph.Skip:
		p.loud.Warn(log, "skipped a record")
		return nil, nil
	}
	out, err := p.letter(f)
	if err != nil {
		return nil, err
	}
	p.loud.Warn(log, "kept as a dead letter")
	return []task.Output{out}, nil
}

// input returns the input that reads a topic on the cluster, or else what stands
// for it.
func (p *Program) input(topic string) graph.Node {
	for _, n := range p.Graph.Of(graph.Input) {
		if p.Topic(n.Topic) == topic {
			return n
		}
	}
	return graph.Node{Name: topic}
}
