package embedded

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gokavro/gokavro/codecs/avro"
)

const (
	levelNone     = "NONE"
	levelBackward = "BACKWARD"
	levelForward  = "FORWARD"
	levelFull     = "FULL"
	transitive    = "_TRANSITIVE"

	modeReadWrite = "READWRITE"
	modeReadOnly  = "READONLY"
)

func isLevel(level string) bool {
	return level == levelNone || slices.Contains([]string{levelBackward, levelForward, levelFull}, strings.TrimSuffix(level, transitive))
}

func isMode(mode string) bool { return mode == modeReadWrite || mode == modeReadOnly }

// conflict is a reason why a schema may not follow a version.
type conflict struct {
	avro.Incompatibility
	version int
}

// conflicts compares a schema with the versions that its level says, oldest
// first in history.
func conflicts(level string, next *avro.ParsedSchema, history []version, schemas map[int]*schema) []conflict {
	base, all := strings.CutSuffix(level, transitive)
	if !all && len(history) > 1 {
		history = history[len(history)-1:]
	}
	var out []conflict
	for _, old := range slices.Backward(history) {
		for _, reason := range compare(base, next, schemas[old.ID].parsed) {
			out = append(out, conflict{Incompatibility: reason, version: old.Number})
		}
	}
	return out
}

func compare(base string, next, old *avro.ParsedSchema) []avro.Incompatibility {
	var out []avro.Incompatibility
	if base == levelBackward || base == levelFull {
		out = append(out, avro.Compatible(old, next)...)
	}
	if base == levelForward || base == levelFull {
		out = append(out, avro.Compatible(next, old)...)
	}
	return out
}

// details words conflicts as Confluent's registry does, so that its clients
// find the reasons.
func details(name, level string, found []conflict) string {
	var out strings.Builder
	fmt.Fprintf(&out, "Schema being registered is incompatible with an earlier schema for subject %q, details: [", name)
	for _, c := range found {
		fmt.Fprintf(&out, "{description:'%s', additionalInfo:'%s'}, {oldSchemaVersion: %d}, ", c.Message, c.Path, c.version)
	}
	fmt.Fprintf(&out, "{compatibility: '%s'}]", level)
	return out.String()
}

func messages(level string, found []conflict) []string {
	out := make([]string, 0, len(found))
	for _, c := range found {
		out = append(out, fmt.Sprintf("%s with version %d: %s", level, c.version, c.Incompatibility))
	}
	return out
}
