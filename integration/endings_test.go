package integration_test

import (
	"cmp"
	"os"
	"runtime/debug"
)

// endingEnv names how a worker ends, as [exits] does without it.
const endingEnv = "TEST_ENDING"

// ending is a way in which a record ends the process.
type ending struct {
	name string
	// die does not return.
	die func()
	// code is the exit code then, and log a part of what the process says.
	code int
	log  string
}

func exits() ending {
	return ending{name: "exit", code: deadlyExit, die: func() { os.Exit(deadlyExit) }}
}

func endings() []ending {
	all := []ending{exits(), {name: "stack", code: 2, log: "goroutine stack exceeds", die: overflow}}
	if canExhaust {
		// What fails for want of memory first is luck: an object or a thread.
		all = append(all, ending{name: "memory", code: 2, log: "fatal error: ", die: exhaust})
	}
	return all
}

// overflow needs more stack than the process may have.
func overflow() {
	debug.SetMaxStack(1 << 20)
	panic(deeper(1))
}

func deeper(depth int) int {
	if depth == 0 {
		return 0 // which is far
	}
	return deeper(depth+1) + depth
}

// end ends the process in the way that its environment names.
func end() {
	for _, e := range endings() {
		if e.name == cmp.Or(os.Getenv(endingEnv), exits().name) {
			e.die()
		}
	}
}
