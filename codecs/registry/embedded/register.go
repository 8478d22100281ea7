package embedded

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"unicode"

	"github.com/gokavro/gokavro/codecs/avro"
)

// submission is the body of the requests that carry a schema.
type submission struct {
	Schema     string          `json:"schema"`
	SchemaType string          `json:"schemaType"`
	References []reference     `json:"references"`
	ID         int             `json:"id"`
	Version    int             `json:"version"`
	Metadata   json.RawMessage `json:"metadata"`
	RuleSet    json.RawMessage `json:"ruleSet"`
}

func (sub submission) check() *apiError {
	if sub.SchemaType != "" && sub.SchemaType != "AVRO" {
		return invalid(codeInvalidSchema, "Invalid schema type %s: this registry holds AVRO only", sub.SchemaType)
	}
	if given(sub.RuleSet) || given(sub.Metadata) {
		return invalid(codeInvalidRuleSet, "This registry does not keep rule sets and metadata: leave them out")
	}
	if strings.TrimSpace(sub.Schema) == "" {
		return invalid(codeInvalidSchema, "Empty schema")
	}
	return nil
}

// chosen refuses an id or a version that differs from what the registry gives.
func (sub submission) chosen(name string, v version) *apiError {
	if (sub.ID > 0 && sub.ID != v.ID) || (sub.Version > 0 && sub.Version != v.Number) {
		return invalid(codeNotPermitted, "Subject %s is not in import mode: leave out id and version", name)
	}
	return nil
}

func given(member json.RawMessage) bool {
	return len(member) > 0 && !bytes.Equal(member, []byte("null"))
}

// parse returns the schema of a submission, without an id.
func (st *state) parse(sub submission, normalize bool) (*schema, *apiError) {
	if err := sub.check(); err != nil {
		return nil, err
	}
	sub.References = st.numbered(sub.References)
	refs, err := st.texts(sub.References)
	if err != nil {
		return nil, err
	}
	return parseSchema(sub, refs, normalize)
}

func parseSchema(sub submission, refs []string, normalize bool) (*schema, *apiError) {
	var text bytes.Buffer
	if err := json.Compact(&text, []byte(sub.Schema)); err != nil {
		return nil, invalid(codeInvalidSchema, "Invalid schema: not JSON: %v", err)
	}
	parsed, err := avro.ParseSchema(text.String(), refs...)
	if err != nil {
		return nil, invalid(codeInvalidSchema, "Invalid schema: %v", err)
	}
	normal, err := normalForm(text.String())
	if err != nil {
		return nil, invalid(codeInvalidSchema, "Invalid schema: %v", err)
	}
	key, err := json.Marshal(sub.References)
	if err != nil {
		return nil, invalid(codeInvalidSchema, "Invalid references: %v", err)
	}
	out := &schema{text: text.String(), refs: sub.References, parsed: parsed}
	if len(sub.References) == 0 {
		out.key = normal
	} else {
		out.key = normal + string(key)
	}
	if normalize {
		out.text = normal
	}
	return out, nil
}

// numbered replaces latest in references by the number that it means now: a
// schema must not change under its id.
func (st *state) numbered(refs []reference) []reference {
	out := slices.Clone(refs)
	for i, ref := range out {
		if v, err := st.find(ref.Subject, ref.Version, which{}); err == nil {
			out[i].Version = v.Number
		}
	}
	return out
}

// texts returns the schemas that refs name and those that they refer to, each
// once and after those it needs.
func (st *state) texts(refs []reference) ([]string, *apiError) {
	var out []string
	seen := make(map[int]bool)
	var add func(refs []reference) *apiError
	add = func(refs []reference) *apiError {
		for _, ref := range refs {
			v, err := st.find(ref.Subject, ref.Version, which{deleted: true})
			if err != nil {
				return invalid(codeInvalidSchema, "Invalid schema: no schema found for the reference %q to subject %q version %d", ref.Name, ref.Subject, ref.Version)
			}
			if seen[v.ID] {
				continue
			}
			seen[v.ID] = true
			if err := add(st.schemas[v.ID].refs); err != nil {
				return err
			}
			out = append(out, st.schemas[v.ID].text)
		}
		return nil
	}
	if err := add(refs); err != nil {
		return nil, err
	}
	return out, nil
}

// lookup returns the newest selected version of name that holds s.
func (st *state) lookup(name string, s *schema, w which) (version, bool) {
	id, ok := st.keys[s.key]
	if !ok {
		return version{}, false
	}
	for _, v := range slices.Backward(st.versions(name, w)) {
		if v.ID == id {
			return v, true
		}
	}
	return version{}, false
}

// register adds s as a new version of name.
func (st *state) register(name string, s *schema, sub submission) (version, *apiError) {
	if err := checkName(name); err != nil {
		return version{}, err
	}
	if err := st.writable(name); err != nil {
		return version{}, err
	}
	all := st.versions(name, which{deleted: true})
	number := 1
	if len(all) > 0 {
		number = all[len(all)-1].Number + 1
	}
	if err := sub.chosen(name, version{Number: number, ID: st.idFor(s)}); err != nil {
		return version{}, err
	}
	level := st.rulesOf(name).Level
	if found := conflicts(level, s.parsed, st.versions(name, which{}), st.schemas); len(found) > 0 {
		return version{}, &apiError{status: http.StatusConflict, Code: codeIncompatible, Message: details(name, level, found)}
	}
	added := version{Number: number, ID: st.idFor(s)}
	if added.ID == st.nextID {
		st.nextID++
		st.add(added.ID, s)
	}
	target := st.subject(name)
	target.versions = append(target.versions, added)
	return added, nil
}

// idFor is the id that s has, or gets.
func (st *state) idFor(s *schema) int {
	if id, known := st.keys[s.key]; known {
		return id
	}
	return st.nextID
}

func (st *state) add(id int, s *schema) {
	kept := *s
	kept.id, kept.guid = id, guidOf(s.key)
	st.schemas[id] = &kept
	st.keys[s.key] = id
	st.guids[kept.guid] = id
}

// guidOf makes a UUID of version 8 out of what is equal for equal schemas, so
// that a schema has the same GUID in every registry of this package.
func guidOf(key string) string {
	sum := sha256.Sum256([]byte(key))
	sum[6], sum[8] = sum[6]&0x0f|0x80, sum[8]&0x3f|0x80
	u := hex.EncodeToString(sum[:16])
	return u[:8] + "-" + u[8:12] + "-" + u[12:16] + "-" + u[16:20] + "-" + u[20:]
}

func checkName(name string) *apiError {
	if name == "" || strings.ContainsFunc(name, unicode.IsControl) {
		return invalid(codeInvalidSubject, "Invalid subject %q: it is empty or holds control characters", name)
	}
	return nil
}
