package runner

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/gokavro/gokavro/topology/graph"
	"github.com/gokavro/gokavro/topology/internal/engine"
)

// pauses are the steps of a runner that are paused.
type pauses struct {
	mu     sync.Mutex
	steps  map[string][]string // the topics of the inputs that lead there
	engine *engine.Engine      // nil before the run
}

// drive tells an engine, and the ones that are paused later, what is paused.
func (p *pauses) drive(e *engine.Engine) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.engine = e
	for _, topics := range p.steps {
		for _, topic := range topics {
			e.Pause(topic, true)
		}
	}
}

// set pauses a step, or takes it up again; nil topics are of no step.
func (p *pauses) set(step string, topics []string, on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if on {
		p.steps[step] = topics
	} else {
		delete(p.steps, step)
	}
	if p.engine == nil {
		return
	}
	for _, topic := range topics {
		p.engine.Pause(topic, p.paused(topic))
	}
}

// paused reports whether some step keeps a topic paused; mu is held.
func (p *pauses) paused(topic string) bool {
	for _, topics := range p.steps {
		if slices.Contains(topics, topic) {
			return true
		}
	}
	return false
}

// Paused returns the steps that are paused, by name. It is safe for concurrent
// use.
func (l *life) Paused() []string {
	l.pauses.mu.Lock()
	defer l.pauses.mu.Unlock()
	return slices.Sorted(maps.Keys(l.pauses.steps))
}

func (l *life) pause(step string, topics []string, on bool) {
	l.pauses.set(step, topics, on)
	message := "resumed a step"
	if on {
		message = "paused a step"
	}
	l.cfg.Logger.Info(message, "step", step, "topics", topics)
}

// Pause stops a step, named as the graph names it: the inputs that lead to it
// are not read on, and their records wait in Kafka. Records in hand, some
// hundreds a partition, are finished. Other inputs go on, and so do commits.
// It holds through rebalances and faults until Resume, also when it is called
// before Run. It is safe for concurrent use.
func (r *Runner) Pause(step string) error { return r.setPaused(step, true) }

// Resume takes a step up again that was paused. Inputs that another paused step
// needs stay paused. It is safe for concurrent use.
func (r *Runner) Resume(step string) error { return r.setPaused(step, false) }

func (r *Runner) setPaused(step string, on bool) error {
	inputs := inputsOf(r.graph, step)
	if len(inputs) == 0 {
		return fmt.Errorf("runner: topology %s has no step %q that records come to: use one of %s", r.graph.Name, step, strings.Join(steps(r.graph), ", "))
	}
	for i, topic := range inputs {
		inputs[i] = r.cfg.TopicPrefix + topic
	}
	r.pause(step, inputs, on)
	return nil
}

// inputsOf returns the topics of the inputs that lead to a node.
func inputsOf(g *graph.Graph, name string) (topics []string) {
	for _, n := range g.Nodes {
		if n.Name != name {
			continue
		}
		if n.Kind == graph.Input {
			topics = append(topics, n.Topic)
		}
		for _, from := range n.From {
			topics = append(topics, inputsOf(g, from)...)
		}
	}
	slices.Sort(topics)
	return slices.Compact(topics)
}

// steps lists the nodes that records come to.
func steps(g *graph.Graph) (names []string) {
	for _, n := range g.Nodes {
		if len(inputsOf(g, n.Name)) > 0 {
			names = append(names, n.Name)
		}
	}
	return names
}

// Pause stops the reading of an input stream or of the loop, as [Runner.Pause]
// does.
func (g *Group) Pause(topic string) error { return g.setPaused(topic, true) }

// Resume takes a stream up again that was paused.
func (g *Group) Resume(topic string) error { return g.setPaused(topic, false) }

func (g *Group) setPaused(topic string, on bool) error {
	streams := topicsOf(g.graph.InputStreams())
	if loop := g.graph.LoopStream(); loop != nil {
		streams = append(streams, loop.Topic())
	}
	if !slices.Contains(streams, topic) {
		return fmt.Errorf("runner: goka group %s has no input %q: use one of %s", g.graph.Group(), topic, strings.Join(streams, ", "))
	}
	g.pause(topic, []string{topic}, on)
	return nil
}
