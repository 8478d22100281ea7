package engine

import (
	"errors"

	"github.com/gokavro/gokavro/topology/internal/txn"
)

// refused hands on a record that a broker does not take, and reports whether it
// is known from now on, so that the work may start over. It returns the error
// that is to be told.
func (e *Engine) refused(err error) (known bool, final error) {
	found, ok := errors.AsType[*txn.RefusedError](err)
	if !ok || e.cfg.Refused == nil {
		return false, err
	}
	if fault := e.cfg.Refused(found); fault != nil {
		return false, &taskError{fault}
	}
	return true, err
}
