//go:build !linux

package integration_test

// canExhaust tells whether [exhaust] is possible.
const canExhaust = false

func exhaust() {}
