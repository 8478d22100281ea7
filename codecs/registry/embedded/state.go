package embedded

import (
	"cmp"
	"maps"
	"slices"

	"github.com/gokavro/gokavro/codecs/avro"
)

// reference names a schema whose types another schema uses.
type reference struct {
	Name    string `json:"name"`
	Subject string `json:"subject"`
	Version int    `json:"version"`
}

// schema is immutable.
type schema struct {
	id     int
	guid   string
	text   string
	refs   []reference
	key    string // equal for equal schemas
	parsed *avro.ParsedSchema
}

// latest stands for the highest number of a subject's versions.
const latest = -1

type version struct {
	Number  int  `json:"version"`
	ID      int  `json:"id"`
	Deleted bool `json:"deleted,omitempty"`
}

// rules are a level and a mode; empty ones fall back to those of all subjects.
type rules struct {
	Level string `json:"level,omitempty"`
	Mode  string `json:"mode,omitempty"`
}

type subject struct {
	rules
	versions []version // ascending
}

// state is all that the registry knows. Server's lock guards it.
type state struct {
	global   rules
	nextID   int
	schemas  map[int]*schema
	keys     map[string]int
	guids    map[string]int
	subjects map[string]*subject
}

func newState() *state {
	return &state{
		global:   rules{Level: levelBackward, Mode: modeReadWrite},
		nextID:   1,
		schemas:  make(map[int]*schema),
		keys:     make(map[string]int),
		guids:    make(map[string]int),
		subjects: make(map[string]*subject),
	}
}

// which selects versions by whether they are deleted.
type which struct{ deleted, deletedOnly bool }

func (w which) has(v version) bool {
	if w.deletedOnly {
		return v.Deleted
	}
	return w.deleted || !v.Deleted
}

// versions returns the selected versions of a subject, ascending.
func (st *state) versions(name string, w which) []version {
	var out []version
	if sub := st.subjects[name]; sub != nil {
		for _, v := range sub.versions {
			if w.has(v) {
				out = append(out, v)
			}
		}
	}
	return out
}

// find returns the version of that number, or the last for latest.
func (st *state) find(name string, number int, w which) (version, *apiError) {
	selected := st.versions(name, w)
	if len(selected) == 0 {
		return version{}, errSubject(name)
	}
	if number == latest {
		return selected[len(selected)-1], nil
	}
	for _, v := range selected {
		if v.Number == number {
			return v, nil
		}
	}
	return version{}, errVersion(number)
}

// names returns the subjects that have a selected version, in order.
func (st *state) names(w which) []string {
	out := []string{}
	for name := range st.subjects {
		if len(st.versions(name, w)) > 0 {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// usage is where a schema id is used.
type usage struct {
	Subject string `json:"subject"`
	Version int    `json:"version"`
}

func (st *state) usages(id int, w which) []usage {
	out := []usage{}
	for name := range st.subjects {
		for _, v := range st.versions(name, w) {
			if v.ID == id {
				out = append(out, usage{Subject: name, Version: v.Number})
			}
		}
	}
	slices.SortFunc(out, func(a, b usage) int {
		return cmp.Or(cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Version, b.Version))
	})
	return out
}

// referrers returns the ids of the schemas that refer to a version and that
// subjects other than except use.
func (st *state) referrers(name string, number int, w which, except string) []int {
	out := []int{}
	for _, id := range slices.Sorted(maps.Keys(st.schemas)) {
		refers := slices.ContainsFunc(st.schemas[id].refs, func(r reference) bool {
			return r.Subject == name && r.Version == number
		})
		used := func(u usage) bool { return u.Subject != except }
		if refers && slices.ContainsFunc(st.usages(id, w), used) {
			out = append(out, id)
		}
	}
	return out
}

// rulesOf returns what holds for a subject.
func (st *state) rulesOf(name string) rules {
	out := st.global
	if sub := st.subjects[name]; sub != nil {
		out.Level = cmp.Or(sub.Level, out.Level)
		out.Mode = cmp.Or(sub.Mode, out.Mode)
	}
	return out
}

// writable refuses changes of a subject in the mode READONLY.
func (st *state) writable(name string) *apiError {
	if st.rulesOf(name).Mode == modeReadOnly {
		return invalid(codeNotPermitted, "Subject %s is in read-only mode", name)
	}
	return nil
}

// subject returns the subject to change it, making it when missing.
func (st *state) subject(name string) *subject {
	sub := st.subjects[name]
	if sub == nil {
		sub = &subject{}
		st.subjects[name] = sub
	}
	return sub
}

// sweep forgets what nothing uses any more.
func (st *state) sweep(name string, ids ...int) {
	if sub := st.subjects[name]; sub != nil && len(sub.versions) == 0 && sub.rules == (rules{}) {
		delete(st.subjects, name)
	}
	for _, id := range ids {
		if s := st.schemas[id]; s != nil && len(st.usages(id, which{deleted: true})) == 0 {
			delete(st.schemas, id)
			delete(st.keys, s.key)
			delete(st.guids, s.guid)
		}
	}
}
