package runner

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/lovoo/goka"

	"github.com/gokavro/gokavro/topology/graph"
	"github.com/gokavro/gokavro/topology/internal/check"
	"github.com/gokavro/gokavro/topology/kafka"
)

// Examine connects to the cluster and returns what the checks before a start
// find there, without changing anything. An error is of what could not be asked.
func (g *Group) Examine(ctx context.Context) (*StartReport, error) {
	client, err := kafka.Dial(ctx, g.cfg.kafka(string(g.graph.Group())))
	if err != nil {
		return nil, err
	}
	defer func() { _ = client.Close() }()
	report, _, err := g.examine(ctx, client)
	return report, err
}

// prepare runs the checks, chooses what places keys, and creates the group's own
// topics.
func (g *Group) prepare(ctx context.Context, client *kafka.Client) error {
	report, places, err := g.examine(ctx, client)
	if err != nil {
		return err
	}
	if err := report.err(); err != nil {
		return err
	}
	report.log(g.cfg.Logger)
	g.hasher = places.New
	g.cfg.Logger.Info("keys are placed", "group", g.graph.Group(), "partitioner", places.Name)
	count, err := client.Partitions(g.graph.InputStreams()[0].Topic())
	if err != nil {
		return err
	}
	if _, err = client.CreateMissing(ctx, g.cfg.topics(g.own(), int(count))...); err == nil {
		g.createRetry(ctx, client, count)
	}
	return err
}

// examine runs the checks, and finds out what places keys.
func (g *Group) examine(ctx context.Context, client *kafka.Client) (*StartReport, check.Hasher, error) {
	report := &StartReport{Group: string(g.graph.Group()), strict: g.cfg.Strict, handWritten: true}
	count, err := g.checkTopics(client)
	if err := report.add(checkTopics, err); err != nil {
		return nil, check.Hasher{}, err
	}
	group := g.group(int(count))
	// Without the topic for replays, or the right to see it, the group runs too.
	group.Topics = slices.DeleteFunc(group.Topics, func(t check.Topic) bool {
		_, err := client.Partitions(t.Name)
		return t.Role == check.Retry && err != nil
	})
	found := check.Run(ctx, client, group)
	report.cluster(found)
	return report, found.Partitioner, nil
}

// topics lists what the group reads and writes.
func (g *Group) topics() (list []check.Topic) {
	add := func(role check.Role, edges goka.Edges) {
		for _, name := range topicsOf(edges) {
			list = append(list, check.Topic{Name: name, Role: role})
		}
	}
	add(check.Input, g.graph.InputStreams())
	add(check.Join, g.graph.JointTables())
	add(check.Lookup, g.graph.LookupTables())
	add(check.Output, g.graph.OutputStreams())
	return append(append(list, g.own()...), g.retryTopic()...)
}

// own lists the group's own topics, without which it does not run.
func (g *Group) own() (list []check.Topic) {
	if table := g.graph.GroupTable(); table != nil {
		list = append(list, check.Topic{Name: table.Topic(), Role: check.Store})
	}
	if loop := g.graph.LoopStream(); loop != nil {
		list = append(list, check.Topic{Name: loop.Topic(), Role: check.Loop})
	}
	if g.buries() {
		list = append(list, check.Topic{Name: g.deadLetters(), Role: check.DeadLetters})
	}
	if g.parks() {
		list = append(list, check.Topic{Name: g.names().Parked(), Role: check.Store})
	}
	return list
}

// group returns what is checked.
func (g *Group) group(partitions int) check.Group {
	c := g.cfg.checked(string(g.graph.Group()))
	c.Topics = g.topics()
	c.Stateful = g.graph.GroupTable() != nil || len(g.graph.JointTables()) > 0
	if partitions > 0 {
		c.Create = g.cfg.topics(g.own(), partitions)
	}
	switch {
	case g.hasher != nil:
		c.Partitioner = &check.Hasher{Name: "the given hasher", New: g.hasher}
	case g.cfg.Partitioner == Murmur2, g.cfg.Partitioner == FNV1a:
		chosen := g.cfg.partitioner()
		c.Partitioner = &chosen
	}
	return c
}

// checkTopics checks that all topics but the group's own are there, and that
// those that belong together have the same number of partitions, which it
// returns.
func (g *Group) checkTopics(client *kafka.Client) (count int32, err error) {
	var faults []string
	for _, t := range g.topics() {
		have, err := client.Partitions(t.Name)
		missing := errors.Is(err, kafka.ErrTopicNotFound)
		own := t.Role == check.Store || t.Role == check.Loop || t.Role == check.DeadLetters
		optional := t.Role == check.Retry
		together := t.Role != check.DeadLetters && (own || optional || t.Role == check.Input || t.Role == check.Join)
		switch {
		case missing && own, err != nil && optional, isHidden(err):
		case missing:
			faults = append(faults, err.Error())
		case err != nil:
			return 0, err
		case together && count == 0:
			count = have
		case together && have != count:
			faults = append(faults, fmt.Sprintf("topic %s has %d partitions, others have %d: inputs, joined tables and the group's own topics must have the same number", t.Name, have, count))
		}
	}
	if len(faults) > 0 {
		return count, &graph.FaultError{Topology: string(g.graph.Group()), Faults: faults}
	}
	return count, nil
}
