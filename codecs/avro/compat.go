package avro

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gokavro/gokavro/codecs/avro/internal/ast"
	"github.com/gokavro/gokavro/codecs/avro/internal/compat"
)

// Incompatibility is one reason why a reader's schema cannot read what a
// writer's schema wrote.
type Incompatibility struct {
	// Path leads to the place in the reader's schema, empty at the top: names
	// of fields with dots between them, [] for the items of an array, {} for
	// the values of a map.
	Path string
	// Kind is what is wrong, in the word that Java's Avro and the registries
	// have for it, such as TYPE_MISMATCH.
	Kind    string
	Message string // what differs, and what to do about it
}

// String returns the path and the message in one line.
func (i Incompatibility) String() string {
	if i.Path == "" {
		return i.Message
	}
	return i.Path + ": " + i.Message
}

// Compatible returns all reasons why reader cannot read what writer wrote;
// nothing means that it can. The verdicts are those of Java's Avro.
func Compatible(writer, reader *ParsedSchema) []Incompatibility {
	from, to, err := trees(writer, reader)
	if err != nil {
		return []Incompatibility{{Message: err.Error()}}
	}
	var list []Incompatibility
	for _, fault := range compat.Check(from, to) {
		list = append(list, Incompatibility(fault))
	}
	return list
}

// allOf returns the reasons as one error.
func allOf(list []Incompatibility) error {
	texts := make([]string, len(list))
	for i, fault := range list {
		texts[i] = fault.String()
	}
	return errors.New(strings.Join(texts, "; "))
}

func trees(writer, reader *ParsedSchema) (from, to *ast.Node, err error) {
	if from, err = writer.tree(); err == nil {
		to, err = reader.tree()
	}
	return from, to, err
}

// Level is what a subject demands of a new version of its schema, in the words
// of schema registries. Those that are not transitive look at the last version
// only.
type Level = compat.Level

// The compatibility levels.
const (
	// LevelNone demands nothing.
	LevelNone = compat.None
	// LevelBackward demands that the new version reads what the last one wrote.
	LevelBackward = compat.Backward
	// LevelBackwardTransitive demands that it reads what any version wrote.
	LevelBackwardTransitive = compat.BackwardTransitive
	// LevelForward demands that the last version reads what the new one writes.
	LevelForward = compat.Forward
	// LevelForwardTransitive demands that all versions read it.
	LevelForwardTransitive = compat.ForwardTransitive
	// LevelFull is LevelBackward and LevelForward.
	LevelFull = compat.Full
	// LevelFullTransitive is both transitive levels.
	LevelFullTransitive = compat.FullTransitive
)

// ParseLevel returns the level of that name, in upper or lower case. Any other
// name is an error.
func ParseLevel(name string) (Level, error) { return compat.ParseLevel(name) }

// VersionIncompatibility is what a new schema and one version before it have
// against each other.
type VersionIncompatibility struct {
	// Version is the index in the history, 0 for the oldest.
	Version int
	// Forward is set when it is the older schema that cannot read what the new
	// one writes, and not the other way round.
	Forward bool
	Incompatibility
}

// String returns who cannot read whom, and why, without the version.
func (v VersionIncompatibility) String() string {
	if v.Forward {
		return "the older schema cannot read the new one's records: " + v.Incompatibility.String()
	}
	return "the new schema cannot read the older one's records: " + v.Incompatibility.String()
}

// CheckLevel returns what the level has against a new schema after a history,
// the oldest version first; nothing means that it may follow.
func CheckLevel(level Level, next *ParsedSchema, history []*ParsedSchema) []VersionIncompatibility {
	to, err := next.tree()
	if err != nil {
		return []VersionIncompatibility{{Incompatibility: Incompatibility{Message: err.Error()}}}
	}
	versions := make([]*ast.Node, len(history))
	for i, version := range history {
		if versions[i], err = version.tree(); err != nil {
			return []VersionIncompatibility{{Version: i, Incompatibility: Incompatibility{Message: fmt.Sprintf("version %d: %v", i, err)}}}
		}
	}
	var list []VersionIncompatibility
	for _, fault := range compat.CheckLevel(level, to, versions) {
		list = append(list, VersionIncompatibility{
			Version: fault.Version, Forward: fault.Direction == compat.OldReadsNew, Incompatibility: Incompatibility(fault.Fault),
		})
	}
	return list
}
