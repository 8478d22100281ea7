package runner

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/topology/graph"
)

// schemasFolder is where the state folder keeps the schemas of its rows, those
// of each topic in a folder of its own.
const schemasFolder = "schemas"

// schemaDir returns where the schemas of a store's rows are kept.
func (s *site) schemaDir(topic string) *avro.SchemaDir {
	return keptSchemas(s.cfg.StateDir, s.topic(topic))
}

// keptSchemas returns where a state folder keeps the schemas of the rows of a
// topic on the cluster.
func keptSchemas(dir, topic string) *avro.SchemaDir {
	return avro.NewSchemaDir(filepath.Join(dir, schemasFolder, topic))
}

// rows says how a store's rows are written: by the fingerprint of their schema,
// since they outlive the ids of a registry that is mirrored or restored.
func (s *site) rows(topic string, b avro.Binding) avro.Binding {
	b.Wire = avro.SingleObject
	if !s.readOnly {
		b.Kept = s.schemaDir(topic)
	}
	return b
}

// use is what the topology does with a topic.
type use struct {
	role  Role
	topic string             // on the cluster
	codec avro.SchemaCodec   // nil for one without a schema in a registry
	cases []avro.SchemaCodec // codec and its fellows where a topic has several record types
	kept  *avro.SchemaDir    // nil for all but stores
}

// uses lists the topics in the order of the topology, the dead letters last; one
// of several record types is there for each.
func (s *site) uses() []use {
	var list []use
	for _, n := range s.graph.Nodes {
		if n.Kind == graph.Step {
			continue
		}
		u := use{role: Role(n.Kind), topic: s.topic(n.Topic), cases: schemaCodecs(s.codecs[n.Name])}
		if n.Kind == graph.Store {
			u.kept = s.schemaDir(n.Topic)
		}
		list = append(list, u.each()...)
	}
	letters := use{role: RoleDeadLetters, topic: s.topic(s.graph.DeadLetters()), cases: schemaCodecs(s.letters)}
	return append(list, letters.each()...)
}

// each returns a use for each of the cases, or one without a codec.
func (u use) each() []use {
	if len(u.cases) == 0 {
		return []use{u}
	}
	list := make([]use, len(u.cases))
	for i, c := range u.cases {
		list[i] = u
		list[i].codec = c
	}
	return list
}

// judges tells whether it is for this of the cases to say what is wrong with a
// row's schema: its own, or the first for those that have none.
func (u use) judges(row *avro.ParsedSchema) bool {
	i := slices.IndexFunc(u.cases, func(c avro.SchemaCodec) bool { return c.Schema().Name() == row.Name() })
	return u.cases[max(i, 0)] == u.codec
}

// schemaCodecs returns a codec, or the cases of one, without those that have no
// schema in a registry.
func schemaCodecs(codec any) []avro.SchemaCodec {
	var list []avro.SchemaCodec
	switch c := codec.(type) {
	case interface{ Cases() []avro.SchemaCodec }:
		list = c.Cases()
	case avro.SchemaCodec:
		list = []avro.SchemaCodec{c}
	}
	return slices.DeleteFunc(list, func(c avro.SchemaCodec) bool { return c.Schema() == nil || c.Subject() == "" })
}

// history is what records of a topic may have been written with.
type history struct {
	use
	versions []avro.Version
	local    []*avro.ParsedSchema // kept in the state folder, and not among the versions
	damaged  error                // files of the state folder that cannot be read
}

// history asks the registry and looks into the state folder.
func (s *site) history(ctx context.Context, u use) (history, error) {
	h := history{use: u}
	if u.codec == nil {
		return h, nil
	}
	var err error
	if h.versions, err = avro.Versions(ctx, s.registry, u.codec.Subject()); err != nil || u.kept == nil {
		return h, err
	}
	kept, damaged := u.kept.Schemas()
	h.damaged = damaged
	for _, schema := range kept {
		if !h.holds(schema) && h.judges(schema) {
			h.local = append(h.local, schema)
		}
	}
	return h, nil
}

func (h history) holds(schema *avro.ParsedSchema) bool {
	for _, version := range h.versions {
		if version.Schema != nil && version.Schema.Canonical() == schema.Canonical() {
			return true
		}
	}
	return false
}

// latest returns the number of the newest version that is not deleted, 0
// without one.
func (h history) latest() (number int) {
	for _, version := range h.versions {
		if !version.Deleted {
			number = version.Number
		}
	}
	return number
}

// unreadable lists what the topology cannot read. All that a store's rows may
// have been written with counts as a fault, of what others write the latest
// version; it is not known whether the topic holds records of older ones.
func (h history) unreadable() (faults, warnings []SchemaFault) {
	if h.codec == nil || h.role == RoleOutput || h.role == RoleDeadLetters {
		return nil, nil
	}
	for _, version := range h.versions {
		for _, fault := range h.reading(version) {
			fatal := h.role == RoleStore || version.Number == h.latest() && fault.Kind != avro.LogicalTypeMismatch
			if fatal {
				faults = append(faults, fault)
			} else {
				warnings = append(warnings, fault)
			}
		}
	}
	for _, schema := range h.local {
		faults = append(faults, schemaFaults(0, schema, h.codec.Reads(schema))...)
	}
	if h.damaged != nil {
		for line := range strings.SplitSeq(h.damaged.Error(), "\n") {
			faults = append(faults, SchemaFault{Kind: damagedSchema, Message: line})
		}
	}
	return faults, warnings
}

// reading returns what keeps a version's records from being read.
func (h history) reading(version avro.Version) []SchemaFault {
	if version.Err != nil {
		return []SchemaFault{{Version: version.Number, Kind: unusableSchema, Message: version.Err.Error()}}
	}
	return schemaFaults(version.Number, version.Schema, h.codec.Reads(version.Schema))
}

func schemaFaults(version int, schema *avro.ParsedSchema, reasons []avro.Incompatibility) []SchemaFault {
	var faults []SchemaFault
	for _, reason := range reasons {
		faults = append(faults, SchemaFault{
			Version: version, Fingerprint: schema.Fingerprint(), Path: reason.Path, Kind: reason.Kind, Message: reason.Message,
		})
	}
	return faults
}

// gate returns an error with everything that records may have been written
// with and that this topology cannot read, and warnings of what there may be no
// record of.
func (s *site) gate(ctx context.Context) (doubts []Finding, err error) {
	var errs []error
	for _, u := range s.uses() {
		h, err := s.history(ctx, u)
		if err != nil {
			return nil, err
		}
		faults, warnings := h.unreadable()
		for _, fault := range warnings {
			doubts = append(doubts, Finding{
				Check: checkSchemas, Topic: h.topic, What: fmt.Sprintf("records of an older schema could not be read: %s", fault),
				Fix: "none of them may be left",
			})
		}
		errs = append(errs, h.refusals(faults)...)
		if len(faults) == 0 && !s.readOnly {
			errs = append(errs, h.keep())
		}
	}
	return doubts, s.graph.Join(errs...)
}

// keep puts the schemas of a store's rows into the state folder, so that it can
// be read while no registry answers.
func (h history) keep() error {
	if h.kept == nil {
		return nil
	}
	for _, version := range h.versions {
		if version.Schema == nil {
			continue
		}
		if err := h.kept.Keep(version.Schema); err != nil {
			return fmt.Errorf("store %s: %w", h.topic, err)
		}
	}
	return nil
}

// maxReasons bounds how many fields an error names of one version; the report
// has them all.
const maxReasons = 5

// refusals makes one error of the faults of each schema.
func (h history) refusals(faults []SchemaFault) []error {
	var errs []error
	for len(faults) > 0 {
		first, n := faults[0], 1
		for n < len(faults) && faults[n].Version == first.Version && faults[n].Fingerprint == first.Fingerprint && first.Kind != damagedSchema {
			n++
		}
		errs = append(errs, h.refusal(faults[:n]))
		faults = faults[n:]
	}
	return errs
}

func (h history) refusal(faults []SchemaFault) error {
	if faults[0].Kind == damagedSchema {
		return fmt.Errorf("%s %s: %s", h.role, h.topic, faults[0].Message)
	}
	var reasons []string
	for _, fault := range faults[:min(maxReasons, len(faults))] {
		reasons = append(reasons, fault.reason())
	}
	if more := len(faults) - maxReasons; more > 0 {
		reasons = append(reasons, fmt.Sprintf("%d more", more))
	}
	return fmt.Errorf("%s %s: %s cannot be read by this code's schema: %s", h.role, h.topic, h.origin(faults[0]), strings.Join(reasons, ", "))
}

// origin says where the schema of a fault comes from.
func (h history) origin(f SchemaFault) string {
	switch {
	case f.Version == 0:
		return fmt.Sprintf("a row of the schema %s (to be removed if no row of it is left)", h.kept.File(f.Fingerprint))
	case f.Fingerprint == "":
		return fmt.Sprintf("version %d of subject %s", f.Version, h.codec.Subject())
	}
	return fmt.Sprintf("version %d of subject %s (fingerprint %s)", f.Version, h.codec.Subject(), f.Fingerprint)
}
