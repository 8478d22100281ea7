// Package avrocmd is the command that works on Avro data without Kafka: single
// data and container files.
package avrocmd

import (
	"github.com/spf13/cobra"
)

// Command returns `gokavro avro`.
func Command() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "avro",
		Short: "Read, write and make up Avro data and container files",
		Long: "Reads and writes Avro data, without Kafka or a registry. Text is Avro's JSON encoding: a\n" +
			"union's value that is not null is an object named after its branch, such as\n" +
			"{\"string\":\"x\"}, bytes are text of the code points 0 to 255, and NaN, Infinity and\n" +
			"-Infinity are text. A FILE of - is standard input.\n\n" +
			"A datum may nest 500 records, arrays and maps, hold 10^6 items that take no bytes, and\n" +
			"be 16 MiB long, as may a line; a schema 512 KiB.",
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(decodeCommand(), encodeCommand(), catCommand(), schemaCommand(), writeCommand(), generateCommand())
	return cmd
}
