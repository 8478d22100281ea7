package avro

import (
	"slices"
	"strings"

	"github.com/twmb/avro"
)

// missingDefault returns the dotted path of a field that reader needs, writer
// does not write and no default stands in for; empty when there is none.
// twmb/avro reports the others itself, but takes null for the default of every
// union that starts with null, which the specification does not.
func missingDefault(writer, reader *ParsedSchema) string {
	return missingIn(writer.parsed.Root().ExpandReferences(), reader.parsed.Root().ExpandReferences(), "")
}

func missingIn(writer, reader *avro.SchemaNode, path string) string {
	if writer.Type == "union" {
		for i := range writer.Branches {
			if found := missingIn(&writer.Branches[i], reader, path); found != "" {
				return found
			}
		}
		return ""
	}
	if reader.Type == "union" {
		for i := range reader.Branches {
			if sameKind(writer, &reader.Branches[i]) {
				return missingIn(writer, &reader.Branches[i], path)
			}
		}
		return ""
	}
	switch {
	case writer.Type != reader.Type:
		return ""
	case reader.Type == "array":
		return missingIn(writer.Items, reader.Items, path)
	case reader.Type == "map":
		return missingIn(writer.Values, reader.Values, path)
	case reader.Type == "record":
		return missingInFields(writer.Fields, reader.Fields, path)
	}
	return ""
}

func missingInFields(writer, reader []avro.SchemaField, path string) string {
	for i := range reader {
		field := &reader[i]
		at := strings.TrimPrefix(path+"."+field.Name, ".")
		written := slices.IndexFunc(writer, func(w avro.SchemaField) bool {
			return w.Name == field.Name || slices.Contains(field.Aliases, w.Name)
		})
		if written < 0 {
			if !field.HasDefault {
				return at
			}
			continue
		}
		if found := missingIn(&writer[written].Type, &field.Type, at); found != "" {
			return found
		}
	}
	return ""
}

// sameKind tells whether a union's branch of the reader is the one that a
// writer's type is read with: same type, and for named types the same name
// without its namespace.
func sameKind(writer, branch *avro.SchemaNode) bool {
	if writer.Type != branch.Type {
		return false
	}
	name := unqualified(writer.Name)
	return name == unqualified(branch.Name) || slices.ContainsFunc(branch.Aliases, func(alias string) bool {
		return unqualified(alias) == name
	})
}

func unqualified(name string) string { return name[strings.LastIndexByte(name, '.')+1:] }
