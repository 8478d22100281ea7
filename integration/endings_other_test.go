//go:build !linux || race

package integration_test

// canExhaust tells whether [exhaust] is possible.
const canExhaust = false

func exhaust() {}
