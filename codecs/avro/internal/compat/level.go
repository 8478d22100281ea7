package compat

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gokavro/gokavro/codecs/avro/internal/ast"
)

// Level is what a subject demands of a new version of its schema, in the words
// of schema registries.
type Level string

// The levels. Those that are not transitive look at the last version only.
const (
	// None demands nothing.
	None Level = "NONE"
	// Backward demands that the new version reads what the last one wrote.
	Backward Level = "BACKWARD"
	// BackwardTransitive demands that the new version reads what any wrote.
	BackwardTransitive Level = "BACKWARD_TRANSITIVE"
	// Forward demands that the last version reads what the new one writes.
	Forward Level = "FORWARD"
	// ForwardTransitive demands that all versions read what the new one writes.
	ForwardTransitive Level = "FORWARD_TRANSITIVE"
	// Full is Backward and Forward.
	Full Level = "FULL"
	// FullTransitive is BackwardTransitive and ForwardTransitive.
	FullTransitive Level = "FULL_TRANSITIVE"
)

// ParseLevel returns the level of that name, in upper or lower case. Any other
// name is an error.
func ParseLevel(name string) (Level, error) {
	levels := []Level{None, Backward, BackwardTransitive, Forward, ForwardTransitive, Full, FullTransitive}
	level := Level(strings.ToUpper(name))
	if !slices.Contains(levels, level) {
		return "", fmt.Errorf("avro: compatibility level %q is unknown; use one of %q", name, levels)
	}
	return level, nil
}

// transitive reports whether all versions count.
func (l Level) transitive() bool { return l != None && l != Backward && l != Forward && l != Full }

// backward reports whether the new version has to read what others wrote.
func (l Level) backward() bool { return l != None && l != Forward && l != ForwardTransitive }

// forward reports whether others have to read what the new version writes.
func (l Level) forward() bool { return l != None && l != Backward && l != BackwardTransitive }

// Direction says which of two versions is the reader.
type Direction string

// The directions.
const (
	// NewReadsOld is the direction that Backward demands.
	NewReadsOld Direction = "BACKWARD"
	// OldReadsNew is the direction that Forward demands.
	OldReadsNew Direction = "FORWARD"
)

// VersionFault is a fault between a new version and one of the history.
type VersionFault struct {
	// Version is the index of the version in the history, 0 for the oldest.
	Version   int
	Direction Direction
	Fault
}

// String returns the direction and the fault. It leaves the version out: what
// people call a version is not its index.
func (f VersionFault) String() string {
	if f.Direction == OldReadsNew {
		return "the older schema cannot read the new one's records: " + f.Fault.String()
	}
	return "the new schema cannot read the older one's records: " + f.Fault.String()
}

// CheckLevel returns what the level has against a new schema after a history,
// the oldest version first: by version, and for each one what the new schema
// cannot read before what cannot read it. An empty history is no fault. The
// advice in the messages is for the new schema. A level that ParseLevel does not
// know demands what FullTransitive does.
func CheckLevel(l Level, next *ast.Node, history []*ast.Node) []VersionFault {
	first := 0
	if !l.transitive() {
		first = max(0, len(history)-1)
	}
	var faults []VersionFault
	add := func(version int, direction Direction, found []Fault) {
		for _, fault := range found {
			faults = append(faults, VersionFault{version, direction, fault})
		}
	}
	for i := first; i < len(history); i++ {
		if l.backward() {
			add(i, NewReadsOld, check(history[i], next, mendReader))
		}
		if l.forward() {
			add(i, OldReadsNew, check(next, history[i], mendWriter))
		}
	}
	return faults
}
