// Command flights runs the reference topology of examples/flights as a
// deployable processor.
package main

import (
	"github.com/gokavro/gokavro/examples/flights"
	"github.com/gokavro/gokavro/topology/runner"
)

func main() { runner.Main(flights.Topology) }
