package avro

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/gokavro/gokavro/codecs"
)

// Case names a record type that a topic has beside others, for [OneOf]. Its
// schema is inferred from R, or given by [Schema]; options of the case win over
// those of OneOf. Its subject is by default that of [RecordName], the full name of
// its schema; [SubjectStrategy] and [Subject] change that.
func Case[R any](opts ...Option) Option {
	return func(s *settings) {
		s.cases = append(s.cases, func(shared settings) oneCase { return newCase[R](shared, opts) })
	}
}

// oneCase is one of the record types of a topic.
type oneCase interface {
	SchemaCodec
	Check() error

	goType() reflect.Type // the R
	at(b Binding) oneCase
	writer(ref SchemaRef) (*ParsedSchema, error)
	// add appends the bytes of value, an R or a *R.
	add(dst []byte, value any) ([]byte, error)
	// take decodes an R, which it returns as it is or as a pointer.
	take(m message, pointer bool) (any, error)
	toHeaders(data []byte, err error) ([]byte, map[string][]byte, error)
}

// typedCase is the case of the Go type R.
type typedCase[R any] struct{ *TypedCodec[R] }

func newCase[R any](shared settings, opts []Option) oneCase {
	codec := Typed[R](func(s *settings) {
		*s = shared
		if s.names == nil {
			s.names = RecordName
		}
		for _, opt := range opts {
			opt(s)
		}
	})
	return typedCase[R]{codec}
}

func (c typedCase[R]) goType() reflect.Type { return reflect.TypeFor[R]() }

func (c typedCase[R]) at(b Binding) oneCase {
	return typedCase[R]{newTyped[R](c.to(b), c.encoder)}
}

func (c typedCase[R]) writer(ref SchemaRef) (*ParsedSchema, error) { return c.framer.writer(ref) }

func (c typedCase[R]) add(dst []byte, value any) ([]byte, error) {
	if pointer, ok := value.(*R); ok && pointer != nil {
		return c.Append(dst, pointer)
	}
	v, err := codecs.Value[R](value)
	if err != nil {
		return dst, err
	}
	return c.Append(dst, &v)
}

func (c typedCase[R]) take(m message, pointer bool) (any, error) {
	value := new(R)
	if err := c.readDatum(m, value); err != nil {
		return nil, err
	}
	if pointer {
		return value, nil
	}
	return *value, nil
}

// caseSet tells the cases of a topic apart.
type caseSet struct {
	list  []oneCase
	names map[string]int // by the full name of a writer's record
	types map[reflect.Type]int
}

// newCaseSet returns the cases, or the fault of the first that has one. Each
// has to be a record of its own name and of its own Go type.
func newCaseSet(s settings) (*caseSet, error) {
	set := &caseSet{names: map[string]int{}, types: map[reflect.Type]int{}}
	shared := s
	shared.cases = nil
	for i, open := range s.cases {
		c := open(shared)
		if err := set.add(i, c); err != nil {
			return nil, fmt.Errorf("avro: the case %s of avro.OneOf: %w", c.goType(), err)
		}
	}
	set.addAliases()
	return set, nil
}

func (s *caseSet) add(i int, c oneCase) error {
	if err := c.Check(); err != nil {
		return err
	}
	name := c.Schema().Name()
	before, taken := s.names[name]
	switch _, again := s.types[c.goType()]; {
	case !c.Schema().isRecord():
		return fmt.Errorf("its schema is of type %s, not a record", name)
	case again:
		return errors.New("the type has a case already")
	case taken:
		return fmt.Errorf("its schema has the name %s, as that of %s: give one of them another avro.Name", name, s.list[before].goType())
	}
	s.list = append(s.list, c)
	s.names[name] = i
	s.types[c.goType()], s.types[reflect.PointerTo(c.goType())] = i, i
	return nil
}

// addAliases lets a case read what was written under a former name of its
// record, unless that is the present name of another.
func (s *caseSet) addAliases() {
	for i, c := range s.list {
		root, err := c.Schema().tree()
		if err != nil {
			continue // Check has it already
		}
		for _, alias := range root.Aliases {
			if _, taken := s.names[alias]; !taken {
				s.names[alias] = i
			}
		}
	}
}

// moved returns the cases in another place. The subject there is a topic's and
// none of a single record, so that each keeps its own.
func (s *caseSet) moved(b Binding) *caseSet {
	b.Subject = ""
	moved := *s
	moved.list = make([]oneCase, len(s.list))
	for i, c := range s.list {
		moved.list[i] = c.at(b)
	}
	return &moved
}

// at returns the case for a writer's record, -1 for none.
func (s *caseSet) at(name string) int {
	if i, ok := s.names[name]; ok {
		return i
	}
	return -1
}

// recordNames returns the full names of the cases' records.
func (s *caseSet) recordNames() []string {
	names := make([]string, len(s.list))
	for i, c := range s.list {
		names[i] = c.Schema().Name()
	}
	return names
}
