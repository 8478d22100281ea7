package graph

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"sort"
	"strings"
)

// FaultError lists everything that is wrong with a topology.
type FaultError struct {
	Topology string
	Faults   []string // in the order of the nodes, one sentence each
}

// Error returns all faults in one line.
func (e *FaultError) Error() string {
	if len(e.Faults) == 1 {
		return fmt.Sprintf("topology %s: %s", e.Topology, e.Faults[0])
	}
	numbered := make([]string, len(e.Faults))
	for i, fault := range e.Faults {
		numbered[i] = fmt.Sprintf("(%d) %s", i+1, fault)
	}
	return fmt.Sprintf("topology %s has %d faults: %s", e.Topology, len(e.Faults), strings.Join(numbered, "; "))
}

// Join returns one FaultError with the faults of both errors, which may be
// nil.
func (g *Graph) Join(errs ...error) error {
	var all []string
	for _, err := range errs {
		var found *FaultError
		switch {
		case errors.As(err, &found):
			all = append(all, found.Faults...)
		case err != nil:
			all = append(all, err.Error())
		}
	}
	return g.fault(all)
}

func (g *Graph) fault(faults []string) error {
	if len(faults) == 0 {
		return nil
	}
	return &FaultError{Topology: g.Name, Faults: faults}
}

// Validate returns a FaultError with every fault that shows without a
// cluster, nil when there is none.
func (g *Graph) Validate() error {
	var faults []string
	add := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	if !LegalTopic(g.Name) {
		add("its name %q is not a legal topic name: use letters, digits, '.', '_' and '-'", g.Name)
	}
	if len(g.Of(Input)) == 0 {
		add("it has no input: declare one with topology.Input")
	}
	for _, n := range g.Nodes {
		faults = append(faults, g.nodeFaults(n)...)
	}
	faults = append(faults, g.topicFaults()...)
	return g.fault(faults)
}

// checker is a codec that knows of a fault in its declaration.
type checker interface{ Check() error }

func (g *Graph) nodeFaults(n Node) []string {
	var faults []string
	if n.Kind != Step && !LegalTopic(n.Topic) {
		faults = append(faults, fmt.Sprintf("%s %q: the topic name %q is not legal: use 1 to 249 letters, digits, '.', '_' and '-'", n.Kind, n.Name, n.Topic))
	}
	if n.Kind != Step && n.Codec == nil {
		faults = append(faults, fmt.Sprintf("%s %q has no codec", n.Kind, n.Name))
	}
	if c, ok := n.Codec.(checker); ok {
		if err := c.Check(); err != nil {
			faults = append(faults, fmt.Sprintf("%s %q: %v", n.Kind, n.Name, err))
		}
	}
	if (n.Kind == Input || n.Kind == Step) && !g.leadsOn(n) {
		faults = append(faults, fmt.Sprintf("%s %q leads nowhere: write it to an output with To, or keep state of it", n.Kind, n.Name))
	}
	if n.TTL < 0 {
		faults = append(faults, fmt.Sprintf("%s %q: its TTL is %s: give a duration above 0", n.Kind, n.Name, n.TTL))
	}
	for _, fault := range n.Policy.Faults() {
		faults = append(faults, fmt.Sprintf("%s %q: %s", n.Kind, n.Name, fault))
	}
	for _, name := range n.Uses {
		if _, ok := g.node(name); !ok {
			faults = append(faults, fmt.Sprintf("%s %q uses %q, which belongs to another topology", n.Kind, n.Name, name))
		}
	}
	if n.Kind == Lookup && len(g.users(n.Name)) == 0 {
		faults = append(faults, fmt.Sprintf("lookup %q is never looked up", n.Name))
	}
	return faults
}

// leadsOn reports whether a node's records reach another node or change a
// store.
func (g *Graph) leadsOn(n Node) bool {
	for _, name := range n.Uses {
		if used, ok := g.node(name); ok && used.Kind == Store {
			return true
		}
	}
	return slices.ContainsFunc(g.Nodes, func(other Node) bool { return slices.Contains(other.From, n.Name) })
}

func (g *Graph) users(name string) []string {
	var users []string
	for _, n := range g.Nodes {
		if slices.Contains(n.Uses, name) {
			users = append(users, n.Name)
		}
	}
	return users
}

func (g *Graph) node(name string) (Node, bool) {
	for _, n := range g.Nodes {
		if n.Name == name {
			return n, true
		}
	}
	return Node{}, false
}

// topicFaults finds topics that are used for more than one thing.
func (g *Graph) topicFaults() []string {
	uses := map[string][]Node{}
	for _, n := range g.Nodes {
		if n.Topic != "" {
			uses[n.Topic] = append(uses[n.Topic], n)
		}
	}
	for topic, name := range map[string]string{
		g.DeadLetters(): "dead letters", g.DeadLetterMarks(): "marks of dead letters", g.Retry(): "replayed dead letters", g.Parked(): "parked records",
	} {
		uses[topic] = append(uses[topic], Node{Kind: Output, Name: name})
	}
	topics := make([]string, 0, len(uses))
	for topic := range uses {
		topics = append(topics, topic)
	}
	sort.Strings(topics)
	var faults []string
	for _, topic := range topics {
		if nodes := uses[topic]; len(nodes) > 1 {
			faults = append(faults, fmt.Sprintf("topic %q has %d owners (%s): a topic has one use in a topology", topic, len(nodes), describe(nodes)))
		}
	}
	return faults
}

func describe(nodes []Node) string {
	words := make([]string, len(nodes))
	for i, n := range nodes {
		words[i] = fmt.Sprintf("%s %q", n.Kind, n.Name)
	}
	return strings.Join(words, ", ")
}

// CheckPartitions compares the partition counts of a cluster's topics, 0 for
// one that does not exist and less for one that is not to be seen. Inputs and the
// store's topic must agree, as a record and the state of its key are in partitions
// of the same number.
func (g *Graph) CheckPartitions(count func(topic string) int32) error {
	var faults []string
	counts := map[int32][]string{}
	for _, n := range g.Nodes {
		if n.Kind == Step {
			continue
		}
		have := count(n.Topic)
		switch {
		case have == 0:
			faults = append(faults, fmt.Sprintf("topic %q of %s %q does not exist: create it, or start with --create-topics N", n.Topic, n.Kind, n.Name))
		case have > 0 && (n.Kind == Input || n.Kind == Store):
			counts[have] = append(counts[have], fmt.Sprintf("%q", n.Topic))
		}
	}
	if count(g.DeadLetters()) == 0 {
		faults = append(faults, fmt.Sprintf("topic %q of the dead letters does not exist: create it, or start with --create-topics N", g.DeadLetters()))
	}
	if len(counts) > 1 {
		faults = append(faults, "its inputs and its stores must have the same number of partitions, but "+spell(counts)+": create them anew with one count")
	} else {
		faults = append(faults, g.retryFaults(count, counts)...)
	}
	return g.fault(faults)
}

// retryFaults holds the topics of retries against the inputs, all of which have
// one count. That of the parked records is needed where a policy parks any.
func (g *Graph) retryFaults(count func(topic string) int32, inputs map[int32][]string) (faults []string) {
	for _, topic := range []string{g.Retry(), g.Parked()} {
		switch have := count(topic); {
		case have == 0 && topic == g.Parked() && g.Parks():
			faults = append(faults, fmt.Sprintf("topic %q of the parked records does not exist: create it compacted and with as many partitions as the inputs have, or start with --create-topics N", topic))
		case have > 0 && inputs[have] == nil && len(inputs) > 0:
			faults = append(faults, fmt.Sprintf("topic %q has %d partitions, and must have as many as the inputs, but %s: create it anew", topic, have, spell(inputs)))
		}
	}
	return faults
}

func spell(counts map[int32][]string) string {
	sizes := make([]int, 0, len(counts))
	for n := range counts {
		sizes = append(sizes, int(n))
	}
	sort.Ints(sizes)
	parts := make([]string, len(sizes))
	for i, n := range sizes {
		parts[i] = fmt.Sprintf("%s: %d", strings.Join(counts[int32(n)], ", "), n)
	}
	return strings.Join(parts, "; ")
}

var topicName = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,249}$`)

// LegalTopic holds Kafka's rule for topic names (org.apache.kafka.common.internals.Topic).
func LegalTopic(name string) bool {
	return topicName.MatchString(name) && name != "." && name != ".."
}
