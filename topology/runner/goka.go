package runner

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"runtime/debug"
	"slices"
	"sync/atomic"

	"github.com/IBM/sarama"
	"github.com/lovoo/goka"

	"github.com/gokavro/gokavro/topology/graph"
	"github.com/gokavro/gokavro/topology/internal/engine"
	"github.com/gokavro/gokavro/topology/internal/letter"
	"github.com/gokavro/gokavro/topology/internal/refusal"
	"github.com/gokavro/gokavro/topology/internal/store"
	"github.com/gokavro/gokavro/topology/internal/task"
	"github.com/gokavro/gokavro/topology/kafka"
)

// Group runs a hand-written goka group, made by [FromGoka].
type Group struct {
	life
	graph  *goka.GroupGraph
	hasher func() hash.Hash32
	beside bool
	engine atomic.Pointer[engine.Engine]
	stats  counts

	policies map[string]graph.Policy // by topic, or for all inputs
	refusals refusal.Memory
	loud     letter.Loud
}

// GroupOption sets a property of a [Group].
type GroupOption func(*Group)

// Hasher sets what chooses the partition of a record by its key, as
// goka.WithHasher does, in place of [Config.Partitioner].
func Hasher(h func() hash.Hash32) GroupOption {
	return func(g *Group) { g.hasher = h }
}

// BesideGoka lets processes of goka.NewProcessor be members of the group at the
// same time, for as long as a group is being switched. Rebalances stop all
// partitions then. Nothing is replayed or parked. It needs [AtLeastOnce].
func BesideGoka() GroupOption { return func(g *Group) { g.beside = true } }

// FromGoka returns a runner of a goka group as it is: inputs, outputs, loop,
// table, joins, lookups and visitors. Its topics have the names that goka gives
// them. It stands in for goka.NewProcessor; cfg needs brokers, and no registry.
// The topics of inputs and tables must exist; the group's own table and loop
// are created, as goka does, and so are GROUP-dead-letters and GROUP-retry, which
// replayed letters come through. It uses no network.
func FromGoka(cfg Config, group *goka.GroupGraph, opts ...GroupOption) (*Group, error) {
	cfg = cfg.WithDefaults()
	err := cfg.validate(needs{registry: false})
	switch {
	case err != nil:
		return nil, err
	case group == nil:
		return nil, errors.New("runner: FromGoka has no goka group: make one with goka.DefineGroup")
	case cfg.Side != "":
		return nil, errors.New("configuration: side, from and until are not for a hand-written goka group: its graph names the topics")
	case cfg.TopicPrefix != "":
		return nil, errors.New("configuration: topic_prefix is not for a hand-written goka group: its graph names the topics")
	}
	if err := group.Validate(); err != nil {
		return nil, fmt.Errorf("goka group %s: %w", group.Group(), err)
	}
	g := &Group{life: newLife(cfg), graph: group, policies: map[string]graph.Policy{}}
	for _, opt := range opts {
		opt(g)
	}
	if err := g.checkPolicies(); err != nil {
		return nil, err
	}
	if g.beside && cfg.Delivery != AtLeastOnce {
		return nil, errors.New("runner: BesideGoka needs delivery at_least_once: goka waits for ever for the markers of transactions")
	}
	if g.beside && g.parks() {
		return nil, errors.New("runner: BesideGoka and a retry topic do not go together: processes of goka know nothing of parked records, and would pass them by")
	}
	return g, nil
}

// Stats returns what was committed so far, and the tries of records that failed.
// It is safe for concurrent use.
func (g *Group) Stats() Stats { return g.stats.read() }

// Run runs the group until ctx ends, and returns nil then once everything in
// flight is finished and committed. A record that cannot be processed is tried
// again and set aside as [OnError] says, without holding up other partitions. A
// Group runs once.
func (g *Group) Run(ctx context.Context) error {
	return g.live(ctx, func() error {
		var client *kafka.Client
		err := g.patiently(ctx, func() (err error) {
			client, err = g.prepared(ctx)
			return err
		})
		if err != nil {
			return err
		}
		defer func() { _ = client.Close() }()
		g.starting(string(g.graph.Group()))
		return g.run(ctx, client)
	})
}

// prepared returns a connection to brokers that have all that the group needs.
func (g *Group) prepared(ctx context.Context) (*kafka.Client, error) {
	client, err := kafka.Dial(ctx, g.cfg.kafka(string(g.graph.Group())))
	if err != nil {
		return nil, err
	}
	if err := g.prepare(ctx, client); err != nil {
		return nil, errors.Join(err, client.Close())
	}
	return client, nil
}

// VisitAll runs a visitor of the group on every row that this process has, and
// returns how many. It ends early with ctx and at a rebalance.
func (g *Group) VisitAll(ctx context.Context, name string, meta any) (int64, error) {
	e := g.engine.Load()
	var why string
	switch {
	case g.graph.GroupTable() == nil: // goka would never stop after such a question
		why = "it has no table"
	case !slices.ContainsFunc(g.graph.AllEdges(), func(edge goka.Edge) bool { return edge.String() == "visitor "+name }):
		why = fmt.Sprintf("it has no visitor %q: define it by goka.Visitor", name)
	case e == nil:
		why = "it is not running"
	default:
		return e.Visit(ctx, name, meta)
	}
	return 0, fmt.Errorf("runner: visiting the rows of group %s: %s", g.graph.Group(), why)
}

func topicsOf(edges goka.Edges) []string {
	var names []string
	for _, edge := range edges {
		names = append(names, edge.Topic())
	}
	return names
}

func (g *Group) run(ctx context.Context, client *kafka.Client) error {
	following := follow(ctx, client, g.watch)
	defer following.stop()
	g.watch.enter(Restoring)
	lookups := map[string]task.Table{}
	for _, edge := range g.graph.LookupTables() {
		table, err := following.load(ctx, edge.Topic(), edge.Codec())
		if err != nil {
			return err
		}
		lookups[edge.Topic()] = table
	}
	id, err := g.cfg.claim(string(g.graph.Group()))
	if err != nil {
		return err
	}
	letters, err := g.letterWriter(ctx)
	if err != nil {
		return fmt.Errorf("goka group %s: the schema of the dead letters: %w", g.graph.Group(), err)
	}
	m := &member{
		cfg: g.cfg, watch: g.watch, disk: g.disk, client: client, group: string(g.graph.Group()), id: id, hasher: g.hasher, besideGoka: g.beside,
		topics: topicsOf(g.graph.InputStreams()),
		codecs: map[string]goka.Codec{}, lookups: lookups, joins: g.graph.JointTables(),
		refusals: &g.refusals, letters: letters, judge: func() func(task.Failure) task.Verdict { return g.judge(letters) }, refuses: g.refusals.Check,
		aside: g.aside(letters),
	}
	for _, edge := range g.graph.InputStreams() {
		m.codecs[edge.Topic()] = edge.Codec()
	}
	if loop := g.graph.LoopStream(); loop != nil {
		m.topics = append(m.topics, loop.Topic())
		m.codecs[loop.Topic()] = loop.Codec()
	}
	if table := g.graph.GroupTable(); table != nil {
		m.stores = []store.Spec{{Name: table.Topic(), Topic: table.Topic()}}
	}
	if err := g.retries(client, m); err != nil {
		return err
	}
	config := m.engine(g.withoutTables())
	config.Assigned = func() { g.assigned(m.group) }
	config.Committed = g.stats.add
	e := engine.New(config)
	g.engine.Store(e)
	g.pauses.drive(e)
	return m.run(ctx, e)
}

// withoutTables returns the group without the edges of joins and lookups: goka
// would hold a copy of each for each partition.
func (g *Group) withoutTables() *goka.GroupGraph {
	out := map[goka.Edge]bool{}
	for _, edge := range append(g.graph.LookupTables(), g.graph.JointTables()...) {
		out[edge] = true
	}
	var edges []goka.Edge
	for _, edge := range g.graph.AllEdges() {
		if !out[edge] {
			edges = append(edges, edge)
		}
	}
	return goka.DefineGroup(g.graph.Group(), edges...)
}

// decodes returns what looks at a record before goka does, because goka ends
// the whole process at a codec that panics.
func decodes(codecs map[string]goka.Codec) func(*sarama.ConsumerMessage) error {
	return func(message *sarama.ConsumerMessage) (err error) {
		codec := codecs[message.Topic]
		if codec == nil {
			return fmt.Errorf("topic %s is no input of the group, which can process again what it can read only", message.Topic)
		}
		defer func() {
			if r := recover(); r != nil {
				err = fmt.Errorf("the codec %w", &graph.PanicError{Value: r, Stack: debug.Stack()})
			}
			if err != nil {
				err = fmt.Errorf("decoding it: %w", err)
			}
		}()
		if message.Value == nil {
			return nil
		}
		_, err = codec.Decode(message.Value)
		return err
	}
}
