package embedded

import (
	"net/http"
	"slices"
	"strings"
)

// id runs f on the schema that the request's path names.
func (s *Server) id(r *http.Request, f func(*state, *schema)) error {
	id, err := schemaID(r)
	if err != nil {
		return err
	}
	return s.read(func(st *state) error {
		found := st.schemas[id]
		if found == nil {
			return errSchemaID(id)
		}
		f(st, found)
		return nil
	})
}

func (s *Server) getID(r *http.Request) (any, error) {
	var out struct {
		view
		MaxID int `json:"maxId,omitempty"`
	}
	err := s.id(r, func(st *state, found *schema) {
		out.GUID, out.Schema, out.References = found.guid, found.text, found.refs
		if flag(r, "fetchMaxId") {
			out.MaxID = st.nextID - 1
		}
	})
	return out, err
}

func (s *Server) getGUID(r *http.Request) (any, error) {
	var out view
	guid := strings.ToLower(r.PathValue("guid"))
	err := s.read(func(st *state) error {
		found := st.schemas[st.guids[guid]] // ids begin at 1
		if found == nil {
			return errSchemaGUID(guid)
		}
		out = view{GUID: guid, Schema: found.text, References: found.refs}
		return nil
	})
	return out, err
}

func (s *Server) getIDText(r *http.Request) (any, error) {
	var out rawText
	err := s.id(r, func(_ *state, found *schema) { out = rawText(found.text) })
	return out, err
}

func (s *Server) getIDVersions(r *http.Request) (any, error) {
	var out []usage
	err := s.id(r, func(st *state, found *schema) { out = usagesFor(r, st, found) })
	return page(r, out), err
}

func (s *Server) getIDSubjects(r *http.Request) (any, error) {
	names := []string{}
	err := s.id(r, func(st *state, found *schema) {
		for _, u := range usagesFor(r, st, found) {
			names = append(names, u.Subject)
		}
	})
	return page(r, slices.Compact(names)), err
}

func usagesFor(r *http.Request, st *state, found *schema) []usage {
	only := r.URL.Query().Get("subject")
	return slices.DeleteFunc(st.usages(found.id, selected(r)), func(u usage) bool {
		return only != "" && u.Subject != only
	})
}
