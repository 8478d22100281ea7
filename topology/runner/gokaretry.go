package runner

import (
	"context"
	"slices"

	"github.com/gokavro/gokavro/topology/graph"
	"github.com/gokavro/gokavro/topology/internal/check"
	"github.com/gokavro/gokavro/topology/internal/parking"
	"github.com/gokavro/gokavro/topology/internal/store"
	"github.com/gokavro/gokavro/topology/kafka"
)

// names names the topics that the runner adds to the group's.
func (g *Group) names() *graph.Graph { return &graph.Graph{Name: string(g.graph.Group())} }

// replays reports whether the group reads the topic that dead letters are
// replayed into. Processes of goka would not.
func (g *Group) replays() bool {
	return g.buries() && !g.beside && !g.uses(g.names().Retry())
}

// parks reports whether any input's records may be parked.
func (g *Group) parks() bool {
	return slices.ContainsFunc(g.inputs(), func(topic string) bool { return g.policy(topic).Retry.Topic })
}

// inputs lists the topics that the group consumes, its loop included.
func (g *Group) inputs() []string {
	inputs := topicsOf(g.graph.InputStreams())
	if loop := g.graph.LoopStream(); loop != nil {
		inputs = append(inputs, loop.Topic())
	}
	return inputs
}

// uses reports whether a topic is one of the group's graph.
func (g *Group) uses(topic string) bool { return slices.Contains(topicsOf(g.graph.AllEdges()), topic) }

// retryTopic returns what is checked of the topic for replays, nothing when the
// group reads none.
func (g *Group) retryTopic() []check.Topic {
	if !g.replays() {
		return nil
	}
	return []check.Topic{{Name: g.names().Retry(), Role: check.Retry}}
}

// createRetry creates the topic for replays. The group runs without it where that
// is not allowed.
func (g *Group) createRetry(ctx context.Context, client *kafka.Client, partitions int32) {
	_, err := client.CreateMissing(ctx, g.cfg.topics(g.retryTopic(), int(partitions))...)
	if err != nil && ctx.Err() == nil {
		g.cfg.Logger.Info("the topic for replays of dead letters could not be created", "topic", g.names().Retry(), "err", err)
	}
}

// retries gives the member what there is for retries. Records that were parked
// before are seen to, also where no policy parks any more.
func (g *Group) retries(client *kafka.Client, m *member) error {
	names := g.names()
	count, err := client.Partitions(m.topics[0])
	if err != nil {
		return err
	}
	for _, t := range g.retryTopic() {
		if have, err := client.Partitions(t.Name); err != nil || have != count {
			g.cfg.Logger.Info("dead letters cannot be replayed: create the topic with as many partitions as the inputs have, and start again", "topic", t.Name)
			continue
		}
		m.retry = t.Name
		m.topics = append(m.topics, t.Name)
	}
	if g.beside || g.uses(names.Parked()) {
		return nil
	}
	have, err := client.Partitions(names.Parked())
	switch {
	case err == nil && have == count:
		m.lot, m.alarm = parking.New(names.Parked(), m.takes(names.Parked())), names.Parked()
		m.stores = append(m.stores, store.Spec{Name: names.Parked(), Topic: names.Parked()})
	case g.parks():
		return err
	}
	return nil
}
