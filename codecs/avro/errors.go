package avro

import (
	"errors"
	"fmt"

	"github.com/gokavro/gokavro/codecs/avro/internal/datum"
	"github.com/gokavro/gokavro/codecs/avro/internal/plan"
)

// DecodeError says why bytes are not a datum of the expected schema. The same
// bytes will not decode on another try.
type DecodeError struct {
	Schema SchemaRef // of the writer, the zero value when there is none
	Writer string    // full name of the writer's schema, empty when unknown
	Reader string    // full name of the codec's schema
	Err    error
}

// Error returns the reason in one line.
func (e *DecodeError) Error() string {
	if e.Schema == (SchemaRef{}) {
		return fmt.Sprintf("decoding %s: %v", e.Reader, e.Err)
	}
	if e.Writer == "" {
		return fmt.Sprintf("decoding %s (%s): %v", e.Reader, e.Schema, e.Err)
	}
	return fmt.Sprintf("decoding %s (%s, written as %s): %v", e.Reader, e.Schema, e.Writer, e.Err)
}

// Unwrap returns the cause.
func (e *DecodeError) Unwrap() error { return e.Err }

// Place returns the dotted path of the field, empty at the top, and the byte at
// which decoding met the fault, from 0 in the datum behind the name of its
// schema. ok is false when the fault has no place in the datum.
func (e *DecodeError) Place() (field string, position int, ok bool) {
	if at, ok := errors.AsType[*plan.Error](e.Err); ok {
		return at.Path, at.Offset, true
	}
	if at, ok := errors.AsType[*datum.Error](e.Err); ok {
		return at.Path, at.Offset, true
	}
	return "", 0, false
}
