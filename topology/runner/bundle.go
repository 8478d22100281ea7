package runner

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/gokavro/gokavro/codecs/registry"
	"github.com/gokavro/gokavro/topology"
)

// WriteBundle writes all that the registry holds of the subjects of a topology
// into a file, with which it runs while the registry is down ([Config.Bundle]).
// With [Config.AutoRegister] or [Config.CreateTopics] missing schemas of what
// the topology writes are registered first. Kafka is not needed.
func WriteBundle(ctx context.Context, t *topology.Topology, cfg Config, path string) error {
	cfg = cfg.WithDefaults()
	cfg.Bundle = "" // the registry is to answer
	g, err := t.Build()
	if err != nil {
		return err
	}
	client, err := registry.New(cfg.registry())
	if err != nil {
		return err
	}
	s := &site{graph: g, cfg: cfg, registry: client}
	s.bind()
	if cfg.AutoRegister || cfg.CreateTopics > 0 {
		if err := g.Join(s.prepareCodecs(ctx)...); err != nil {
			return err
		}
	}
	bundle, err := s.bundle(ctx)
	if err != nil {
		return err
	}
	return bundle.WriteFile(path)
}

// bundle fetches what the topology needs, or names all that is missing.
func (s *site) bundle(ctx context.Context) (*registry.Bundle, error) {
	var subjects []string
	var faults []error
	for _, subject := range s.subjects() {
		_, err := s.registry.Versions(ctx, subject, true)
		if _, away := errors.AsType[*registry.UnavailableError](err); away {
			return nil, err
		}
		if err != nil {
			faults = append(faults, err)
		}
		subjects = append(subjects, subject)
	}
	if err := s.graph.Join(faults...); err != nil {
		return nil, fmt.Errorf("writing a bundle: %w", err)
	}
	return s.registry.Bundle(ctx, subjects...)
}

// subjects returns the subjects of the bound codecs, in order.
func (s *site) subjects() []string {
	var names []string
	for _, u := range s.uses() {
		if u.codec != nil {
			names = append(names, u.codec.Subject())
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
