//go:build linux && !race

package integration_test

import (
	"os"
	"strconv"
	"strings"
	"syscall"
)

// canExhaust tells whether [exhaust] is possible. The race detector has memory of
// its own, and another end when that is refused.
const canExhaust = true

// exhaust needs more memory than the process may have, and no more of the
// machine's: what the system refuses is address space.
func exhaust() {
	const more = 64 << 20
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		panic(err)
	}
	pages, err := strconv.ParseUint(strings.Fields(string(statm))[0], 10, 64)
	if err != nil {
		panic(err)
	}
	limit := pages*uint64(os.Getpagesize()) + more
	if err := syscall.Setrlimit(syscall.RLIMIT_AS, &syscall.Rlimit{Cur: limit, Max: limit}); err != nil {
		panic(err)
	}
	var held [][]byte
	for {
		held = append(held, make([]byte, more))
		if len(held) > 64 {
			panic("there is no end to the memory")
		}
	}
}
