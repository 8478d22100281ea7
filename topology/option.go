package topology

import "github.com/gokavro/gokavro/topology/graph"

// What becomes of a record that cannot be processed, for [OnError].
const (
	// DeadLetter keeps the record in the topic of the dead letters and goes on. It
	// is the default.
	DeadLetter = graph.DeadLetter
	// Skip counts and logs the record and goes on.
	Skip = graph.Skip
	// Fail ends the run with the record undone.
	Fail = graph.Fail
)

// Option sets a property of an input, a step or an output.
type Option func(*graph.Node)

// OnError sets what becomes of a record that fails there: that cannot be
// decoded, that a step returns an error for or panics at, or whose output is
// refused. Default: of a step or an output what its input does, of an input
// [DeadLetter].
func OnError(action graph.Action) Option {
	return func(n *graph.Node) { n.Policy.Action = action }
}

// Retry tries a record that fails there again before the action of [OnError] is
// taken; processors.Permanent tells which errors are not worth that. Default:
// what the input does, and of an input no retries.
func Retry(r graph.Retry) Option {
	return func(n *graph.Node) {
		r.Topic = r.Topic || n.Policy.Retry.Topic
		n.Policy.Retry = r
	}
}

// RetryTopic parks a record that has used up its attempts in place in the
// topology's retry topic, where only records of its key wait for it. Default:
// off.
func RetryTopic() Option {
	return func(n *graph.Node) { n.Policy.Retry.Topic = true }
}

func apply(n *graph.Node, opts []Option) {
	for _, opt := range opts {
		opt(n)
	}
}
