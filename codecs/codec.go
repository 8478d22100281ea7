// Package codecs turns values into bytes and back.
//
// A [Codec] is typed and is what topologies are declared with; its [Untyped]
// face has the method set of goka.Codec, so that every codec here also works
// in a hand-written goka.DefineGroup. The Avro codecs live in the avro
// subfolder; this package holds the contract and the plain ones: [String],
// [Int64], [Bytes] and [JSON].
package codecs

import (
	"fmt"
	"reflect"
)

// Untyped is the face of a codec that goka sees: the method set of
// goka.Codec. Implementations are safe for concurrent use.
type Untyped interface {
	// Encode returns value's bytes. The slice belongs to the caller. Without
	// an error it is never nil, also when it is empty: to Kafka a nil value is
	// a tombstone. A nil value, or one of another type, is an error.
	Encode(value any) ([]byte, error)
	// Decode returns the value in data: a T for scalar codecs, a *T for
	// structs. It keeps no reference to data, and refuses bytes after the
	// value's end.
	Decode(data []byte) (any, error)
}

// HeaderCodec is a codec that may keep a part of a record in its headers, such
// as the name of the schema. goka hands a codec no headers: who has the record
// in hand asks for this face and uses it where there is one. Implementations are
// safe for concurrent use.
type HeaderCodec interface {
	Untyped
	// EncodeWithHeaders returns value's bytes as Encode does, and the headers
	// that the record must have; none at all where the bytes say everything.
	EncodeWithHeaders(value any) (data []byte, headers map[string][]byte, err error)
	// DecodeWithHeaders returns the value of a record with these headers, of
	// which the last of each name counts. Without headers it is Decode.
	DecodeWithHeaders(data []byte, headers map[string][]byte) (any, error)
}

// Codec converts between values of type T and bytes. Implementations are safe
// for concurrent use.
type Codec[T any] interface {
	Untyped
	// Append appends the bytes of value to dst and returns the longer slice.
	// On an error, and a nil value is one, dst is returned as it was.
	Append(dst []byte, value *T) ([]byte, error)
	// Read sets *into to the value in data: nothing of what *into held before
	// is kept or changed in place. On an error *into stays as it was.
	Read(data []byte, into *T) error
}

// Value gives back the T in what an untyped Decode returned, be it a T or a
// *T. A nil value, or one of another type, is an error.
func Value[T any](value any) (T, error) {
	switch v := value.(type) {
	case T:
		return v, nil
	case *T:
		if v != nil {
			return *v, nil
		}
	}
	var none T
	if _, pointer := value.(*T); pointer {
		return none, fmt.Errorf("codecs: got a nil %T, want a value", value)
	}
	return none, fmt.Errorf("codecs: got a value of type %T, want %v", value, reflect.TypeFor[T]())
}
