//go:build unix

package chaos_test

import "syscall"

// What stops a process where it is, and what lets it go on.
const (
	sigStop = syscall.SIGSTOP
	sigCont = syscall.SIGCONT
)
