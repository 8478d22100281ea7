package engine

import (
	"errors"

	"github.com/gokavro/gokavro/topology/internal/txn"
)

// refused hands on a record that a broker does not take, and reports whether it
// is known from now on, so that the work may start over.
func (e *Engine) refused(err error) (final error, known bool) {
	found, ok := errors.AsType[*txn.RefusedError](err)
	if !ok || e.cfg.Refused == nil {
		return err, false
	}
	if fault := e.cfg.Refused(found); fault != nil {
		return &taskError{fault}, false
	}
	return err, true
}
