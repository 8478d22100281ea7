package avro

import "fmt"

// DecodeError says why bytes are not a datum of the expected schema. The same
// bytes will not decode on another try.
type DecodeError struct {
	SchemaID int    // registry id of the writer's schema, 0 when there is none
	Writer   string // full name of the writer's schema, empty when unknown
	Reader   string // full name of the codec's schema
	Err      error
}

// Error returns the reason in one line.
func (e *DecodeError) Error() string {
	if e.SchemaID == 0 {
		return fmt.Sprintf("decoding %s: %v", e.Reader, e.Err)
	}
	if e.Writer == "" {
		return fmt.Sprintf("decoding %s (schema id %d): %v", e.Reader, e.SchemaID, e.Err)
	}
	return fmt.Sprintf("decoding %s (schema id %d, written as %s): %v", e.Reader, e.SchemaID, e.Writer, e.Err)
}

// Unwrap returns the cause.
func (e *DecodeError) Unwrap() error { return e.Err }
