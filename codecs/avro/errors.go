package avro

import "fmt"

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
