package embedded

import (
	"net/http"
	"strings"
)

// Confluent's API names the level compatibilityLevel where it is read and
// compatibility where it is written.
type (
	levelRead struct {
		Level string `json:"compatibilityLevel"`
	}
	levelWrite struct {
		Level string `json:"compatibility"`
	}
	modeBody struct {
		Mode string `json:"mode"`
	}
)

// own returns the rules that a request's path names, those of all subjects
// when it names none.
func (st *state) own(r *http.Request) rules {
	name := r.PathValue("subject")
	if name == "" {
		return st.global
	}
	if flag(r, "defaultToGlobal") {
		return st.rulesOf(name)
	}
	if sub := st.subjects[name]; sub != nil {
		return sub.rules
	}
	return rules{}
}

// edit changes the rules that a request's path names.
func (s *Server) edit(r *http.Request, f func(*state, *rules) error) error {
	name := r.PathValue("subject")
	return s.change(func(st *state) error {
		if name == "" {
			return f(st, &st.global)
		}
		if err := checkName(name); err != nil {
			return err
		}
		defer st.sweep(name)
		return f(st, &st.subject(name).rules)
	})
}

func (s *Server) getConfig(r *http.Request) (any, error) {
	var out levelRead
	err := s.read(func(st *state) error {
		out.Level = st.own(r).Level
		if out.Level == "" {
			return notFound(codeLevelNotSet, "Subject '%s' does not have subject-level compatibility configured", r.PathValue("subject"))
		}
		return nil
	})
	return out, err
}

func (s *Server) putConfig(r *http.Request) (any, error) {
	var in levelWrite
	if err := body(r, &in); err != nil {
		return nil, err
	}
	in.Level = strings.ToUpper(in.Level)
	if !isLevel(in.Level) {
		return nil, invalid(codeInvalidLevel, "Invalid compatibility level %q. Valid values are none, backward, forward, full, backward_transitive, forward_transitive, and full_transitive", in.Level)
	}
	err := s.edit(r, func(st *state, own *rules) error {
		if err := st.writable(r.PathValue("subject")); err != nil {
			return err
		}
		own.Level = in.Level
		return nil
	})
	return in, err
}

func (s *Server) deleteConfig(r *http.Request) (any, error) {
	var out levelWrite
	err := s.edit(r, func(st *state, own *rules) error {
		name := r.PathValue("subject")
		if err := st.writable(name); err != nil {
			return err
		}
		if own.Level == "" {
			return notFound(codeLevelNotSet, "Subject '%s' does not have subject-level compatibility configured", name)
		}
		out.Level, own.Level = own.Level, ""
		if name == "" {
			own.Level = levelBackward
		}
		return nil
	})
	return out, err
}

func (s *Server) getMode(r *http.Request) (any, error) {
	var out modeBody
	err := s.read(func(st *state) error {
		out.Mode = st.own(r).Mode
		if out.Mode == "" {
			return notFound(codeModeNotSet, "Subject '%s' does not have subject-level mode configured", r.PathValue("subject"))
		}
		return nil
	})
	return out, err
}

func (s *Server) putMode(r *http.Request) (any, error) {
	var in modeBody
	if err := body(r, &in); err != nil {
		return nil, err
	}
	in.Mode = strings.ToUpper(in.Mode)
	if !isMode(in.Mode) {
		return nil, invalid(codeInvalidMode, "Invalid mode %q: this registry has READWRITE and READONLY", in.Mode)
	}
	err := s.edit(r, func(_ *state, own *rules) error {
		own.Mode = in.Mode
		return nil
	})
	return in, err
}

func (s *Server) deleteMode(r *http.Request) (any, error) {
	var out modeBody
	err := s.edit(r, func(_ *state, own *rules) error {
		name := r.PathValue("subject")
		if own.Mode == "" {
			return notFound(codeModeNotSet, "Subject '%s' does not have subject-level mode configured", name)
		}
		out.Mode, own.Mode = own.Mode, ""
		if name == "" {
			own.Mode = modeReadWrite
		}
		return nil
	})
	return out, err
}

// postCompatibility compares a schema with one version, or with those that
// the subject's level says when the path names none.
func (s *Server) postCompatibility(r *http.Request) (any, error) {
	var sub submission
	if err := body(r, &sub); err != nil {
		return nil, err
	}
	var out struct {
		Compatible bool     `json:"is_compatible"`
		Messages   []string `json:"messages,omitempty"`
	}
	err := s.read(func(st *state) error {
		parsed, refused := st.parse(sub, flag(r, "normalize"))
		if refused != nil {
			return refused
		}
		history, err := st.compared(r)
		if err != nil {
			return err
		}
		level := st.rulesOf(r.PathValue("subject")).Level
		found := conflicts(level, parsed.parsed, history, st.schemas)
		out.Compatible = len(found) == 0
		if flag(r, "verbose") {
			out.Messages = messages(level, found)
		}
		return nil
	})
	return out, err
}

// compared returns the versions that a compatibility request is about. Any
// schema may follow nothing, so a subject that is not there has none.
func (st *state) compared(r *http.Request) ([]version, error) {
	name := r.PathValue("subject")
	number := latest
	if r.PathValue("version") != "" {
		var err error
		if number, err = versionNumber(r); err != nil {
			return nil, err
		}
	}
	live := st.versions(name, which{})
	if number == latest {
		if r.PathValue("version") != "" && len(live) > 1 {
			live = live[len(live)-1:]
		}
		return live, nil
	}
	v, missing := st.find(name, number, which{})
	if missing != nil {
		return nil, missing
	}
	return []version{v}, nil
}
