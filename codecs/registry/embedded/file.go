package embedded

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

const (
	fileName   = "registry.json"
	fileFormat = 1
)

// The file's form. Schemas are in the order of their ids, in which a schema
// comes after those it refers to.
type (
	fileState struct {
		Format   int                    `json:"format"`
		NextID   int                    `json:"next_id"`
		Global   rules                  `json:"global"`
		Schemas  []fileSchema           `json:"schemas"`
		Subjects map[string]fileSubject `json:"subjects"`
	}
	fileSchema struct {
		ID         int         `json:"id"`
		Schema     string      `json:"schema"`
		References []reference `json:"references,omitempty"`
	}
	fileSubject struct {
		rules
		Versions []version `json:"versions"`
	}
)

func encodeState(st *state) ([]byte, error) {
	out := fileState{Format: fileFormat, NextID: st.nextID, Global: st.global, Subjects: make(map[string]fileSubject)}
	for _, id := range slices.Sorted(maps.Keys(st.schemas)) {
		s := st.schemas[id]
		out.Schemas = append(out.Schemas, fileSchema{ID: id, Schema: s.text, References: s.refs})
	}
	for name, sub := range st.subjects {
		out.Subjects[name] = fileSubject{rules: sub.rules, Versions: sub.versions}
	}
	return json.MarshalIndent(out, "", "\t")
}

func decodeState(data []byte) (*state, error) {
	st := newState()
	if len(data) == 0 {
		return st, nil
	}
	var in fileState
	if err := json.Unmarshal(data, &in); err != nil {
		return nil, err
	}
	if in.Format != fileFormat {
		return nil, fmt.Errorf("format %d is not %d", in.Format, fileFormat)
	}
	if !isLevel(in.Global.Level) || !isMode(in.Global.Mode) {
		return nil, fmt.Errorf("level %q or mode %q is unknown", in.Global.Level, in.Global.Mode)
	}
	st.nextID, st.global = in.NextID, in.Global
	for name, sub := range in.Subjects {
		st.subjects[name] = &subject{rules: sub.rules, versions: sub.Versions}
	}
	for _, s := range in.Schemas {
		if err := st.restore(s); err != nil {
			return nil, err
		}
	}
	return st, st.consistent()
}

func (st *state) restore(s fileSchema) error {
	if s.ID < 1 || s.ID >= st.nextID || st.schemas[s.ID] != nil {
		return fmt.Errorf("schema id %d is out of order", s.ID)
	}
	for _, ref := range s.References {
		v, err := st.find(ref.Subject, ref.Version, which{deleted: true})
		if err != nil || st.schemas[v.ID] == nil {
			return fmt.Errorf("schema id %d refers to subject %q version %d, which is not there", s.ID, ref.Subject, ref.Version)
		}
	}
	parsed, err := st.parse(submission{Schema: s.Schema, References: s.References}, false)
	if err != nil {
		return fmt.Errorf("schema id %d: %w", s.ID, err)
	}
	st.add(s.ID, parsed)
	return nil
}

func (st *state) consistent() error {
	for name, sub := range st.subjects {
		last := 0
		for _, v := range sub.versions {
			if v.Number <= last || st.schemas[v.ID] == nil {
				return fmt.Errorf("subject %q version %d is out of order or has no schema", name, v.Number)
			}
			last = v.Number
		}
	}
	return nil
}

func (s *Server) load() error {
	path := filepath.Join(s.dir, fileName)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("embedded registry: reading its file: %w", err)
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return fmt.Errorf("embedded registry: %s is empty: restore it or delete it to start anew", path)
	}
	st, err := decodeState(data)
	if err != nil {
		return fmt.Errorf("embedded registry: %s is damaged: %w: restore it or delete it to start anew", path, err)
	}
	s.state, s.saved = st, data
	return nil
}

// save replaces the file so that a crash leaves the old or the new one whole.
func (s *Server) save() error {
	data, err := encodeState(s.state)
	if err != nil {
		return err
	}
	if bytes.Equal(data, s.saved) {
		return nil
	}
	if err := replaceFile(filepath.Join(s.dir, fileName), data); err != nil {
		return err
	}
	s.saved = data
	return nil
}

func replaceFile(path string, data []byte) error {
	temp := path + ".new"
	if err := writeSynced(temp, data); err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	if err := os.Rename(temp, path); err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	// The new name is on disk only when its folder is.
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

func writeSynced(path string, data []byte) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	return errors.Join(err, file.Sync(), file.Close())
}
