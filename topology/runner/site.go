package runner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokavro/gokavro/codecs"
	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/codecs/registry"
	"github.com/gokavro/gokavro/processors/dlq"
	"github.com/gokavro/gokavro/topology/graph"
	"github.com/gokavro/gokavro/topology/kafka"
)

// site is the cluster and the registry that a topology runs on, and what of
// the topology is bound to them.
type site struct {
	graph    *graph.Graph
	cfg      Config
	kafka    *kafka.Client
	registry *registry.Client

	// readOnly keeps schemas from being registered, or kept in the state folder.
	readOnly bool

	codecs  map[string]codecs.Untyped // by node name
	letters codecs.Codec[dlq.Letter]
}

func (s *site) close() {
	if err := s.kafka.Close(); err != nil {
		s.cfg.Logger.Warn("closing the connection to Kafka", "err", err)
	}
}

// topic returns the name on the cluster of a topic of the graph.
func (s *site) topic(name string) string { return s.cfg.TopicPrefix + name }

// prepare creates what is missing, as far as that is wanted, and checks that
// all is there.
func (s *site) prepare(ctx context.Context) error {
	s.bind()
	// Topics of a size that does not fit would have to be deleted again.
	report, err := s.examine(ctx, int32(s.cfg.CreateTopics))
	if err != nil {
		return err
	}
	if err := report.err(); err != nil {
		return cmp.Or(s.unregistered(ctx, report), err)
	}
	report.log(s.cfg.Logger)
	if s.cfg.CreateTopics > 0 {
		if err := s.createTopics(ctx); err != nil {
			return err
		}
		if err := s.registerTables(ctx); err != nil {
			return err
		}
		if err := s.checkTopics(0); err != nil {
			return err
		}
	}
	return s.graph.Join(s.prepareCodecs(ctx)...)
}

// unregistered adds the schemas that are missing to a report that refuses a start,
// and returns it whole; nil where the start would have registered them.
func (s *site) unregistered(ctx context.Context, report *StartReport) error {
	if s.cfg.CreateTopics > 0 || s.cfg.AutoRegister {
		return nil
	}
	return cmp.Or(report.add(checkRegistered, s.graph.Join(s.dry().prepareCodecs(ctx)...)), report.err())
}

func (s *site) createTopics(ctx context.Context) error {
	missing := s.group().Create
	if err := s.besideInputs(missing); err != nil {
		return err
	}
	created, err := s.kafka.CreateMissing(ctx, missing...)
	if len(created) > 0 {
		s.cfg.Logger.Info("created topics", "topics", created, "partitions", s.cfg.CreateTopics)
	}
	return err
}

// registerTables registers the schemas of lookup tables whose subjects are
// empty. A table that others have written keeps the schema that they gave it.
func (s *site) registerTables(ctx context.Context) error {
	for _, n := range s.graph.Of(graph.Lookup) {
		codec, ok := n.Codec.(bindable)
		if !ok {
			continue
		}
		for _, c := range schemaCodecs(codec.Bind(s.binding(n.Topic, true))) {
			_, err := s.registry.Latest(ctx, c.Subject())
			if _, missing := errors.AsType[*registry.NotFoundError](err); missing {
				err = c.Prepare(ctx)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// checkTopics checks the topics of the cluster, as if those that are missing
// had been created with that many partitions.
func (s *site) checkTopics(missing int32) error {
	var away error
	err := s.graph.CheckPartitions(func(topic string) int32 {
		count, err := s.kafka.Partitions(s.topic(topic))
		switch {
		case errors.Is(err, kafka.ErrTopicNotFound):
			count, err = s.planned(topic, missing)
		case isHidden(err):
			return -1
		}
		if err != nil {
			away = err
		}
		return count
	})
	if away != nil {
		return fmt.Errorf("asking for the topics' partitions: %w", away)
	}
	return err
}

// isHidden reports whether a topic is one that this user may not see, as the
// check of permissions says.
func isHidden(err error) bool { return errors.Is(err, sarama.ErrTopicAuthorizationFailed) }

// bindable is a codec that can be told where its bytes live.
type bindable interface {
	Bind(avro.Binding) codecs.Untyped
}

// bind gives each codec its subject and the registry. Only what the topology
// writes may be registered.
func (s *site) bind() {
	s.codecs = map[string]codecs.Untyped{}
	for _, n := range s.graph.Nodes {
		codec := n.Codec
		if b, ok := codec.(bindable); ok {
			binding := s.binding(n.Topic, n.Kind == graph.Output || n.Kind == graph.Store)
			if n.Kind == graph.Store {
				binding = s.rows(n.Topic, binding)
			}
			binding.UseLatest = s.cfg.UseLatest && n.Kind == graph.Output
			codec = s.bound(b, binding, isWritten(n))
		}
		if codec != nil {
			s.codecs[n.Name] = codec
		}
	}
	s.letters, _ = s.bound(lettersCodec(), s.binding(s.graph.DeadLetters(), true), true).(codecs.Codec[dlq.Letter])
}

func (s *site) binding(topic string, written bool) avro.Binding {
	return avro.Binding{
		Registry: s.registry, Topic: s.topic(topic),
		AutoRegister: written && !s.readOnly && (s.cfg.AutoRegister || s.cfg.CreateTopics > 0),
	}
}

// preparer is a codec that must find out its schema's id before it encodes.
type preparer interface{ Prepare(context.Context) error }

// prepareCodecs looks up the ids of the schemas that the topology writes with,
// and registers them where that is allowed.
func (s *site) prepareCodecs(ctx context.Context) []error {
	var faults []error
	prepare := func(what string, codec any) {
		if c, ok := codec.(preparer); ok && !s.willRegister(codec) {
			if err := c.Prepare(ctx); err != nil {
				faults = append(faults, fmt.Errorf("%s: %w", what, err))
			}
		}
	}
	for _, n := range s.graph.Nodes {
		if n.Kind == graph.Output || n.Kind == graph.Store {
			prepare(string(n.Kind)+" "+n.Name, s.codecs[n.Name])
		}
	}
	prepare("dead letters", s.letters)
	return faults
}

// dry returns the site bound anew, for looking only.
func (s *site) dry() *site {
	dry := *s
	dry.readOnly = true
	dry.bind()
	return &dry
}

// checkAll is examine and prepareCodecs without changing anything.
func (s *site) checkAll(ctx context.Context) (*StartReport, error) {
	dry := s.dry()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	report, err := dry.examine(ctx, 0)
	if err != nil {
		return nil, err
	}
	return report, report.add(checkRegistered, s.graph.Join(dry.prepareCodecs(ctx)...))
}
