package runner

import (
	"context"

	"github.com/gokavro/gokavro/topology/graph"
	"github.com/gokavro/gokavro/topology/internal/compile"
	"github.com/gokavro/gokavro/topology/internal/engine"
	"github.com/gokavro/gokavro/topology/internal/refusal"
	"github.com/gokavro/gokavro/topology/internal/store"
)

// process runs the topology's tasks until ctx ends.
func (r *Runner) process(ctx context.Context, site *site, tables map[string]compile.Table) error {
	program := &compile.Program{
		Graph: r.graph, Topic: site.topic, Codecs: site.codecs, Letters: site.letterWriter(ctx), Tables: tables, Refusals: &refusal.Memory{},
		Retries: &r.stats.retries, Log: r.cfg.Logger, Board: r.watch.board, MaxRecordBytes: site.kafka.Config().Sarama().Producer.MaxMessageBytes,
	}
	id, err := r.cfg.claim(site.topic(r.graph.Name))
	if err != nil {
		return err
	}
	m := &member{
		cfg: r.cfg, watch: r.watch, disk: r.disk, client: site.kafka, group: site.topic(r.graph.Name), id: id, hasher: r.cfg.partitioner().New,
		tombstones: true, aside: program.Aside, refusals: program.Refusals, letters: program.Letters,
	}
	for _, n := range r.graph.Of(graph.Input) {
		m.topics = append(m.topics, site.topic(n.Topic))
	}
	for _, n := range r.graph.Of(graph.Store) {
		m.stores = append(m.stores, store.Spec{Name: n.Name, Topic: site.topic(n.Topic), TTL: n.TTL})
	}
	if err := site.retries(program, m); err != nil {
		return err
	}
	config := m.engine(program.Group(m.group))
	config.Assigned = func() { r.assigned(m.group) }
	config.Committed = r.stats.add
	config.Until = r.ends
	e := engine.New(config)
	r.pauses.drive(e)
	return m.run(ctx, e)
}
