// Package runner runs a topology on Kafka.
//
// A [Runner] checks that topics and schemas are there, loads the lookup
// tables, and runs the topology as a goka group until its context ends. [Main]
// is the whole of a deployable binary around it.
//
// Delivery is exactly once by default: what a record did, outputs, state and
// the offset behind it, is committed in one transaction or not at all. State is
// kept on disk and brought up to its changelog at each start.
package runner

import (
	"context"
	"errors"
	"time"

	"github.com/gokavro/gokavro/codecs/registry"
	"github.com/gokavro/gokavro/topology"
	"github.com/gokavro/gokavro/topology/graph"
	"github.com/gokavro/gokavro/topology/internal/compile"
	"github.com/gokavro/gokavro/topology/internal/replay"
	"github.com/gokavro/gokavro/topology/kafka"
)

// Runner runs one topology in this process. Several processes with the same
// topology on one cluster share its partitions.
type Runner struct {
	life
	graph *graph.Graph
	stats counts
	ends  replay.Offsets // of a side run that has some
}

// New checks a topology and its configuration. It uses no network.
func New(t *topology.Topology, cfg Config) (*Runner, error) {
	cfg = cfg.WithDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	g, err := t.Build()
	if err != nil {
		return nil, err
	}
	if cfg, g, err = aside(cfg, g); err != nil {
		return nil, err
	}
	return &Runner{life: newLife(cfg), graph: g}, nil
}

// Stats returns what was committed so far, and the tries of records that failed.
// It is safe for concurrent use.
func (r *Runner) Stats() Stats { return r.stats.read() }

// Check connects to the cluster and the registry and returns everything there
// that would keep the topology from running, without changing anything.
func (r *Runner) Check(ctx context.Context) error {
	report, err := r.Examine(ctx)
	if err != nil {
		return err
	}
	return report.err()
}

// Examine is [Runner.Check] with everything that was looked at, warnings too.
// An error is of what could not be asked.
func (r *Runner) Examine(ctx context.Context) (*StartReport, error) {
	site, err := r.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer site.close()
	return site.checkAll(ctx)
}

// Run runs the topology until ctx ends, and returns nil then once everything
// in flight is finished and committed. Any other end is an error. A Runner
// runs once.
func (r *Runner) Run(ctx context.Context) error {
	return r.live(ctx, func() error {
		var site *site
		err := r.patiently(ctx, func() (err error) {
			site, err = r.prepared(ctx)
			return err
		})
		if err != nil {
			return err
		}
		defer site.close()
		r.starting(site.topic(r.graph.Name))
		return r.alongside(ctx, site)
	})
}

// prepared returns a site on which all that the topology needs is there.
func (r *Runner) prepared(ctx context.Context) (*site, error) {
	site, err := r.connect(ctx)
	if err != nil {
		return nil, err
	}
	if err = r.createSide(ctx, site); err == nil {
		err = site.prepare(ctx)
	}
	if err != nil {
		site.close()
		return nil, err
	}
	return site, nil
}

// run loads the lookup tables, then consumes.
func (r *Runner) run(ctx context.Context, site *site) error {
	following := follow(ctx, site.kafka, r.watch)
	defer following.stop()
	r.watch.enter(Restoring)
	tables := map[string]compile.Table{}
	for _, n := range r.graph.Of(graph.Lookup) {
		err := r.patiently(ctx, func() (err error) {
			tables[n.Name], err = following.load(ctx, site.topic(n.Topic), site.codecs[n.Name])
			return err
		})
		if err != nil {
			return err
		}
	}
	return r.process(ctx, site, tables)
}

// connect reaches the brokers and the registry, or gives up after the
// configured time.
func (r *Runner) connect(ctx context.Context) (*site, error) {
	schemas, err := registry.New(r.cfg.registry())
	if err != nil {
		return nil, err
	}
	client, err := kafka.Dial(ctx, r.cfg.kafka(r.graph.Name))
	if err != nil {
		return nil, err
	}
	if err := r.reach(ctx, schemas); err != nil {
		return nil, errors.Join(err, client.Close())
	}
	return &site{graph: r.graph, cfg: r.cfg, kafka: client, registry: schemas}, nil
}

// bundlePatience is how long a registry is tried that a bundle can stand in for.
const bundlePatience = 2 * time.Second

// reach makes sure that the registry is there, or that a bundle stands in for
// it.
func (r *Runner) reach(ctx context.Context, schemas *registry.Client) error {
	if r.cfg.Bundle == "" {
		return schemas.Ping(ctx)
	}
	bounded, cancel := context.WithTimeout(ctx, bundlePatience)
	defer cancel()
	if err := schemas.Ping(bounded); err != nil {
		r.cfg.Logger.Warn("the schema registry does not answer: working from the bundle", "bundle", r.cfg.Bundle, "err", err)
	}
	return ctx.Err()
}
