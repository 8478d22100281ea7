//go:build !unix

package chaos_test

import "syscall"

// There are no such signals here: sending them fails and says so.
const (
	sigStop = syscall.Signal(-1)
	sigCont = syscall.Signal(-1)
)
