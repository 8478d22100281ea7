package runner

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/codecs/registry"
)

// Role is what a topology does with a topic.
type Role string

// The roles of topics.
const (
	// RoleInput is a stream that is read.
	RoleInput Role = "input"
	// RoleLookup is a table that is read.
	RoleLookup Role = "lookup"
	// RoleStore is the table of the topology's own state.
	RoleStore Role = "store"
	// RoleOutput is a stream that is written.
	RoleOutput Role = "output"
	// RoleDeadLetters is what could not be processed.
	RoleDeadLetters Role = "dead letters"
)

// Verdict says what a topology's schema is for the subject of its topic.
type Verdict string

// The verdicts.
const (
	// VerdictSame says that the subject holds this very schema.
	VerdictSame Verdict = "same"
	// VerdictNew says that the subject holds nothing yet, and the topology writes
	// there.
	VerdictNew Verdict = "new"
	// VerdictCompatible says that the subject would take the schema as its next
	// version, or of a topic that is only read, that all versions can be read.
	VerdictCompatible Verdict = "compatible"
	// VerdictRefused says that the level of the subject forbids the schema, or
	// that it cannot read what is there.
	VerdictRefused Verdict = "refused"
	// VerdictUnchecked says that there is nothing to compare: the codec has no
	// schema in a registry, or a topic that is only read has none.
	VerdictUnchecked Verdict = "unchecked"
)

// The kinds of faults that are not those of two schemas.
const (
	unusableSchema = "UNUSABLE_SCHEMA"
	damagedSchema  = "DAMAGED_FILE"
)

// SchemaFault is one reason why two schemas do not go together.
type SchemaFault struct {
	// Version is the subject's, 0 for a schema that only the state folder holds.
	Version     int    `json:"version,omitempty"`
	Fingerprint string `json:"fingerprint,omitempty"` // of that version
	// Forward is set when it is the older schema that cannot read what the
	// topology's writes.
	Forward bool `json:"forward,omitempty"`
	// Path, Kind and Message are those of an avro.Incompatibility.
	Path    string `json:"path,omitempty"`
	Kind    string `json:"kind,omitempty"`
	Message string `json:"message"`
}

func (f SchemaFault) reason() string {
	if f.Path == "" {
		return f.Message
	}
	return "field " + f.Path + ": " + f.Message
}

// String returns the fault in one line.
func (f SchemaFault) String() string {
	var where string
	switch {
	case f.Version > 0 && f.Forward:
		where = fmt.Sprintf("version %d cannot read it: ", f.Version)
	case f.Version > 0:
		where = fmt.Sprintf("version %d: ", f.Version)
	case f.Fingerprint != "":
		where = fmt.Sprintf("kept schema %s: ", f.Fingerprint)
	}
	return where + f.reason()
}

// TopicReport compares one topic's schema with what its subject holds. A topic
// with several record types has one for each.
type TopicReport struct {
	Topic   string `json:"topic"`
	Role    Role   `json:"role"`
	Subject string `json:"subject,omitempty"`
	// Versions are those that the subject holds, Deleted those that were deleted
	// softly, Kept the fingerprints that only the state folder knows.
	Versions []int    `json:"versions"`
	Deleted  []int    `json:"deleted,omitempty"`
	Kept     []string `json:"kept,omitempty"`
	Level    string   `json:"level,omitempty"` // the subject's, BACKWARD and the like
	// Schema and Fingerprint are the topology's.
	Schema      string  `json:"schema,omitempty"`
	Fingerprint string  `json:"fingerprint,omitempty"`
	Verdict     Verdict `json:"verdict"`
	Version     int     `json:"version,omitempty"` // that the schema is the same as
	// Faults make a schema refused. Warnings do not: records of that version may
	// not be there.
	Faults   []SchemaFault `json:"faults,omitempty"`
	Warnings []SchemaFault `json:"warnings,omitempty"`
}

// Report compares all schemas of a topology with what the registry and the
// state folder hold. Its form in JSON is stable.
type Report struct {
	Topology string        `json:"topology"`
	Topics   []TopicReport `json:"topics"`
}

// Refused returns the topics whose schema is refused.
func (r *Report) Refused() []string {
	var topics []string
	for _, t := range r.Topics {
		if t.Verdict == VerdictRefused {
			topics = append(topics, t.Topic)
		}
	}
	return slices.Compact(topics)
}

// WriteText writes the report as a table, and below it faults and warnings, one
// a line.
func (r *Report) WriteText(w io.Writer) error {
	var text strings.Builder
	fmt.Fprintf(&text, "schemas of topology %s\n", r.Topology)
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "TOPIC\tROLE\tSUBJECT\tHELD\tLEVEL\tSCHEMA\tVERDICT")
	for _, t := range r.Topics {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", t.Topic, t.Role, dash(t.Subject), t.held(), dash(t.Level), dash(t.Schema), t.verdict())
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, t := range r.Topics {
		for _, fault := range t.Faults {
			fmt.Fprintf(&text, "refused: %s: %s\n", t.Topic, fault)
		}
		for _, fault := range t.Warnings {
			fmt.Fprintf(&text, "warning: %s: %s\n", t.Topic, fault)
		}
	}
	_, err := io.WriteString(w, text.String())
	return err
}

func dash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

func (t TopicReport) held() string {
	var words []string
	for _, version := range t.Versions {
		words = append(words, strconv.Itoa(version))
	}
	for _, version := range t.Deleted {
		words = append(words, strconv.Itoa(version)+" (deleted)")
	}
	held := strings.Join(words, ", ")
	if len(t.Kept) > 0 {
		held = strings.TrimPrefix(fmt.Sprintf("%s + %d kept", held, len(t.Kept)), " ")
	}
	return dash(held)
}

func (t TopicReport) verdict() string {
	switch {
	case t.Verdict == VerdictSame:
		return fmt.Sprintf("same as version %d", t.Version)
	case t.Verdict == VerdictUnchecked && t.Subject == "":
		return "unchecked: no schema in a registry"
	case t.Verdict == VerdictUnchecked:
		return "unchecked: nothing is registered"
	}
	return string(t.Verdict)
}

// Schemas compares the schemas of all topics with what the registry and the
// state folder hold, without changing anything. It needs no brokers.
func (r *Runner) Schemas(ctx context.Context) (*Report, error) {
	client, err := registry.New(r.cfg.registry())
	if err != nil {
		return nil, err
	}
	if err := client.Ping(ctx); err != nil {
		return nil, err
	}
	s := &site{graph: r.graph, cfg: r.cfg, registry: client, readOnly: true}
	s.bind()
	report := &Report{Topology: r.graph.Name}
	for _, u := range s.uses() {
		h, err := s.history(ctx, u)
		if err != nil {
			return nil, err
		}
		t, err := s.compare(ctx, h)
		if err != nil {
			return nil, err
		}
		report.Topics = append(report.Topics, t)
	}
	return report, nil
}

// compare finds the verdict on one topic.
func (s *site) compare(ctx context.Context, h history) (TopicReport, error) {
	t := TopicReport{Topic: h.topic, Role: h.role, Versions: []int{}, Verdict: VerdictUnchecked}
	if h.codec == nil {
		return t, nil
	}
	t.Subject, t.Schema, t.Fingerprint = h.codec.Subject(), h.codec.Schema().Name(), h.codec.Schema().Fingerprint()
	for _, version := range h.versions {
		if version.Deleted {
			t.Deleted = append(t.Deleted, version.Number)
		} else {
			t.Versions = append(t.Versions, version.Number)
		}
	}
	for _, schema := range h.local {
		t.Kept = append(t.Kept, schema.Fingerprint())
	}
	t.Faults, t.Warnings = h.unreadable()
	return t, s.judge(ctx, h, &t)
}

// judge fills in level, verdict and what the level has against the schema.
func (s *site) judge(ctx context.Context, h history, t *TopicReport) (err error) {
	if t.Level, err = s.registry.Level(ctx, t.Subject); err != nil {
		return err
	}
	if t.Version, err = avro.VersionOf(ctx, s.registry, t.Subject, h.codec.Schema()); err != nil {
		return err
	}
	written := h.role != RoleInput && h.role != RoleLookup
	if t.Version == 0 && len(t.Versions) > 0 && written {
		if err := h.forbidden(t); err != nil {
			return err
		}
	}
	switch {
	case len(t.Faults) > 0:
		t.Verdict = VerdictRefused
	case t.Version > 0:
		t.Verdict = VerdictSame
	case len(t.Versions) > 0:
		t.Verdict = VerdictCompatible
	case written:
		t.Verdict = VerdictNew
	}
	return nil
}

// forbidden adds what the subject's level has against the schema as its next
// version.
func (h history) forbidden(t *TopicReport) error {
	level, err := avro.ParseLevel(t.Level)
	if err != nil {
		return fmt.Errorf("subject %s: %w", t.Subject, err)
	}
	var schemas []*avro.ParsedSchema
	var live []avro.Version
	for _, version := range h.versions {
		switch {
		case version.Deleted:
		case version.Err != nil && level != avro.LevelNone:
			t.addFault(SchemaFault{Version: version.Number, Kind: unusableSchema, Message: version.Err.Error()})
		case version.Err == nil:
			schemas, live = append(schemas, version.Schema), append(live, version)
		}
	}
	for _, found := range avro.CheckLevel(level, h.codec.Schema(), schemas) {
		version := live[found.Version]
		t.addFault(SchemaFault{
			Version: version.Number, Fingerprint: version.Schema.Fingerprint(), Forward: found.Forward,
			Path: found.Path, Kind: found.Kind, Message: found.Message,
		})
	}
	return nil
}

// addFault adds what is not known from reading a store's rows.
func (t *TopicReport) addFault(fault SchemaFault) {
	if !slices.Contains(t.Faults, fault) {
		t.Faults = append(t.Faults, fault)
	}
}
