package cli

import (
	"errors"
	"os"
)

// Cause returns an error about a file without the operation and the path, which
// the message around it names already.
func Cause(err error) error {
	if fault, ok := errors.AsType[*os.PathError](err); ok {
		return fault.Err
	}
	return err
}
