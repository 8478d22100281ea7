//go:build race

package datum_test

// The race detector makes all of it slow: a cost is measured once.
const slowdown, tries = 40, 1
