package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/gokavro/gokavro/cmd/gokavro/internal/progress"
	"github.com/gokavro/gokavro/codecs/registry"
	"github.com/gokavro/gokavro/examples/flights"
	"github.com/gokavro/gokavro/integration/devstack"
	"github.com/gokavro/gokavro/topology/kafka"
	"github.com/gokavro/gokavro/topology/runner"
)

const (
	reachable = 20 * time.Second // how long a real cluster is tried
	stall     = 60 * time.Second // how long nothing may come out
)

// execute checks everything that can be checked, then runs the demo.
func execute(ctx context.Context, o options, stdout, stderr io.Writer) (err error) {
	input := flightsSource(o.input)
	total, err := count(input, flights.FlightCodec())
	if err != nil {
		return err
	}
	out, err := openOutput(o.out)
	if err != nil {
		return err
	}
	defer out.discard()
	embedded, stop, err := startStack(ctx, &o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	state, err := os.MkdirTemp("", "gokavro-demo-*")
	if err != nil {
		return fmt.Errorf("making a folder for the state: %w: correct TMPDIR", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(state)) }()
	d := &demo{o: o, input: input, total: total, out: out, state: state, embedded: embedded, stdout: stdout, say: stderr}
	if o.json {
		d.say = io.Discard
	}
	return d.run(ctx)
}

// startStack starts what of the stack was not given, completes o, and returns
// what people are told of it.
func startStack(ctx context.Context, o *options) (embedded []string, stop func() error, err error) {
	if len(o.brokers) > 0 && len(o.registry) > 0 {
		return nil, func() error { return nil }, nil
	}
	stack, err := devstack.Start(ctx, devstack.Config{NoKafka: len(o.brokers) > 0, NoRegistry: len(o.registry) > 0})
	if err != nil {
		return nil, nil, err
	}
	if len(o.brokers) == 0 {
		o.brokers = stack.Brokers()
		embedded = append(embedded, "embedded Kafka at "+o.brokers[0])
	}
	if len(o.registry) == 0 {
		o.registry = []string{stack.RegistryURL()}
		embedded = append(embedded, "embedded schema registry at "+o.registry[0])
	}
	return embedded, stack.Close, nil
}

type demo struct {
	o        options
	input    source
	total    int64
	out      output
	state    string
	embedded []string // what was started, for people
	stdout   io.Writer
	say      io.Writer
	cluster
}

func (d *demo) run(ctx context.Context) (err error) {
	if err := d.connect(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.kafka.Close()) }()
	for _, line := range d.embedded {
		fmt.Fprintln(d.say, line)
	}
	if err := d.feedAirports(ctx); err != nil {
		return err
	}
	collected := newCollector(&d.cluster, d.out.enriched)
	start := time.Now()
	if err := d.process(ctx, collected, &start); err != nil {
		return explain(ctx, err)
	}
	if err := d.report(ctx, collected.result(d.total, start)); err != nil {
		return err
	}
	if d.o.keep {
		return d.stayUp(ctx)
	}
	return nil
}

func (d *demo) connect(ctx context.Context) (err error) {
	d.registry, err = registry.New(registry.Config{URLs: d.o.registry, Timeout: reachable})
	if err != nil {
		return err
	}
	d.kafka, err = kafka.Dial(ctx, kafka.Config{Brokers: d.o.brokers, ClientID: "gokavro-demo", Timeout: reachable})
	if err != nil {
		return err
	}
	if err := d.registry.Ping(ctx); err != nil {
		return errors.Join(err, d.kafka.Close())
	}
	return nil
}

// feedAirports fills the lookup table before the topology starts.
func (d *demo) feedAirports(ctx context.Context) error {
	partitions := int32(d.o.partitions)
	_, err := d.kafka.CreateMissing(ctx,
		kafka.Topic{Name: d.o.topic(flights.AirportsTopic), Partitions: partitions, Compact: true},
		kafka.Topic{Name: d.o.topic(flights.FlightsTopic), Partitions: partitions})
	if err != nil {
		return err
	}
	return feed(ctx, &d.cluster, airportsSource(), target[flights.Airport]{
		topic: d.o.topic(flights.AirportsTopic), codec: flights.AirportCodec(), key: func(a *flights.Airport) string { return a.IATA },
	})
}

// process feeds the flights through the running topology and returns when all
// of them are accounted for and the topology has stopped.
func (d *demo) process(ctx context.Context, collected *collector, start *time.Time) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	tasks := &tasks{ctx: ctx, cancel: cancel}
	defer tasks.stop()
	if err := d.startTopology(tasks); err != nil {
		return err
	}
	read, err := collected.start(d.kafka, d.o)
	if err != nil {
		return err
	}
	tasks.start(read)
	*start = time.Now()
	fed := make(chan struct{})
	tasks.start(func(ctx context.Context) error {
		defer close(fed)
		return d.feedFlights(ctx)
	})
	meter := progress.Start(d.say, "enriched", d.total)
	err = collected.wait(ctx, d.total, stall, func(done int64) { meter.Add(done - meter.Done()) })
	meter.Stop()
	if err != nil {
		return err
	}
	<-fed
	fmt.Fprintf(d.say, "enriched %s of %s records\n", progress.Thousands(meter.Done()), progress.Thousands(d.total))
	tasks.stop()
	return context.Cause(ctx)
}

func (d *demo) feedFlights(ctx context.Context) error {
	return feed(ctx, &d.cluster, d.input, target[flights.Flight]{
		topic: d.o.topic(flights.FlightsTopic), codec: flights.FlightCodec(), key: func(f *flights.Flight) string { return f.Origin },
	})
}

// startTopology returns when the topology is running.
func (d *demo) startTopology(t *tasks) error {
	r, err := runner.New(flights.Topology(), runner.Config{
		Brokers: d.o.brokers, Registry: d.o.registry, StateDir: d.state,
		CreateTopics: d.o.partitions, TopicPrefix: d.o.prefix, DialTimeout: reachable,
	})
	if err != nil {
		return err
	}
	t.start(r.Run)
	select {
	case <-r.Ready():
		return nil
	case <-t.ctx.Done():
		return context.Cause(t.ctx)
	}
}

// stayUp runs the topology on until the context ends.
func (d *demo) stayUp(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	tasks := &tasks{ctx: ctx, cancel: cancel}
	defer tasks.stop()
	if err := d.startTopology(tasks); err != nil {
		return err
	}
	fmt.Fprintf(d.say, "\nStaying up: Kafka at %s, schema registry at %s; Ctrl-C ends it\n", d.o.brokers[0], d.o.registry[0])
	<-ctx.Done()
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// explain says what an ended context means here.
func explain(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return errors.New("interrupted before every record was accounted for")
	}
	return err
}
