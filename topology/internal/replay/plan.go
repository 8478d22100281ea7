package replay

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// fileName is where a state folder keeps the plan.
const fileName = "replay.json"

// plan is what the first start has fixed.
type plan struct {
	// From and Until are the texts that the offsets come of.
	From  string `json:"from"`
	Until string `json:"until,omitempty"`
	// Starts and Ends are the offsets; a run without a bound has no ends.
	Starts Offsets `json:"starts"`
	Ends   Offsets `json:"ends,omitempty"`
	// Begun is set once the group has the starts.
	Begun bool `json:"begun"`
}

// load reads the plan of a folder, nil when it has none.
func load(dir string) (*plan, error) {
	path := filepath.Join(dir, fileName)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading where the run began: %w", err)
	}
	p := &plan{}
	if err := json.Unmarshal(text, p); err != nil {
		return nil, fmt.Errorf("%s is damaged: %w", path, err)
	}
	return p, nil
}

// save keeps the plan, whole or not at all.
func (p *plan) save(dir string) error {
	text, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return fmt.Errorf("keeping where the run begins: %w", err)
	}
	path := filepath.Join(dir, fileName)
	if err := os.WriteFile(path+".new", append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("keeping where the run begins: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("keeping where the run begins: %w", err)
	}
	return nil
}

// place is one partition.
type place struct {
	topic     string
	partition int32
}

// sorted returns the partitions, those of all topics with one number together.
func sorted(o Offsets) []place {
	var places []place
	for topic, partitions := range o {
		for partition := range partitions {
			places = append(places, place{topic, partition})
		}
	}
	slices.SortFunc(places, func(a, b place) int {
		return cmp.Or(cmp.Compare(a.partition, b.partition), cmp.Compare(a.topic, b.topic))
	})
	return places
}
