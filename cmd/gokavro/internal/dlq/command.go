// Package dlq is the command that looks through dead letters, replays them and
// drops them.
package dlq

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/gokavro/gokavro/cmd/gokavro/internal/cli"
	"github.com/gokavro/gokavro/cmd/gokavro/internal/cluster"
	letters "github.com/gokavro/gokavro/processors/dlq"
	"github.com/gokavro/gokavro/topology/runner/deadletters"
)

// Command returns `gokavro dlq`.
func Command() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dlq",
		Short: "List, replay and drop dead letters",
		Long: "Works on the dead letters of a topology, or of a group that is written for goka: the records\n" +
			"that it could not process, kept in the topic NAME-dead-letters. What has become of them is kept\n" +
			"in NAME-dead-letters-marks. A letter is named by its place there, PARTITION/OFFSET; the other\n" +
			"filters are about the record that it holds.",
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(listCommand(), showCommand(), replayCommand(), dropCommand())
	return cmd
}

func listCommand() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "list --topology NAME",
		Short: "Print dead letters, a line each",
		Long:  "Prints dead letters as a table, or with --json what is known of each as one JSON object.",
		Example: "  gokavro dlq list --topology flights --state open\n" +
			"  gokavro dlq list --topology flights --step flights --error 'field .*: missing' --since 2026-01-01T00:00:00Z",
	}
	o.bind(cmd)
	o.bindPrinting(cmd)
	return o.run(cmd, func(ctx context.Context, cfg deadletters.Config, out io.Writer) error {
		return o.list(ctx, cfg, out)
	})
}

func showCommand() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "show --topology NAME",
		Short: "Print all that is known of dead letters",
		Long: "Prints all that is known of each letter, its record's value among it: in Avro's JSON encoding\n" +
			"where the schema that it names can be found, and in hex otherwise. With --json each letter is\n" +
			"a line with the members value, or value_base64, which `gokavro dlq replay --edit` takes back.",
		Example: "  gokavro dlq show --topology flights --letter 0/12\n" +
			"  gokavro dlq show --topology flights --letter 0/12 --json > letter.json",
	}
	o.bind(cmd)
	o.bindPrinting(cmd)
	return o.run(cmd, func(ctx context.Context, cfg deadletters.Config, out io.Writer) error {
		return o.show(ctx, cfg, out)
	})
}

func replayCommand() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "replay --topology NAME",
		Short: "Have dead letters processed again",
		Long: "Writes the records of dead letters to the topic NAME-retry, which only the topology itself\n" +
			"reads, each in the partition that it came from. A mark is written in the same transaction, so\n" +
			"that a letter is replayed once, also when two do so at once. Without --execute it only prints\n" +
			"what would be done. Letters that are dropped or replayed already are left out.\n\n" +
			"With --edit the values come from a file of `gokavro dlq show --json`, changed by hand; only\n" +
			"the letters in it are replayed. A value is written with the schema that the old one names, or\n" +
			"else with the newest of the topic's subject.",
		Example: "  gokavro dlq replay --topology flights --step flights\n" +
			"  gokavro dlq replay --topology flights --step flights --execute\n" +
			"  gokavro dlq replay --topology flights --edit letter.json --execute",
	}
	o.bind(cmd)
	flags := cmd.Flags()
	flags.StringVar(&o.edit, "edit", "", "take the letters and their values from `FILE`, - for standard input")
	flags.BoolVar(&o.again, "again", false, "also letters that are dropped or replayed already")
	flags.BoolVar(&o.execute, "execute", false, "do it, instead of printing what would be done")
	_ = cmd.MarkFlagFilename("edit", "json")
	return o.run(cmd, func(ctx context.Context, cfg deadletters.Config, out io.Writer) error {
		return o.replay(ctx, cfg, &task{out: out, stderr: cmd.ErrOrStderr(), stdin: cmd.InOrStdin()})
	})
}

func dropCommand() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "drop --topology NAME",
		Short: "Mark dead letters as not to be replayed",
		Long: "Marks dead letters as dropped. They stay in their topic as long as its retention says, and\n" +
			"`gokavro dlq replay` leaves them out. Without --execute it only prints what would be done.",
		Example: "  gokavro dlq drop --topology flights --letter 0/12 --letter 0/13 --execute",
	}
	o.bind(cmd)
	cmd.Flags().BoolVar(&o.execute, "execute", false, "do it, instead of printing what would be done")
	return o.run(cmd, func(ctx context.Context, cfg deadletters.Config, out io.Writer) error {
		return o.drop(ctx, cfg, &task{out: out, stderr: cmd.ErrOrStderr()})
	})
}

// run adds the connection flags and what runs the command.
func (o *options) run(cmd *cobra.Command, do func(context.Context, deadletters.Config, io.Writer) error) *cobra.Command {
	connection := cluster.Bind(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) (err error) {
		if o.topology == "" {
			return cli.Usage(errors.New("no topology: give --topology"))
		}
		if err := o.check(cmd); err != nil {
			return cli.Usage(err)
		}
		plan, err := connection.Check()
		if err != nil {
			return err
		}
		site, err := plan.Connect(cmd.Context())
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, site.Close()) }()
		cfg := deadletters.Config{
			Kafka: site.Kafka, Registry: site.Registry, Topology: o.topology,
			Stray: func(err error) { fmt.Fprintf(cmd.ErrOrStderr(), "left out: %v\n", err) },
		}
		return do(cmd.Context(), cfg, cmd.OutOrStdout())
	}
	return cmd
}

// states are all that a letter may be in.
func states() []letters.State {
	return []letters.State{letters.Open, letters.Replayed, letters.Dropped}
}
