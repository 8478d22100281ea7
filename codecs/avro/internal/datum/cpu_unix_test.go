//go:build unix

package datum_test

import (
	"syscall"
	"time"
)

// cpuTime is what the process has had of the processors: a machine that is busy
// takes longer, but no more of it.
func cpuTime() (time.Duration, error) {
	var used syscall.Rusage
	err := syscall.Getrusage(syscall.RUSAGE_SELF, &used)
	return time.Duration(used.Utime.Nano() + used.Stime.Nano()), err
}
