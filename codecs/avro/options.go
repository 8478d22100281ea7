package avro

import (
	"cmp"

	"github.com/gokavro/gokavro/codecs/avro/internal/plan"
	"github.com/gokavro/gokavro/codecs/registry"
)

// Option sets a property of a codec.
type Option func(*settings)

type settings struct {
	store        Schemas
	registry     *registry.Client
	explicit     string // the subject that was given
	names        SubjectNames
	topic        string
	isKey        bool
	useLatest    bool
	given        []reference
	autoRegister bool
	plain        bool
	wire         Wire
	formatted    bool       // wire is the codec's own choice
	kept         *SchemaDir // nil when schemas are not kept
	schema       string
	namespace    string
	name         string
	types        *plan.Types                     // nil when there are none
	cases        []func(shared settings) oneCase // of OneOf
}

// Registry sets the schema registry that writer schemas are read from and the
// codec's own schema is looked up in.
func Registry(client *registry.Client) Option {
	return func(s *settings) { s.registry = client }
}

// Subject sets the registry subject that the codec's schema is under when it
// encodes, in place of the one that [SubjectStrategy] and [Topic] give. Decoding
// needs it for single-object data alone, whose fingerprints are looked for there.
func Subject(name string) Option {
	return func(s *settings) { s.explicit = name }
}

// AutoRegister lets the codec register its schema when the subject does not
// hold it. Default: off, as a schema that nobody reviewed then reaches a
// topic only through a person.
func AutoRegister() Option {
	return func(s *settings) { s.autoRegister = true }
}

// Format sets the wire format that the codec writes. Default: [Confluent]. All
// formats are read.
func Format(wire Wire) Option {
	return func(s *settings) { s.wire, s.formatted = wire, true }
}

// WithSchemas sets where schemas are found, in place of a schema registry.
func WithSchemas(schemas Schemas) Option {
	return func(s *settings) { s.store = schemas }
}

// Plain drops the framing: the bytes are the Avro datum alone, written with
// the codec's own schema.
func Plain() Option {
	return func(s *settings) { s.plain = true }
}

// Schema gives the schema as its JSON text instead of inferring it from the Go
// type.
func Schema(text string) Option {
	return func(s *settings) { s.schema = text }
}

// Namespace sets the namespace of the inferred record. Default: none.
func Namespace(name string) Option {
	return func(s *settings) { s.namespace = name }
}

// Name sets the name of the inferred record. Default: the Go type's name.
func Name(name string) Option {
	return func(s *settings) { s.name = name }
}

func apply(opts []Option) settings {
	var s settings
	for _, opt := range opts {
		opt(&s)
	}
	return s
}

// Binding says where a codec's bytes live. The runner gives it to codecs of a
// topology, which are declared without a registry.
type Binding struct {
	Registry *registry.Client
	// Topic is what the bytes are written to; the codec's strategy makes a
	// subject of it. Key is set when they are the keys of its records.
	Topic string
	Key   bool
	// Subject is the subject whatever the strategy says. Default: none.
	Subject string
	// AutoRegister allows the schema to be registered under its subject.
	AutoRegister bool
	// UseLatest is [UseLatest].
	UseLatest bool
	// Wire is the format that is written. Default: [Confluent].
	Wire Wire
	// Kept is where the schemas of single-object data are kept. Default: nowhere.
	Kept *SchemaDir
}

func (s settings) schemas() Schemas {
	found := s.store
	if found == nil {
		found = registrySchemas{client: s.registry, autoRegister: s.autoRegister}
	}
	if s.kept != nil {
		return keptSchemas{dir: s.kept, behind: found}
	}
	return found
}

// bind fills in what the codec's own options left open.
func (s settings) bind(b Binding) settings {
	if s.registry == nil {
		s.registry = b.Registry
	}
	s.topic = cmp.Or(s.topic, b.Topic)
	s.isKey = s.isKey || b.Key
	s.explicit = cmp.Or(s.explicit, b.Subject)
	s.autoRegister = s.autoRegister || b.AutoRegister
	if !s.formatted {
		s.wire = b.Wire
	}
	s.kept = b.Kept
	s.useLatest = s.useLatest || b.UseLatest
	return s
}
