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
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gokavro/gokavro/codecs/registry"
	"github.com/gokavro/gokavro/codecs/registry/dirlock"
	"github.com/gokavro/gokavro/topology"
	"github.com/gokavro/gokavro/topology/graph"
	"github.com/gokavro/gokavro/topology/internal/compile"
	"github.com/gokavro/gokavro/topology/internal/engine"
	"github.com/gokavro/gokavro/topology/internal/lookup"
	"github.com/gokavro/gokavro/topology/kafka"
)

// Stats counts what became of the records since the start.
type Stats struct {
	In          int64 // records taken from inputs
	Out         int64 // records written to outputs
	DeadLetters int64 // records kept as dead letters
}

// Runner runs one topology in this process. Several processes with the same
// topology on one cluster share its partitions.
type Runner struct {
	graph    *graph.Graph
	cfg      Config
	counters compile.Counters
	lock     *dirlock.Lock // of the state folder, once Run has taken it

	ready     chan struct{}
	readyOnce sync.Once

	ran atomic.Bool
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
	return &Runner{graph: g, cfg: cfg, ready: make(chan struct{})}, nil
}

// Ready returns a channel that is closed once the tables are loaded and the
// process has its first share of the partitions.
func (r *Runner) Ready() <-chan struct{} { return r.ready }

// Stats returns what was counted so far. It is safe for concurrent use.
func (r *Runner) Stats() Stats {
	return Stats{In: r.counters.In.Load(), Out: r.counters.Out.Load(), DeadLetters: r.counters.DeadLetters.Load()}
}

// Check connects to the cluster and the registry and returns everything there
// that would keep the topology from running, without changing anything.
func (r *Runner) Check(ctx context.Context) error {
	site, err := r.connect(ctx)
	if err != nil {
		return err
	}
	defer site.close()
	return r.graph.Join(site.checkTopics(0), site.checkSchemas(ctx))
}

// Run runs the topology until ctx ends, and returns nil then once everything
// in flight is finished and committed. Any other end is an error. A Runner
// runs once.
func (r *Runner) Run(ctx context.Context) (err error) {
	if err := r.begin(); err != nil {
		return err
	}
	lock, err := dirlock.Take(r.cfg.StateDir)
	if errors.Is(err, dirlock.ErrTaken) {
		return fmt.Errorf("state folder %s is in use by another process: give each its own with --state", r.cfg.StateDir)
	}
	if err != nil {
		return fmt.Errorf("state folder %s cannot be used: %w: give another with --state", r.cfg.StateDir, err)
	}
	r.lock = lock
	defer func() { err = r.release(err) }()
	site, err := r.connect(ctx)
	if err != nil {
		return r.unlessEnded(ctx, err)
	}
	defer site.close()
	if err := site.prepare(ctx); err != nil {
		return r.unlessEnded(ctx, err)
	}
	r.cfg.Logger.Info("starting", "topology", r.graph.Name, "config", r.cfg.String())
	return r.unlessEnded(ctx, r.run(ctx, site))
}

// release gives the state folder up, unless the processor is stuck and may yet
// write there: then it stays held until the process ends.
func (r *Runner) release(err error) error {
	if _, ok := errors.AsType[*engine.StopError](err); ok {
		return err
	}
	return errors.Join(err, r.lock.Release())
}

func (r *Runner) begin() error {
	if r.ran.Swap(true) {
		return errors.New("runner: Run was called twice: make a new Runner for another run")
	}
	return nil
}

// unlessEnded drops the error that comes of ending the context.
func (r *Runner) unlessEnded(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil
	}
	return err
}

// assigned is called at each assignment of partitions.
func (r *Runner) assigned() {
	r.readyOnce.Do(func() {
		close(r.ready)
		r.cfg.Logger.Info("running", "group", r.cfg.TopicPrefix+r.graph.Name, "delivery", r.cfg.Delivery)
	})
}

// run loads the lookup tables, then consumes.
func (r *Runner) run(ctx context.Context, site *site) error {
	tables := map[string]compile.Table{}
	// The tables are followed until the last record in hand is done.
	followCtx, stopFollowing := context.WithCancel(context.WithoutCancel(ctx))
	defer stopFollowing()
	var following errgroup.Group
	for _, n := range r.graph.Of(graph.Lookup) {
		table := lookup.New(site.topic(n.Topic), site.codecs[n.Name], r.cfg.Logger)
		start := time.Now()
		follower, err := table.Load(ctx, site.kafka)
		if err != nil {
			return err
		}
		r.cfg.Logger.Info("loaded a lookup table", "topic", site.topic(n.Topic), "keys", table.Len(), "took", time.Since(start))
		tables[n.Name] = table
		following.Go(func() error { return follower.Run(followCtx) })
	}
	err := r.process(ctx, site, tables)
	stopFollowing()
	return errors.Join(err, following.Wait())
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
	if err := schemas.Ping(ctx); err != nil {
		return nil, errors.Join(err, client.Close())
	}
	return &site{graph: r.graph, cfg: r.cfg, kafka: client, registry: schemas}, nil
}
