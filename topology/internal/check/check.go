// Package check looks at a cluster, before a group starts to work there, for
// what would go wrong later: permissions that are missing, rows that a topic's
// retention deletes, keys in other partitions than where they are looked for.
// It changes nothing, and is done after a few seconds also where a broker is
// slow: what could not be looked at is a warning.
package check

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/gokavro/gokavro/topology/kafka"
)

// patience bounds all of the checks together, unless [Group] says otherwise.
const patience = 10 * time.Second

// The names of the checks, in the order of a report.
const (
	Settings    = "settings"
	Brokers     = "broker version"
	Permissions = "permissions"
	Creation    = "creation"
	Partitioner = "partitioner"
	Replication = "replication"
	Cleanup     = "cleanup"
)

// Role is what a group does with a topic.
type Role string

// The roles.
const (
	Input       Role = "input"
	Lookup      Role = "lookup" // a table that every process holds whole
	Join        Role = "join"   // a table of which each task holds its partition
	Store       Role = "store"
	Output      Role = "output"
	DeadLetters Role = "dead letters"
	Retry       Role = "retry"
	Loop        Role = "loop"
)

// Known tells whether there is such a role.
func (r Role) Known() bool {
	return slices.Contains([]Role{Input, Lookup, Join, Store, Output, DeadLetters, Retry, Loop}, r)
}

// written tells whether the group writes there.
func (r Role) written() bool { return r != Input && r != Lookup && r != Join }

// keyed tells whether a record's key has to be in the partition that its hash
// names: what has that key elsewhere would not be found. The retry topic takes
// records to the partition that they came from.
func (r Role) keyed() bool { return r == Input || r == Join || r == Loop }

// Topic is a topic of a group.
type Topic struct {
	Name string
	Role Role
	// TTL is how long a row of a store lives; 0 is for ever.
	TTL time.Duration
}

// Group is what is to be checked.
type Group struct {
	Name   string
	Topics []Topic
	// TransactionalID is empty where there are no transactions.
	TransactionalID string
	// Stateful is set when it matters where a key is: there are stores or joins.
	Stateful bool
	// Partitioner chooses the partitions of keys. Without one it is the first of
	// [Known] that fits.
	Partitioner *Hasher
	// AnyPlace leaves out the check of where keys are.
	AnyPlace bool
	// Create are the topics to be created where they are missing.
	Create []kafka.Topic
	// Replicas and InSync are the wished replication factor and
	// min.insync.replicas; 0 is what the size of the cluster suggests.
	Replicas, InSync int
	// Patience bounds all of the checks together. Default 10 s.
	Patience time.Duration
}

// Finding is what is wrong, or may be.
type Finding struct {
	Check string
	Topic string // empty when it is about none, or several
	What  string
	Fix   string
}

// String says it in one line.
func (f Finding) String() string {
	text := f.What
	if f.Topic != "" {
		text = fmt.Sprintf("topic %s: %s", f.Topic, text)
	}
	if f.Fix != "" {
		text += ": " + f.Fix
	}
	return text
}

// Result is what the checks have found.
type Result struct {
	// Passed are the checks that found nothing.
	Passed []string
	// Faults keep the group from working, or make it work wrongly. Warnings may
	// turn out to be harmless.
	Faults, Warnings []Finding
	// Partitioner is the group's own, or the one that fits.
	Partitioner Hasher
}

// Run checks everything.
func Run(ctx context.Context, client *kafka.Client, g Group) Result {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(g.Patience, patience))
	defer cancel()
	r := &report{}
	f, err := look(ctx, client, g)
	if err != nil {
		r.unknown(Brokers, "", err)
	} else {
		r.settings(client.Config().Sarama())
		r.versions(g, f)
		r.permissions(g, f)
		r.creation(f)
		r.partitioner(g, f)
		r.replication(g, f)
		r.cleanup(g, f)
	}
	if r.Partitioner.New == nil {
		r.Partitioner = g.fallback()
	}
	return r.Result
}

// report gathers findings.
type report struct{ Result }

// check runs one check and notes that it passed when it found nothing.
func (r *report) check(name string, run func()) {
	before := len(r.Faults) + len(r.Warnings)
	run()
	if len(r.Faults)+len(r.Warnings) == before {
		r.Passed = append(r.Passed, name)
	}
}

func (r *report) fault(f Finding)   { r.Faults = append(r.Faults, f) }
func (r *report) warning(f Finding) { r.Warnings = append(r.Warnings, f) }

// unknown notes that something could not be looked at. One cause is told once.
func (r *report) unknown(check, topic string, err error) {
	found := Finding{Check: check, Topic: topic, What: fmt.Sprintf("%s could not be checked: %v", check, err)}
	if !slices.Contains(r.Warnings, found) {
		r.warning(found)
	}
}
