package processors

import "errors"

// Permanent marks an error that trying the record again does not cure, so that
// it is not retried. nil stays nil.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return &permanentError{err}
}

// IsPermanent reports whether an error is marked by [Permanent].
func IsPermanent(err error) bool {
	_, ok := errors.AsType[*permanentError](err)
	return ok
}

type permanentError struct{ err error }

// Error returns the message of the error that is marked.
func (e *permanentError) Error() string { return e.err.Error() }

// Unwrap returns the error that is marked.
func (e *permanentError) Unwrap() error { return e.err }
