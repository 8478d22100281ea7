package avro

import (
	"reflect"

	"github.com/gokavro/gokavro/codecs/avro/internal/plan"
)

// Sealed tells [Typed] which types the interface type I holds wherever it is
// in a codec's Go type: those of the values, which are not looked at otherwise.
// An I is written as a union with a branch for each type, and read as the type
// of the branch that was written. A pointer among the values makes the value
// read a pointer; a nil among them stands for null, which a nil I is. I may be
// the codec's own type: Typed[I] then reads and writes the union.
//
// An inferred schema has the branches in the order of the values. In a given
// one a type's branch is the one of its name or with its name as an alias, or
// else the only one that it fits. A type without a branch and a branch without
// a type are faults.
func Sealed[I any](values ...I) Option {
	types := make([]reflect.Type, len(values))
	for i, value := range values {
		types[i] = reflect.TypeOf(value)
	}
	return func(s *settings) { s.declare().Seal(reflect.TypeFor[I](), types...) }
}

// Custom tells [Typed] how the type T is written and read wherever it is in a
// codec's Go type: as an A, which is any type that Typed knows, by the two
// functions. An inferred schema has what A stands for, with the options of the
// field's tag. An error or a panic of a function fails the record, with the
// field's path.
//
// Where the schema has null, a T that can be nil is null when it is, and
// otherwise null is the A that is nil, or the zero T where an A cannot be nil.
// The functions must be safe for concurrent use and keep nothing of an A.
func Custom[T, A any](write func(T) (A, error), read func(A) (T, error)) Option {
	return CustomSchema("", write, read)
}

// CustomSchema is [Custom] with the JSON text of the schema of T, in place of
// what would be inferred from A.
func CustomSchema[T, A any](schema string, write func(T) (A, error), read func(A) (T, error)) Option {
	return func(s *settings) { s.declare().Add(plan.NewCustom(schema, write, read)) }
}

// declare returns where types are declared.
func (s *settings) declare() *plan.Types {
	if s.types == nil {
		s.types = &plan.Types{}
	}
	return s.types
}

// Branch is what an any in a [Typed] codec's Go type holds for a value whose
// Go type does not tell the branch of its union, such as one of two records.
// It can be written to any union.
type Branch = plan.Branch

// Duration is the Go form of Avro's duration. Any struct of three uint32 can
// hold one; an inferred schema needs this type.
type Duration = plan.Duration
