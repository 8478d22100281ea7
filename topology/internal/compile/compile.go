// Package compile turns a graph into a goka group whose callbacks run the
// graph's steps.
package compile

import (
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/lovoo/goka"

	"github.com/gokavro/gokavro/codecs"
	"github.com/gokavro/gokavro/topology/graph"
	"github.com/gokavro/gokavro/topology/internal/health"
	"github.com/gokavro/gokavro/topology/internal/letter"
	"github.com/gokavro/gokavro/topology/internal/parking"
	"github.com/gokavro/gokavro/topology/internal/refusal"
)

// Table is a lookup table as the steps see it. It is safe for concurrent use.
type Table interface {
	// Get returns the value of key, nil when there is none.
	Get(key string) (any, error)
}

// Program is a graph together with all that its steps need while they run.
type Program struct {
	Graph *graph.Graph
	// Topic maps a topic of the graph to the one on the cluster.
	Topic func(string) string
	// Codecs holds the codec of each node that has one, bound to its topic, by
	// the node's name.
	Codecs map[string]codecs.Untyped
	// Letters makes the dead letters.
	Letters *letter.Writer
	// Refusals holds what the brokers refuse to take.
	Refusals *refusal.Memory
	// Tables holds the lookup tables by the node's name.
	Tables map[string]Table
	// Retries counts further tries of records that failed.
	Retries *atomic.Int64
	Log     *slog.Logger
	// Board is told while records wait for the registry. It may be nil.
	Board *health.Board
	// MaxRecordBytes bounds a record that is written. 0 is no bound.
	MaxRecordBytes int
	// Lot is where records wait for another try. Without one none does.
	Lot *parking.Lot
	// Alarm is the topic of task.Config.Alarm, for the lot.
	Alarm string
	// Retry is the topic on the cluster that dead letters are replayed into, "" for
	// none.
	Retry string
	// Now is the clock that parked records are due by. The default is time.Now.
	Now func() time.Time

	targets map[string]graph.Node // outputs and stores by name, with their topics on the cluster
	loud    letter.Loud
}

// Group returns the goka group that runs the program, under that name. Its
// callbacks run as tasks; what they write goes by the task, not by goka.
func (p *Program) Group(name string) *goka.GroupGraph {
	p.targets = map[string]graph.Node{}
	var edges []goka.Edge
	for _, n := range p.Graph.Of(graph.Input) {
		edges = append(edges, goka.Input(goka.Stream(p.Topic(n.Topic)), inputCodec{codec: p.Codecs[n.Name]}, p.callback(n)))
	}
	if p.Retry != "" {
		edges = append(edges, goka.Input(goka.Stream(p.Retry), rawCodec{}, p.replay))
	}
	if p.Lot != nil {
		edges = append(edges, goka.Input(goka.Stream(p.Alarm), rawCodec{}, p.due))
	}
	for _, n := range append(p.Graph.Of(graph.Output), p.Graph.Of(graph.Store)...) {
		n.Topic = p.Topic(n.Topic)
		p.targets[n.Name] = n
	}
	return goka.DefineGroup(goka.Group(name), edges...)
}
