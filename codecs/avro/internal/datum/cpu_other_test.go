//go:build !unix

package datum_test

import "time"

var began = time.Now()

func cpuTime() (time.Duration, error) { return time.Since(began), nil }
