// Command gokavro is the operator's tool: it puts Avro files into topics and
// reads them back, and runs Kafka, a registry and the reference topology on a
// bare machine.
package main

import (
	"github.com/spf13/cobra"

	"github.com/gokavro/gokavro/cmd/gokavro/internal/avrocmd"
	"github.com/gokavro/gokavro/cmd/gokavro/internal/cli"
	"github.com/gokavro/gokavro/cmd/gokavro/internal/consume"
	"github.com/gokavro/gokavro/cmd/gokavro/internal/demo"
	"github.com/gokavro/gokavro/cmd/gokavro/internal/dev"
	"github.com/gokavro/gokavro/cmd/gokavro/internal/dlq"
	"github.com/gokavro/gokavro/cmd/gokavro/internal/lag"
	"github.com/gokavro/gokavro/cmd/gokavro/internal/produce"
	"github.com/gokavro/gokavro/cmd/gokavro/internal/schema"
	"github.com/gokavro/gokavro/cmd/gokavro/internal/table"
	"github.com/gokavro/gokavro/cmd/gokavro/internal/topology"
)

func main() { cli.Main(commands()...) }

// commands are the tool's commands, one line each.
func commands() []*cobra.Command {
	return []*cobra.Command{
		demo.Command(),
		produce.Command(),
		consume.Command(),
		table.Command(),
		topology.Command(),
		lag.Command(),
		dlq.Command(),
		cli.Frugal(schema.Command()),
		cli.Frugal(avrocmd.Command()),
		dev.Command(),
	}
}
