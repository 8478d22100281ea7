package avro

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"

	"github.com/gokavro/gokavro/codecs"
	"github.com/gokavro/gokavro/codecs/avro/internal/ast"
)

// OneOfCodec is a codec of a topic with several record types, made by [OneOf].
type OneOfCodec[T any] struct {
	settings
	cases  *caseSet
	point  []bool   // by case: T has *R, as only a pointer implements it
	routes sync.Map // SchemaRef → route
	err    error
}

// OneOf returns a codec for a topic with records of several types, each named
// by a [Case]. T is the interface that they have in common, or any:
//
//	avro.OneOf[OrderEvent](avro.Case[OrderPlaced](), avro.Case[OrderCancelled]())
//
// Encode picks the case by the value's Go type, an R or a *R. Decode picks it
// by the full name of the record that was written, or by an alias in the case's
// schema, and resolves any older schema of it. It gives an R, so that a type
// switch has the cases' types; it gives a *R where only that implements T. A
// writer's schema that is a union of such records is read too.
//
// A record with another name is a [DecodeError] that lists the cases. [Schema],
// [Name] and [Plain] are no options of OneOf itself.
func OneOf[T any](opts ...Option) *OneOfCodec[T] {
	s := apply(opts)
	c := &OneOfCodec[T]{settings: s}
	if c.err = s.checkOneOf(); c.err == nil {
		c.cases, c.err = newCaseSet(s)
	}
	if c.err == nil {
		c.point, c.err = pointers[T](c.cases)
	}
	c.start()
	return c
}

func (s settings) checkOneOf() error {
	switch {
	case len(s.cases) == 0:
		return errors.New("avro: avro.OneOf has no case: pass avro.Case for each record type of the topic")
	case s.schema != "" || s.name != "":
		return errors.New("avro: avro.OneOf has a schema for each case: pass avro.Schema and avro.Name to avro.Case")
	case s.plain:
		return errors.New("avro: avro.OneOf tells records apart by the schema that their frame names: leave out avro.Plain")
	}
	return nil
}

// pointers returns for each case whether T needs a pointer to it.
func pointers[T any](cases *caseSet) ([]bool, error) {
	common := reflect.TypeFor[T]()
	if common.Kind() != reflect.Interface {
		return nil, fmt.Errorf("avro: avro.OneOf of %s, which is no interface: use the interface that the cases have in common, or any", common)
	}
	list := make([]bool, len(cases.list))
	for i, c := range cases.list {
		list[i] = !c.goType().Implements(common)
		if list[i] && !reflect.PointerTo(c.goType()).Implements(common) {
			return nil, fmt.Errorf("avro: the case %s of avro.OneOf does not implement %s", c.goType(), common)
		}
	}
	return list, nil
}

// route leads from a writer's schema to the case that reads it.
type route struct {
	name     string   // of the writer's schema
	at       int      // -1 for none
	branches []string // of a writer's union: the names of its records
}

// start makes known what needs no asking: data of the cases' own schemas in
// single-object encoding.
func (c *OneOfCodec[T]) start() {
	if c.err != nil {
		return
	}
	for i, one := range c.cases.list {
		c.routes.Store(one.Schema().ref(), route{name: one.Schema().Name(), at: i})
	}
}

// Check returns the fault in the codec's declaration, if there is one.
func (c *OneOfCodec[T]) Check() error { return c.err }

// Cases returns the cases in their order, nil when Check has a fault. Each has
// a schema and a subject of its own, and reads what the whole codec reads, since
// a subject may hold the schemas of several.
func (c *OneOfCodec[T]) Cases() []SchemaCodec {
	if c.err != nil {
		return nil
	}
	list := make([]SchemaCodec, len(c.cases.list))
	for i, one := range c.cases.list {
		list[i] = &member{one, c.Reads}
	}
	return list
}

// Prepare finds out how messages name the schemas of all cases, so that a
// missing or refused one shows at the start and not at the first record.
func (c *OneOfCodec[T]) Prepare(ctx context.Context) error {
	if c.err != nil {
		return c.err
	}
	var faults []error
	for _, one := range c.cases.list {
		faults = append(faults, one.Prepare(ctx))
	}
	return errors.Join(faults...)
}

// Bind returns a codec of the same cases that lives where b says, but for its
// subject: each case keeps its own.
func (c *OneOfCodec[T]) Bind(b Binding) codecs.Untyped {
	moved := &OneOfCodec[T]{settings: c.settings, point: c.point, err: c.err}
	if c.err == nil {
		moved.cases = c.cases.moved(b)
		moved.start()
	}
	return moved
}

// Encode returns the bytes of value, of the type of a case or a pointer to one.
func (c *OneOfCodec[T]) Encode(value any) ([]byte, error) {
	one, value, err := c.caseOf(value)
	if err != nil {
		return nil, err
	}
	data, err := one.add([]byte{}, value)
	if err != nil {
		return nil, err
	}
	return data, nil
}

// EncodeWithHeaders is Encode for a record with headers, as of [TypedCodec].
func (c *OneOfCodec[T]) EncodeWithHeaders(value any) (data []byte, headers map[string][]byte, err error) {
	one, value, err := c.caseOf(value)
	if err != nil {
		return nil, nil, err
	}
	return one.toHeaders(one.add([]byte{}, value))
}

// Append appends the bytes of value to dst; on an error dst is returned as it
// was.
func (c *OneOfCodec[T]) Append(dst []byte, value *T) ([]byte, error) {
	one, held, err := c.caseOf(value)
	if err != nil {
		return dst, err
	}
	return one.add(dst, held)
}

// caseOf returns the case of a value, which it takes out of a *T.
func (c *OneOfCodec[T]) caseOf(value any) (oneCase, any, error) {
	if c.err != nil {
		return nil, nil, c.err
	}
	if pointer, ok := value.(*T); ok {
		if pointer == nil {
			return nil, nil, fmt.Errorf("avro: encoding a nil %T", pointer)
		}
		value = *pointer
	}
	i, ok := c.cases.types[reflect.TypeOf(value)]
	if !ok {
		return nil, nil, fmt.Errorf("avro: encoding a %T: avro.OneOf has cases for %s only", value, c.typeNames())
	}
	return c.cases.list[i], value, nil
}

func (c *OneOfCodec[T]) typeNames() string {
	names := make([]string, len(c.cases.list))
	for i, one := range c.cases.list {
		names[i] = one.goType().String()
	}
	return strings.Join(names, ", ")
}

// Decode returns the record in data, an R of one of the cases or a *R.
func (c *OneOfCodec[T]) Decode(data []byte) (any, error) { return c.decode(data, nil) }

// DecodeWithHeaders is Decode for a record with headers, which may name the
// schema.
func (c *OneOfCodec[T]) DecodeWithHeaders(data []byte, headers map[string][]byte) (any, error) {
	return c.decode(data, headers[c.schemaHeader()])
}

// Read decodes data into value, which is set only when all of it decoded.
func (c *OneOfCodec[T]) Read(data []byte, into *T) error {
	if into == nil {
		return fmt.Errorf("avro: decoding into a nil %T", into)
	}
	value, err := c.decode(data, nil)
	if err != nil {
		return err
	}
	*into = value.(T) // as OneOf has made sure
	return nil
}

func (c *OneOfCodec[T]) decode(data, header []byte) (any, error) {
	if c.err != nil {
		return nil, c.err
	}
	ref, datum, err := SplitRecord(data, header)
	if err != nil {
		return nil, c.fault(ref, "", err)
	}
	i, err := c.find(ref, datum)
	if err != nil {
		return nil, err
	}
	return c.cases.list[i].take(message{ref: ref, datum: datum}, c.point[i])
}

func (c *OneOfCodec[T]) fault(ref SchemaRef, writer string, err error) error {
	return &DecodeError{Schema: ref, Writer: writer, Reader: strings.Join(c.cases.recordNames(), " or "), Err: err}
}

// find returns the case that reads a datum.
func (c *OneOfCodec[T]) find(ref SchemaRef, datum []byte) (int, error) {
	known, ok := c.routes.Load(ref)
	if !ok {
		learned, err := c.learn(ref)
		if err != nil {
			return 0, err
		}
		known = learned
		c.routes.Store(ref, learned)
	}
	r := known.(route)
	i, name := r.at, r.name
	if r.branches != nil {
		branch, n := binary.Varint(datum)
		if n <= 0 || branch < 0 || branch >= int64(len(r.branches)) {
			return 0, c.fault(ref, r.name, errors.New("avro: the datum does not begin with a branch of the writer's union"))
		}
		name = r.branches[branch]
		i = c.cases.at(name)
	}
	if i < 0 {
		return 0, c.fault(ref, r.name, errors.New("avro: "+noCase(name)))
	}
	return i, nil
}

func (c *OneOfCodec[T]) learn(ref SchemaRef) (route, error) {
	writer, err := c.writer(ref)
	if isAway(err) {
		return route{}, err
	}
	if err != nil {
		return route{}, c.fault(ref, "", err)
	}
	root, err := writer.tree()
	if err != nil {
		return route{}, c.fault(ref, writer.Name(), err)
	}
	r := route{name: writer.Name(), at: c.cases.at(writer.Name())}
	if root.Kind == ast.Union {
		r.branches = []string{}
		for _, branch := range root.Branches {
			r.branches = append(r.branches, branch.TypeName())
		}
	}
	return r, nil
}

// writer finds the schema that ref names. A fingerprint is looked for under the
// subjects of all cases.
func (c *OneOfCodec[T]) writer(ref SchemaRef) (found *ParsedSchema, err error) {
	for _, one := range c.cases.list {
		found, err = one.writer(ref)
		if err == nil || isAway(err) || ref.Wire != SingleObject {
			break
		}
	}
	return found, err
}
