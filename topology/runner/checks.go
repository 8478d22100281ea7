package runner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gokavro/gokavro/topology/graph"
	"github.com/gokavro/gokavro/topology/internal/check"
	"github.com/gokavro/gokavro/topology/kafka"
)

// The checks of topics and schemas, beside those of the cluster.
const (
	checkTopics     = "topics"
	checkSchemas    = "schemas"
	checkRegistered = "registration"
)

// Finding is what a check before the start has found.
type Finding struct {
	// Check names the check: topics, schemas, registration, settings, broker
	// version, permissions, creation, partitioner, replication or cleanup.
	Check string `json:"check"`
	// Topic is the one that it is about; empty for several or none.
	Topic string `json:"topic,omitempty"`
	// What is wrong, and Fix what to do about it; empty where What says so.
	What string `json:"what"`
	Fix  string `json:"fix,omitempty"`
}

// String says it in one line.
func (f Finding) String() string { return check.Finding(f).String() }

// StartReport is what the checks before a start have found. Its form in JSON is
// stable.
type StartReport struct {
	// Group is the topology's name, or that of a hand-written goka group.
	Group string `json:"group"`
	// Passed are the checks that have found nothing.
	Passed []string `json:"passed"`
	// Faults keep it from starting. Warnings do so with [Config.Strict].
	Faults   []Finding `json:"faults,omitempty"`
	Warnings []Finding `json:"warnings,omitempty"`

	strict, handWritten bool
}

// Refusals returns what keeps it from starting, nothing when it may start.
func (r *StartReport) Refusals() []Finding {
	if !r.strict {
		return r.Faults
	}
	return append(slices.Clip(r.Faults), r.Warnings...)
}

// WriteText writes the report, a finding a line.
func (r *StartReport) WriteText(w io.Writer) error {
	var text strings.Builder
	for _, name := range r.Passed {
		fmt.Fprintf(&text, "ok: %s\n", name)
	}
	for _, f := range r.Warnings {
		fmt.Fprintf(&text, "warning: %s: %s\n", f.Check, f)
	}
	for _, f := range r.Faults {
		fmt.Fprintf(&text, "fault: %s: %s\n", f.Check, f)
	}
	_, err := io.WriteString(w, text.String())
	return err
}

// err returns the refusals in one error.
func (r *StartReport) err() error {
	var faults []string
	for _, f := range r.Refusals() {
		faults = append(faults, f.String())
	}
	switch {
	case len(faults) == 0:
		return nil
	case r.handWritten:
		return fmt.Errorf("goka group %s: %s", r.Group, strings.Join(faults, "; "))
	}
	return &graph.FaultError{Topology: r.Group, Faults: faults}
}

// log tells the warnings.
func (r *StartReport) log(to *slog.Logger) {
	for _, f := range r.Warnings {
		to.Warn("a check before the start", "check", f.Check, "topic", f.Topic, "err", f.What, "fix", f.Fix)
	}
}

// add takes what an error says for faults of a check, and returns one that is of
// another kind: something could not be asked.
func (r *StartReport) add(name string, err error) error {
	found, faulty := errors.AsType[*graph.FaultError](err)
	switch {
	case err == nil:
		r.Passed = append(r.Passed, name)
	case faulty:
		for _, fault := range found.Faults {
			r.Faults = append(r.Faults, Finding{Check: name, What: fault})
		}
	default:
		return err
	}
	return nil
}

// cluster adds what the checks of the cluster have found.
func (r *StartReport) cluster(found check.Result) {
	r.Passed = append(r.Passed, found.Passed...)
	for _, f := range found.Faults {
		r.Faults = append(r.Faults, Finding(f))
	}
	for _, f := range found.Warnings {
		r.Warnings = append(r.Warnings, Finding(f))
	}
}

// partitioner returns the setting's hasher, murmur2 without one.
func (c Config) partitioner() check.Hasher {
	if c.Partitioner == FNV1a {
		return check.FNV1a()
	}
	return check.Murmur2()
}

// checked returns what of a group's checks is said by the settings.
func (c Config) checked(group string) check.Group {
	g := check.Group{Name: group, AnyPlace: c.Partitioner == AnyPartitioner, Replicas: c.Replication, InSync: c.MinInsyncReplicas}
	if c.Delivery != AtLeastOnce {
		// The identity is made at the first start only.
		id, _ := os.ReadFile(filepath.Join(c.StateDir, identityFile))
		g.TransactionalID = group + "-" + cmp.Or(strings.TrimSpace(string(id)), "check")
	}
	return g
}

// roles of a topology's nodes; steps have no topic.
var roles = map[graph.Kind]check.Role{
	graph.Input: check.Input, graph.Lookup: check.Lookup, graph.Store: check.Store, graph.Output: check.Output,
}

// group returns what is checked of a topology. Missing topics are held against
// the settings that they would be created with.
func (s *site) group() check.Group {
	g := s.cfg.checked(s.topic(s.graph.Name))
	hasher := s.cfg.partitioner()
	g.Partitioner = &hasher
	for _, n := range s.graph.Nodes {
		if role, ok := roles[n.Kind]; ok {
			g.Topics = append(g.Topics, check.Topic{Name: s.topic(n.Topic), Role: role, TTL: n.TTL})
		}
		g.Stateful = g.Stateful || n.Kind == graph.Store
	}
	g.Topics = append(g.Topics,
		check.Topic{Name: s.topic(s.graph.DeadLetters()), Role: check.DeadLetters},
		check.Topic{Name: s.topic(s.graph.Retry()), Role: check.Retry})
	if s.graph.Parks() {
		g.Topics = append(g.Topics, check.Topic{Name: s.topic(s.graph.Parked()), Role: check.Store})
	}
	if s.cfg.CreateTopics > 0 {
		g.Create = s.cfg.topics(g.Topics, s.cfg.CreateTopics)
	}
	return g
}

// letterBytes is the largest record that topics for letters and replays are
// created for: more than inputs take by default, and no more than hosted clusters
// allow.
const letterBytes = 8 << 20

// topics returns the topics as they are created.
func (c Config) topics(of []check.Topic, partitions int) []kafka.Topic {
	var list []kafka.Topic
	for _, t := range of {
		topic := kafka.Topic{
			Name: t.Name, Partitions: int32(partitions), Compact: t.Role == check.Lookup || t.Role == check.Store,
			Replicas: c.Replication, MinInSync: c.MinInsyncReplicas,
		}
		switch t.Role {
		case check.Loop:
			topic.Retention = -1
		case check.DeadLetters, check.Retry:
			topic.MaxBytes = letterBytes
		}
		list = append(list, topic)
	}
	return list
}

// examine runs all checks. Topics that are missing are taken as having that many
// partitions. An error is of what could not be asked and is needed.
func (s *site) examine(ctx context.Context, missing int32) (*StartReport, error) {
	report := &StartReport{Group: s.graph.Name, strict: s.cfg.Strict}
	if err := report.add(checkTopics, s.checkTopics(missing)); err != nil {
		return nil, err
	}
	report.cluster(check.Run(ctx, s.kafka, s.group()))
	warnings, err := s.gate(ctx)
	report.Warnings = append(report.Warnings, warnings...)
	if err := report.add(checkSchemas, err); err != nil {
		return nil, err
	}
	return report, nil
}
