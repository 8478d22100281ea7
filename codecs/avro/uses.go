package avro

import "slices"

// SubjectSchema is a schema by the subject that holds it.
type SubjectSchema struct {
	Subject string `json:"subject"`
	Schema  string `json:"schema"`
}

// References returns the schemas that were given with [Reference], those that
// others use first.
func (s *ParsedSchema) References() []SubjectSchema { return referencesOf(s.uses, nil) }

func referencesOf(uses []*linked, list []SubjectSchema) []SubjectSchema {
	for _, ref := range uses {
		list = referencesOf(ref.uses, list)
		one := SubjectSchema{Subject: ref.subject, Schema: ref.text}
		if !slices.Contains(list, one) {
			list = append(list, one)
		}
	}
	return list
}
