//go:build !race

package datum_test

// A cost is measured up to three times, as the machine may be busy.
const slowdown, tries = 1, 3
