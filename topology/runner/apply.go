package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/codecs/registry"
	"github.com/gokavro/gokavro/topology/internal/check"
	"github.com/gokavro/gokavro/topology/kafka"
)

// Action is what a [Change] does.
type Action string

// The actions.
const (
	// ActionCreate creates a topic.
	ActionCreate Action = "create"
	// ActionAlter sets settings of a topic of the group's own.
	ActionAlter Action = "alter"
	// ActionRegister registers a schema.
	ActionRegister Action = "register"
	// ActionImpossible is a difference that is not for a plan to mend: the number of
	// partitions or of replicas.
	ActionImpossible Action = "impossible"
	// ActionAdvise is a setting of a topic of others that a start warns of, and
	// refuses with [Config.Strict]. Nothing is done about it.
	ActionAdvise Action = "advise"
)

// Change is a difference between a [Plan] and what is there.
type Change struct {
	Action Action `json:"action"`
	// Topic is the topic, empty for ActionRegister; Subject is the subject.
	Topic   string `json:"topic,omitempty"`
	Subject string `json:"subject,omitempty"`
	// Detail says what is to be done, or why it cannot.
	Detail string `json:"detail"`

	create kafka.Topic
	alter  map[string]string
	schema PlannedSubject
}

var marks = map[Action]string{ActionCreate: "+", ActionAlter: "~", ActionRegister: "+", ActionImpossible: "!", ActionAdvise: "?"}

// String says it in one line: + is new, ~ altered, ! impossible, ? left to others.
func (c Change) String() string {
	if c.Subject != "" {
		return fmt.Sprintf("%s subject %s: %s", marks[c.Action], c.Subject, c.Detail)
	}
	return fmt.Sprintf("%s topic %s: %s", marks[c.Action], c.Topic, c.Detail)
}

// Changes are all differences, those of topics first.
type Changes []Change

// Impossible returns those that cannot be applied.
func (c Changes) Impossible() Changes {
	return slices.DeleteFunc(slices.Clone(c), func(one Change) bool { return one.Action != ActionImpossible })
}

// WriteText writes them one a line.
func (c Changes) WriteText(w io.Writer) error {
	var text strings.Builder
	for _, one := range c {
		fmt.Fprintln(&text, one)
	}
	if !slices.ContainsFunc(c, func(one Change) bool { return one.Action != ActionAdvise }) {
		text.WriteString("nothing to do\n")
	}
	_, err := io.WriteString(w, text.String())
	return err
}

// PlanSite is where a plan is compared and applied.
type PlanSite struct {
	Kafka *kafka.Client
	// Registry is needed for plans with subjects only.
	Registry *registry.Client
}

// Compare returns what is to be done to the site, and does nothing.
func (p *Plan) Compare(ctx context.Context, site PlanSite) (Changes, error) {
	changes, err := p.topics(ctx, site.Kafka)
	if err != nil {
		return nil, err
	}
	for _, subject := range p.Subjects {
		needed, err := subject.needed(ctx, site.Registry)
		if err != nil {
			return nil, err
		}
		if needed {
			detail := "the schema of " + subject.codec().Schema().Name()
			changes = append(changes, Change{Action: ActionRegister, Subject: subject.Subject, Detail: detail, schema: subject})
		}
	}
	return changes, nil
}

// topics compares the topics.
func (p *Plan) topics(ctx context.Context, client *kafka.Client) (Changes, error) {
	drifts, err := check.Drifts(ctx, client, p.group(p.Partitions))
	if err != nil {
		return nil, fmt.Errorf("group %s: %w", p.Group, err)
	}
	count, err := p.count(drifts)
	if err != nil {
		return nil, err
	}
	var changes Changes
	for i, d := range drifts {
		d.Topic.Partitions = int32(count)
		changes = append(changes, topicChanges(d, check.Role(p.Topics[i].Role).Together())...)
	}
	return changes, nil
}

// count returns how many partitions missing topics get.
func (p *Plan) count(drifts []check.Drift) (int, error) {
	missing := false
	for i, d := range drifts {
		missing = missing || d.Missing
		if p.Partitions == 0 && !d.Missing && check.Role(p.Topics[i].Role).Together() {
			return d.Partitions, nil
		}
	}
	if missing && p.Partitions == 0 {
		return 0, fmt.Errorf("group %s: none of its inputs is there, so that the number of partitions is open: give --create-topics N", p.Group)
	}
	return p.Partitions, nil
}

func topicChanges(d check.Drift, together bool) (changes Changes) {
	add := func(action Action, format string, args ...any) {
		changes = append(changes, Change{Action: action, Topic: d.Topic.Name, Detail: fmt.Sprintf(format, args...), create: d.Topic, alter: d.Alter})
	}
	if d.Missing {
		add(ActionCreate, "%s", check.Describe(d.Topic))
		return changes
	}
	if want := int(d.Topic.Partitions); together && want > 0 && d.Partitions != want {
		add(ActionImpossible, "it has %d partitions, not %d: the topics of a group must have one number; create it anew", d.Partitions, want)
	}
	if want := d.Topic.Replicas; d.Replicas < want {
		add(ActionImpossible, "it has %d replicas, not %d: raise it with kafka-reassign-partitions", d.Replicas, want)
	}
	if d.Foreign != "" {
		add(ActionAdvise, "%s", d.Foreign)
	}
	if len(d.Alter) > 0 {
		var list []string
		for _, name := range slices.Sorted(maps.Keys(d.Alter)) {
			list = append(list, fmt.Sprintf("%s %s -> %s", name, d.Have[name], d.Alter[name]))
		}
		add(ActionAlter, "%s", strings.Join(list, ", "))
	}
	return changes
}

// needed tells whether the subject lacks the schema.
func (s PlannedSubject) needed(ctx context.Context, client *registry.Client) (bool, error) {
	if s.IfEmpty {
		_, err := client.Latest(ctx, s.Subject)
		if _, missing := errors.AsType[*registry.NotFoundError](err); missing {
			return true, nil
		}
		return false, err
	}
	version, err := avro.VersionOf(ctx, client, s.Subject, s.codec().Schema())
	return version == 0, err
}

// Apply does what [Plan.Compare] lists, as far as it can be done, and returns
// what it did. What is impossible is in the list too; nothing is done then that
// would have to be taken back.
func (p *Plan) Apply(ctx context.Context, site PlanSite) (Changes, error) {
	changes, err := p.Compare(ctx, site)
	if err != nil || len(changes.Impossible()) > 0 {
		return changes.Impossible(), err
	}
	var missing []kafka.Topic
	for _, c := range changes {
		if c.Action == ActionCreate {
			missing = append(missing, c.create)
		}
	}
	if _, err := site.Kafka.CreateMissing(ctx, missing...); err != nil {
		return nil, err
	}
	for i, c := range changes {
		if err := c.apply(ctx, site); err != nil {
			return changes[:i], err
		}
	}
	return changes, nil
}

func (c Change) apply(ctx context.Context, site PlanSite) error {
	switch c.Action {
	case ActionAlter:
		return site.Kafka.AlterTopic(c.Topic, c.alter)
	case ActionRegister:
		return c.schema.codec(avro.Registry(site.Registry), avro.AutoRegister()).Prepare(ctx)
	}
	return nil
}
