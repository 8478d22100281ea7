// Package table is the command that reads the rows of a table from its topic.
package table

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/gokavro/gokavro/cmd/gokavro/internal/cli"
	"github.com/gokavro/gokavro/cmd/gokavro/internal/cluster"
	"github.com/gokavro/gokavro/cmd/gokavro/internal/consume"
)

// Command returns `gokavro table`.
func Command() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "table",
		Short: "Read the rows of a table",
		Long: "Reads the rows of a table from its topic: the last record of each key, without those that\n" +
			"are deleted. That of store S of group G is G-S-changelog, that of a hand-written goka\n" +
			"group is G-table. Rows are printed as `gokavro consume` prints records.",
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(getCommand(), scanCommand())
	return cmd
}

func getCommand() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "get --topic TOPIC --key KEY",
		Short: "Print the row of a key",
		Long: "Prints the row of a key, and ends with exit code 1 if there is none. It is looked for in the\n" +
			"partition where Java's clients and typed topologies place the key (murmur2); give\n" +
			"--all-partitions for the table of a hand-written goka group, which places keys otherwise.",
		Example: "  gokavro table get --topic airport-stats --key JFK",
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&o.topic, "topic", "", "`TOPIC` of the table (required)")
	flags.StringVar(&o.key, "key", "", "`KEY` of the row (required)")
	flags.BoolVar(&o.everywhere, "all-partitions", false, "look in every partition")
	return o.bind(cmd, func() error {
		if !cmd.Flags().Changed("key") {
			return errors.New("no key: give --key")
		}
		o.keys = keyRange{from: o.key, to: o.key + "\x00"}
		return nil
	}, (*reader).get)
}

func scanCommand() *cobra.Command {
	var o options
	var prefix string
	cmd := &cobra.Command{
		Use:   "scan --topic TOPIC",
		Short: "Print the rows of a table in the order of their keys",
		Long: "Prints the rows of a table in the order of their keys' bytes. The rows that are asked for\n" +
			"are held in memory.",
		Example: "  gokavro table scan --topic airport-stats --prefix J --limit 10\n" +
			"  gokavro table scan --topic airport-stats --from JFK --to LAX",
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&o.topic, "topic", "", "`TOPIC` of the table (required)")
	flags.StringVar(&prefix, "prefix", "", "only keys that begin with `PREFIX`")
	flags.StringVar(&o.keys.from, "from", "", "only keys from `KEY` on")
	flags.StringVar(&o.keys.to, "to", "", "only keys before `KEY`")
	flags.Int64Var(&o.limit, "limit", 0, "end after `N` rows")
	return o.bind(cmd, func() error {
		if o.limit < 1 && cmd.Flags().Changed("limit") {
			return fmt.Errorf("--limit %d: give a number of rows of 1 or more", o.limit)
		}
		if prefix != "" && (o.keys.from != "" || o.keys.to != "") {
			return errors.New("--prefix together with --from or --to: give one of them")
		}
		o.keys.prefix = prefix
		return nil
	}, (*reader).scan)
}

type options struct {
	topic, key string
	everywhere bool
	keys       keyRange
	limit      int64 // 0 is no limit
}

// bind adds the connection's flags, and what runs the command.
func (o *options) bind(cmd *cobra.Command, check func() error, read func(*reader, *cobra.Command) error) *cobra.Command {
	connection := cluster.Bind(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if o.topic == "" {
			return cli.Usage(errors.New("no topic: give --topic"))
		}
		if err := check(); err != nil {
			return cli.Usage(err)
		}
		plan, err := connection.Check()
		if err != nil {
			return err
		}
		return o.run(cmd, plan, read)
	}
	return cmd
}

func (o *options) run(cmd *cobra.Command, plan *cluster.Plan, read func(*reader, *cobra.Command) error) (err error) {
	site, err := plan.Connect(cmd.Context())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, site.Close()) }()
	r := &reader{options: *o, client: site.Kafka, lines: consume.NewLines(cmd.OutOrStdout(), site.Registry)}
	return read(r, cmd)
}
