package embedded

import (
	"net/http"
	"strings"
)

// view is a version as clients see it.
type view struct {
	Subject    string      `json:"subject,omitempty"`
	Version    int         `json:"version,omitempty"`
	ID         int         `json:"id,omitempty"`
	GUID       string      `json:"guid,omitempty"`
	Schema     string      `json:"schema"`
	References []reference `json:"references,omitempty"`
}

func (st *state) view(name string, v version) view {
	s := st.schemas[v.ID]
	return view{Subject: name, Version: v.Number, ID: v.ID, GUID: s.guid, Schema: s.text, References: s.refs}
}

func (s *Server) getSubjects(r *http.Request) (any, error) {
	var names []string
	err := s.read(func(st *state) error {
		names = prefixed(r, st.names(selected(r)))
		return nil
	})
	return page(r, names), err
}

// prefixed keeps the subjects that the request's prefix selects. The prefix
// :*: means those of all contexts; there is one here.
func prefixed(r *http.Request, names []string) []string {
	prefix := strings.TrimPrefix(r.URL.Query().Get("subjectPrefix"), ":*:")
	out := []string{}
	for _, name := range names {
		if strings.HasPrefix(name, prefix) {
			out = append(out, name)
		}
	}
	return out
}

func (s *Server) getSchemas(r *http.Request) (any, error) {
	out := []view{}
	err := s.read(func(st *state) error {
		for _, name := range prefixed(r, st.names(selected(r))) {
			versions := st.versions(name, selected(r))
			if flag(r, "latestOnly") {
				versions = versions[len(versions)-1:]
			}
			for _, v := range versions {
				out = append(out, st.view(name, v))
			}
		}
		return nil
	})
	return page(r, out), err
}

func (s *Server) getVersions(r *http.Request) (any, error) {
	name := r.PathValue("subject")
	numbers := []int{}
	err := s.read(func(st *state) error {
		versions := st.versions(name, selected(r))
		if len(versions) == 0 {
			return errSubject(name)
		}
		for _, v := range versions {
			numbers = append(numbers, v.Number)
		}
		return nil
	})
	return page(r, numbers), err
}

// version runs f on the version that the request's path names.
func (s *Server) version(r *http.Request, f func(*state, version)) error {
	number, err := versionNumber(r)
	if err != nil {
		return err
	}
	return s.read(func(st *state) error {
		v, missing := st.find(r.PathValue("subject"), number, selected(r))
		if missing != nil {
			return missing
		}
		f(st, v)
		return nil
	})
}

func (s *Server) getVersion(r *http.Request) (any, error) {
	var out view
	err := s.version(r, func(st *state, v version) { out = st.view(r.PathValue("subject"), v) })
	return out, err
}

func (s *Server) getVersionText(r *http.Request) (any, error) {
	var out rawText
	err := s.version(r, func(st *state, v version) { out = rawText(st.schemas[v.ID].text) })
	return out, err
}

func (s *Server) getReferrers(r *http.Request) (any, error) {
	var out []int
	err := s.version(r, func(st *state, v version) {
		out = st.referrers(r.PathValue("subject"), v.Number, selected(r), "")
	})
	return out, err
}

func (s *Server) postLookup(r *http.Request) (any, error) {
	name := r.PathValue("subject")
	var sub submission
	if err := body(r, &sub); err != nil {
		return nil, err
	}
	var out view
	err := s.read(func(st *state) error {
		if len(st.versions(name, selected(r))) == 0 {
			return errSubject(name)
		}
		parsed, refused := st.parse(sub, flag(r, "normalize"))
		if refused != nil {
			return refused
		}
		v, ok := st.lookup(name, parsed, selected(r))
		if !ok {
			return notFound(codeSchemaNotFound, "Schema not found")
		}
		out = st.view(name, v)
		return nil
	})
	return out, err
}

func (s *Server) postVersion(r *http.Request) (any, error) {
	var sub submission
	if err := body(r, &sub); err != nil {
		return nil, err
	}
	// Most schemas are there already: find them without stopping others.
	out, err := s.registered(r, sub)
	if err != nil || out.ID > 0 {
		return out, err
	}
	name := r.PathValue("subject")
	err = s.change(func(st *state) error {
		parsed, refused := st.parse(sub, flag(r, "normalize"))
		if refused != nil {
			return refused
		}
		v, ok := st.lookup(name, parsed, which{})
		if !ok {
			v, refused = st.register(name, parsed, sub)
		}
		if refused == nil {
			out = st.view("", v)
		}
		return failed(refused)
	})
	return out, err
}

// registered is what is there already, the zero view when nothing is.
func (s *Server) registered(r *http.Request, sub submission) (view, error) {
	name := r.PathValue("subject")
	var out view
	err := s.read(func(st *state) error {
		parsed, refused := st.parse(sub, flag(r, "normalize"))
		if refused != nil {
			return refused
		}
		v, ok := st.lookup(name, parsed, which{})
		if !ok {
			return nil
		}
		out = st.view("", v)
		return failed(sub.chosen(name, v))
	})
	return out, err
}

func (s *Server) deleteSubject(r *http.Request) (any, error) {
	var numbers []int
	err := s.change(func(st *state) error {
		var refused *apiError
		numbers, refused = st.deleteSubject(r.PathValue("subject"), flag(r, "permanent"))
		return failed(refused)
	})
	return numbers, err
}

func (s *Server) deleteVersion(r *http.Request) (any, error) {
	number, err := versionNumber(r)
	if err != nil {
		return nil, err
	}
	err = s.change(func(st *state) error {
		var refused *apiError
		number, refused = st.deleteVersion(r.PathValue("subject"), number, flag(r, "permanent"))
		return failed(refused)
	})
	return number, err
}
