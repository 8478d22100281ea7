package task

import (
	"errors"
	"fmt"
	"strings"
)

// gokaError is what ended a goka.Processor, in one line. goka returns a tree
// with an error for every record that was in flight.
type gokaError struct {
	line string
	err  error
}

// Error returns the line.
func (e *gokaError) Error() string { return e.line }

// Unwrap returns all that goka has said.
func (e *gokaError) Unwrap() error { return e.err }

// summarize makes a gokaError of what goka's processor returned.
func summarize(err error) error {
	// What went wrong while it closed comes before the reason for closing.
	tops := branches(err)
	found := leaves(tops[len(tops)-1])
	line, _, _ := strings.Cut(found[0].Error(), "\n")
	if len(found) > 1 {
		line += fmt.Sprintf(" (and %d more)", len(found)-1)
	}
	return &gokaError{line: line, err: err}
}

// branches returns the errors below the topmost fork of a tree, or err itself
// when it has none.
func branches(err error) []error {
	var fork interface {
		error
		WrappedErrors() []error
	}
	if errors.As(err, &fork) && len(fork.WrappedErrors()) > 0 {
		return fork.WrappedErrors()
	}
	return []error{err}
}

// leaves returns the errors of a tree that do not fork.
func leaves(err error) []error {
	below := branches(err)
	if len(below) == 1 && below[0] == err { //nolint:errorlint // the same node, not its kind
		return below
	}
	var all []error
	for _, branch := range below {
		all = append(all, leaves(branch)...)
	}
	return all
}
