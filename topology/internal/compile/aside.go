package compile

import (
	"errors"
	"fmt"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokavro/gokavro/processors/dlq"
	"github.com/gokavro/gokavro/topology/graph"
	"github.com/gokavro/gokavro/topology/internal/task"
)

// errFails is the end of a run whose input does not set records aside.
var errFails = errors.New("its input's policy is to fail: start a binary that can process it")

// Aside does what the input's policy says with a record that the process has
// died of so often, which is not decoded and not processed, and returns what is
// written for it.
func (p *Program) Aside(message *sarama.ConsumerMessage, deaths int) ([]task.Output, error) {
	node := p.input(message.Topic)
	cause := fmt.Sprintf("processing it killed the process %d times", deaths)
	log := p.Log.With("topic", message.Topic, "partition", message.Partition, "offset", message.Offset, "err", cause)
	switch p.Graph.Policy(node.Name, node.Name).Action {
	case graph.Fail:
		return nil, errFails
	case graph.Skip:
		p.Counters.In.Add(1)
		log.Warn("skipped")
		return nil, nil
	}
	letter := letterOf(message)
	letter.Step, letter.Error, letter.Attempts = node.Name, cause, int32(deaths)
	data, err := p.Letters.Append(nil, &letter)
	if err != nil {
		return nil, fmt.Errorf("keeping it as a dead letter: %w", err)
	}
	p.Counters.In.Add(1)
	p.Counters.DeadLetters.Add(1)
	log.Warn("kept as a dead letter")
	return []task.Output{{
		Topic: p.Topic(p.Graph.DeadLetters()), Partition: -1, Key: string(message.Key), Value: data, Time: letter.Time,
	}}, nil
}

// input returns the input that reads a topic on the cluster.
func (p *Program) input(topic string) graph.Node {
	for _, n := range p.Graph.Of(graph.Input) {
		if p.Topic(n.Topic) == topic {
			return n
		}
	}
	return graph.Node{}
}

// letterOf returns what a letter tells of the record itself.
func letterOf(message *sarama.ConsumerMessage) dlq.Letter {
	letter := dlq.Letter{
		Topic: message.Topic, Partition: message.Partition, Offset: message.Offset, Time: message.Timestamp, Headers: []dlq.Header{},
		Position: dlq.Unknown, WriterSchema: dlq.Unknown, ReaderSchema: dlq.Unknown, FailedAt: time.Now(),
	}
	if message.Key != nil {
		letter.Key = &message.Key
	}
	if message.Value != nil {
		letter.Value = &message.Value
	}
	for _, h := range message.Headers {
		header := dlq.Header{Key: string(h.Key)}
		if h.Value != nil {
			header.Value = &h.Value
		}
		letter.Headers = append(letter.Headers, header)
	}
	return letter
}
