// Package runner runs a topology on Kafka.
//
// A [Runner] checks that topics and schemas are there, loads the lookup
// tables, and runs the topology as a goka group until its context ends. [Main]
// is the whole of a deployable binary around it.
//
// Delivery is at least once: a partition's offset moves over a record only
// when everything that it and the records before it wrote is acknowledged.
// State is restored from its changelog topic at each start.
package runner

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/lovoo/goka"
	"golang.org/x/sync/errgroup"

	"github.com/gokavro/gokavro/codecs/registry"
	"github.com/gokavro/gokavro/codecs/registry/dirlock"
	"github.com/gokavro/gokavro/topology"
	"github.com/gokavro/gokavro/topology/graph"
	"github.com/gokavro/gokavro/topology/internal/backend"
	"github.com/gokavro/gokavro/topology/internal/compile"
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

	mu    sync.Mutex
	fault error // what stopped the processor
	ran   bool
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
	if _, ok := errors.AsType[*stopError](err); ok {
		return err
	}
	return errors.Join(err, r.lock.Release())
}

func (r *Runner) begin() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ran {
		return errors.New("runner: Run was called twice: make a new Runner for another run")
	}
	r.ran = true
	return nil
}

// unlessEnded drops the error that comes of ending the context; a fault of the
// processor stays one.
func (r *Runner) unlessEnded(ctx context.Context, err error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fault != nil {
		return r.fault
	}
	var stuck *stopError
	if ctx.Err() != nil && !errors.As(err, &stuck) {
		return nil
	}
	return err
}

// assigned is called at each assignment of partitions.
func (r *Runner) assigned() {
	r.readyOnce.Do(func() {
		close(r.ready)
		r.cfg.Logger.Info("running", "group", r.cfg.TopicPrefix+r.graph.Name)
	})
}

func (r *Runner) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fault == nil {
		r.fault = err
	}
}

// run loads the lookup tables, then consumes.
func (r *Runner) run(ctx context.Context, site *site) error {
	tables := map[string]compile.Table{}
	group, groupCtx := errgroup.WithContext(ctx)
	followCtx, stopFollowing := context.WithCancel(groupCtx)
	defer stopFollowing()
	for _, n := range r.graph.Of(graph.Lookup) {
		table := lookup.New(site.topic(n.Topic), site.codecs[n.Name], r.cfg.Logger)
		start := time.Now()
		follower, err := table.Load(groupCtx, site.kafka)
		if err != nil {
			return err
		}
		r.cfg.Logger.Info("loaded a lookup table", "topic", site.topic(n.Topic), "keys", table.Len(), "took", time.Since(start))
		tables[n.Name] = table
		group.Go(func() error { return follower.Run(followCtx) })
	}
	processor, err := r.processor(site, tables)
	if err != nil {
		return err
	}
	group.Go(func() error {
		defer stopFollowing()
		return r.process(groupCtx, processor)
	})
	return group.Wait()
}

func (r *Runner) processor(site *site, tables map[string]compile.Table) (*goka.Processor, error) {
	program := &compile.Program{
		Graph: r.graph, Topic: site.topic, Codecs: site.codecs, Letters: site.letters, Tables: tables,
		Counters: &r.counters, Log: r.cfg.Logger, Fail: r.fail,
	}
	name := site.topic(r.graph.Name)
	names := backend.Names{}
	for _, n := range r.graph.Of(graph.Store) {
		names[string(goka.GroupTable(goka.Group(name)))] = site.topic(n.Topic)
	}
	processor, err := goka.NewProcessor(r.cfg.Brokers, program.Group(name), backend.Options(backend.Config{
		Client: site.kafka, StateDir: r.cfg.StateDir, Names: names, Log: r.cfg.Logger, Assigned: r.assigned,
	})...)
	if err != nil {
		return nil, fmt.Errorf("building the processor: %w", err)
	}
	return processor, nil
}

// stopError says that a graceful stop took longer than it may.
type stopError struct{ bound time.Duration }

// Error returns the message.
func (e *stopError) Error() string {
	return fmt.Sprintf("the processor did not stop within %s: what was in flight is processed again by the partitions' next owner", e.bound)
}

func (r *Runner) process(ctx context.Context, processor *goka.Processor) error {
	done := make(chan error, 1)
	go func() { done <- processor.Run(ctx) }()
	select {
	case err := <-done:
		return summarize(err)
	case <-ctx.Done():
	}
	bound := time.NewTimer(r.cfg.StopTimeout)
	defer bound.Stop()
	select {
	case err := <-done:
		return summarize(err)
	case <-bound.C:
		return &stopError{bound: r.cfg.StopTimeout}
	}
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
