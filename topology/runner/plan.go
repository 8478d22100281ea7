package runner

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/topology"
	"github.com/gokavro/gokavro/topology/graph"
	"github.com/gokavro/gokavro/topology/internal/check"
	"github.com/gokavro/gokavro/topology/kafka"
)

// Plan is what a topology needs of a cluster and of a registry before it can
// run there. Its form in JSON is stable, so that whoever may create topics can
// do so for a process that may not.
type Plan struct {
	// Group is the consumer group.
	Group string `json:"group"`
	// Partitions is the number that missing topics get; 0 is that of the inputs
	// that are there.
	Partitions int `json:"partitions,omitempty"`
	// Replication and MinInsyncReplicas are those of [Config].
	Replication       int `json:"replication,omitempty"`
	MinInsyncReplicas int `json:"min_insync_replicas,omitempty"`
	// Transactional is set when the group writes in transactions.
	Transactional bool `json:"transactional,omitempty"`
	// Normalize is that of [Config].
	Normalize bool             `json:"normalize,omitempty"`
	Topics    []PlannedTopic   `json:"topics"`
	Subjects  []PlannedSubject `json:"subjects,omitempty"`
}

// PlannedTopic is a topic of a [Plan].
type PlannedTopic struct {
	Name string `json:"name"`
	// Role is input, lookup, join, store, output, dead letters, retry or loop.
	Role Role `json:"role"`
	// TTL is how long a store's rows live, such as 24h0m0s; empty is for ever.
	TTL string `json:"ttl,omitempty"`
}

// PlannedSubject is a schema that a registry needs.
type PlannedSubject struct {
	avro.SubjectSchema
	// References are the schemas that it uses.
	References []avro.SubjectSchema `json:"references,omitempty"`
	// IfEmpty leaves a subject alone that holds any schema.
	IfEmpty bool `json:"if_empty,omitempty"`
}

// codec returns what registers the schema.
func (s PlannedSubject) codec(opts ...avro.Option) *avro.GenericCodec {
	for _, ref := range s.References {
		opts = append(opts, avro.Reference(ref.Subject, ref.Schema))
	}
	return avro.Generic(s.Schema, append(opts, avro.Subject(s.Subject))...)
}

// NewPlan returns the plan of a topology. It uses no network.
func NewPlan(t *topology.Topology, cfg Config) (*Plan, error) {
	cfg = cfg.WithDefaults()
	g, err := t.Build()
	if err != nil {
		return nil, err
	}
	s := &site{graph: g, cfg: cfg, readOnly: true}
	s.bind()
	p := planOf(cfg, s.group())
	for _, u := range s.uses() {
		if u.codec == nil || u.role == RoleInput {
			continue
		}
		subject := PlannedSubject{References: u.codec.Schema().References(), IfEmpty: u.role == RoleLookup || u.role == RoleOutput && cfg.UseLatest}
		subject.Subject, subject.Schema = u.codec.Subject(), u.codec.Schema().String()
		p.Subjects = append(p.Subjects, subject)
	}
	return p, nil
}

// Plan returns the plan of the group: the topics that must be there, and those
// that it creates at the first start.
func (g *Group) Plan() *Plan { return planOf(g.cfg, g.group(g.cfg.CreateTopics)) }

func planOf(cfg Config, g check.Group) *Plan {
	p := &Plan{
		Group: g.Name, Partitions: cfg.CreateTopics, Replication: cfg.Replication, MinInsyncReplicas: cfg.MinInsyncReplicas,
		Transactional: g.TransactionalID != "", Normalize: cfg.Normalize,
	}
	for _, t := range g.Topics {
		planned := PlannedTopic{Name: t.Name, Role: Role(t.Role)}
		if t.TTL > 0 {
			planned.TTL = t.TTL.String()
		}
		p.Topics = append(p.Topics, planned)
	}
	return p
}

// ReadPlan reads a plan in its JSON form, and returns everything that is wrong
// with it.
func ReadPlan(r io.Reader) (*Plan, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("plan: reading it: %w", err)
	}
	lines := json.NewDecoder(bytes.NewReader(text))
	lines.DisallowUnknownFields()
	var p Plan
	if err := lines.Decode(&p); err != nil {
		return nil, fmt.Errorf("plan: it is not what --plan-out writes: %w", err)
	}
	if faults := p.faults(); len(faults) > 0 {
		return nil, fmt.Errorf("plan: %s", strings.Join(faults, "; "))
	}
	return &p, nil
}

func (p *Plan) faults() (faults []string) {
	add := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	if p.Group == "" || len(p.Topics) == 0 {
		add("it has no group or no topics")
	}
	if p.Partitions < 0 || p.Partitions > kafka.MaxPartitions {
		add("partitions is %d: give a number of 1 or more, %d at most", p.Partitions, kafka.MaxPartitions)
	}
	wishes := Config{Replication: p.Replication, MinInsyncReplicas: p.MinInsyncReplicas}
	faults = append(faults, wishes.wishFaults()...)
	for _, t := range p.Topics {
		if _, err := t.ttl(); err != nil {
			add("topic %s: %v", t.Name, err)
		}
		if !graph.LegalTopic(t.Name) {
			add("topic %q: its name is not legal", t.Name)
		}
		if !check.Role(t.Role).Known() {
			add("topic %s: there is no role %q", t.Name, t.Role)
		}
	}
	for _, s := range p.Subjects {
		if err := s.codec().Check(); err != nil {
			add("subject %s: %v", s.Subject, err)
		}
	}
	return faults
}

func (t PlannedTopic) ttl() (time.Duration, error) {
	if t.TTL == "" {
		return 0, nil
	}
	ttl, err := time.ParseDuration(t.TTL)
	if err == nil && ttl <= 0 {
		err = errors.New("it is not above 0")
	}
	if err != nil {
		return 0, fmt.Errorf("ttl %q: %w", t.TTL, err)
	}
	return ttl, nil
}

// WriteJSON writes the plan for [ReadPlan].
func (p *Plan) WriteJSON(w io.Writer) error {
	lines := json.NewEncoder(w)
	lines.SetEscapeHTML(false)
	lines.SetIndent("", "  ")
	return lines.Encode(p)
}

// group returns the plan as what is checked and created.
func (p *Plan) group(partitions int) check.Group {
	g := check.Group{Name: p.Group}
	if p.Transactional {
		g.TransactionalID = p.Group + "-"
	}
	for _, t := range p.Topics {
		ttl, _ := t.ttl() // ReadPlan has refused others
		g.Topics = append(g.Topics, check.Topic{Name: t.Name, Role: check.Role(t.Role), TTL: ttl})
	}
	wishes := Config{Replication: p.Replication, MinInsyncReplicas: p.MinInsyncReplicas}
	g.Create = wishes.topics(g.Topics, partitions)
	return g
}

// Grants returns the commands that give the group the permissions that it needs,
// to the principal User:NAME.
func (p *Plan) Grants() []string {
	var commands []string
	for _, g := range p.group(0).Grants() {
		commands = append(commands, g.Command())
	}
	return commands
}
