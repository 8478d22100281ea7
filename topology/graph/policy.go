package graph

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Action says what becomes of a record that cannot be processed.
type Action string

// The actions. The empty one stands for that of the input, and for DeadLetter at
// an input.
const (
	// DeadLetter keeps the record in the topic of the dead letters and goes on.
	DeadLetter Action = "dead_letter"
	// Skip counts and logs the record and goes on.
	Skip Action = "skip"
	// Fail ends the run with the record undone, so that a start after the mend
	// processes it.
	Fail Action = "fail"
)

// Policy is what an input, a step or an output does about errors. Its zero
// value leaves that to the input; an input's default is DeadLetter at once.
type Policy struct {
	Action Action
	Retry  Retry
}

// Retry says how often a record that fails is tried again before its policy's
// action is taken. Records that cannot be decoded and errors that are permanent
// are not tried again. The zero value does not retry.
type Retry struct {
	// Attempts is how often a record is tried in place in all, while later records
	// of its partition wait. 0 is once, or without a bound where there is a Budget.
	Attempts int
	// Backoff is the pause before the second try, which doubles with each further
	// one up to MaxBackoff; a third of it is left to chance. Default 100 ms.
	Backoff time.Duration
	// MaxBackoff is the longest pause. Default 30 s.
	MaxBackoff time.Duration
	// Budget bounds the time from the first try to the last. Default: no bound.
	Budget time.Duration
	// Topic parks the record in the retry topic when the attempts in place are used
	// up, so that only records of its key wait.
	Topic bool
	// TopicAttempts is how often a parked record is tried again, once each time: the
	// pauses go on to double. Default 10.
	TopicAttempts int
}

// Defaults of [Retry].
const (
	// DefaultBackoff is the pause before the second try.
	DefaultBackoff = 100 * time.Millisecond
	// DefaultMaxBackoff is the longest pause.
	DefaultMaxBackoff = 30 * time.Second
	// DefaultTopicAttempts are those of records in the retry topic.
	DefaultTopicAttempts = 10
)

// WithDefaults returns the retry with its defaults filled in.
func (r Retry) WithDefaults() Retry {
	if r.Attempts == 0 && r.Budget == 0 {
		r.Attempts = 1
	}
	if r.Topic {
		r.TopicAttempts = cmp.Or(r.TopicAttempts, DefaultTopicAttempts)
	}
	r.Backoff = cmp.Or(r.Backoff, DefaultBackoff)
	r.MaxBackoff = max(cmp.Or(r.MaxBackoff, DefaultMaxBackoff), r.Backoff)
	return r
}

// Policy returns what becomes of a record of an input that fails at a node: at
// the input itself, a step, an output or a store. The node's own policy counts,
// then the input's; for a store, that of the step which keeps it.
func (g *Graph) Policy(input, node string) Policy {
	var p Policy
	for _, name := range []string{g.keeper(node), input} {
		n, ok := g.node(name)
		if !ok {
			continue
		}
		p.Action = cmp.Or(p.Action, n.Policy.Action)
		p.Retry = cmp.Or(p.Retry, n.Policy.Retry)
	}
	p.Action = cmp.Or(p.Action, DeadLetter)
	p.Retry = p.Retry.WithDefaults()
	return p
}

// keeper returns the step that uses a store, and the name itself for any other
// node.
func (g *Graph) keeper(name string) string {
	if n, ok := g.node(name); !ok || n.Kind != Store {
		return name
	}
	if users := g.users(name); len(users) == 1 {
		return users[0]
	}
	return name
}

// StepError is an error of a record that says where it was met.
type StepError struct {
	// Node is the name of the step, output or store.
	Node string
	Kind Kind
	Err  error
}

// Error names the node and the cause.
func (e *StepError) Error() string { return fmt.Sprintf("%s %s: %v", e.Kind, e.Node, e.Err) }

// Unwrap returns the cause.
func (e *StepError) Unwrap() error { return e.Err }

// PanicError is a step or a codec that panicked.
type PanicError struct {
	// Value is what it panicked with.
	Value any
	// Stack is the stack of the goroutine, for the log.
	Stack []byte
}

// Error says what it panicked with.
func (e *PanicError) Error() string { return fmt.Sprintf("panicked: %v", e.Value) }

// Unwrap returns Value when that is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// Faults returns everything that is wrong with a policy, one sentence each.
func (p Policy) Faults() []string {
	var faults []string
	add := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	if !slices.Contains([]Action{"", DeadLetter, Skip, Fail}, p.Action) {
		add("its action on errors is %q: use topology.DeadLetter, Skip or Fail", p.Action)
	}
	if least := min(p.Retry.Attempts, p.Retry.TopicAttempts); least < 0 {
		add("it retries with %d attempts: give 1 or more", least)
	}
	if p.Retry.Backoff < 0 || p.Retry.MaxBackoff < 0 || p.Retry.Budget < 0 {
		add("it retries with a pause or a budget below 0: give a duration above 0")
	}
	if p.Retry.MaxBackoff > 0 && p.Retry.MaxBackoff < p.Retry.Backoff {
		add("it retries with a longest pause of %s, shorter than the first of %s", p.Retry.MaxBackoff, p.Retry.Backoff)
	}
	return faults
}
