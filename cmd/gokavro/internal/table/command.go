// Package table is the command that reads the rows of a table, from its topic or
// from a state folder.
package table

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/gokavro/gokavro/cmd/gokavro/internal/cli"
	"github.com/gokavro/gokavro/cmd/gokavro/internal/cluster"
	"github.com/gokavro/gokavro/cmd/gokavro/internal/consume"
	"github.com/gokavro/gokavro/topology/runner"
)

// Command returns `gokavro table`.
func Command() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "table",
		Short: "Read the rows of a table",
		Long: "Reads the rows of a table from its topic: the last record of each key, without those that\n" +
			"are deleted. A store's topic has the store's name, behind the topic prefix if there is one;\n" +
			"that of a hand-written goka group G is G-table. Rows are printed as `gokavro consume` prints\n" +
			"records; without a registry those that name a schema do not decode.\n\n" +
			"With --state the rows come from the state folder of a process that is stopped, without\n" +
			"Kafka; --topic takes the store's name too. Nothing is changed there, and no process starts\n" +
			"with it meanwhile. Each partition is as it was when the process last had it; after a kill the\n" +
			"newest changes may be missing. Rows have no offset, and a time only in a store with a TTL,\n" +
			"where rows that have outlived it are left out. Schemas that the folder does not keep are\n" +
			"looked for in the registry, if one is given.",
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
			"--all-partitions for the table of a hand-written goka group, which places keys otherwise. In a\n" +
			"state folder it is looked for in every partition.",
		Example: "  gokavro table get --topic airport-stats --key JFK\n" +
			"  gokavro table get --topic airport-stats --key JFK --state /var/lib/flights",
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
			"  gokavro table scan --topic airport-stats --from JFK --to LAX\n" +
			"  gokavro table scan --topic airport-stats --state /var/lib/flights",
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
	dir        string // of the state, "" for Kafka
	keys       keyRange
	limit      int64 // 0 is no limit
}

// bind adds the flags that say where to read, and what runs the command.
func (o *options) bind(cmd *cobra.Command, check func() error, read func(*reader, context.Context) error) *cobra.Command {
	cmd.Flags().StringVar(&o.dir, "state", "", "read the state folder `DIR` of a process that is stopped, instead of Kafka")
	connection := cluster.Bind(cmd)
	_ = cmd.MarkFlagDirname("state")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if o.topic == "" {
			return cli.Usage(errors.New("no topic: give --topic"))
		}
		if err := check(); err != nil {
			return cli.Usage(err)
		}
		if !cmd.Flags().Changed("state") {
			return o.readTopic(cmd, connection, read)
		}
		switch {
		case o.dir == "":
			return cli.Usage(errors.New("--state is empty: name a folder, or leave it out to read from Kafka"))
		case cmd.Flags().Changed("brokers"):
			return cli.Usage(errors.New("--brokers together with --state: give one of them"))
		}
		return o.readState(cmd, connection, read)
	}
	return cmd
}

func (o *options) readTopic(cmd *cobra.Command, connection *cluster.Flags, read func(*reader, context.Context) error) (err error) {
	plan, err := connection.CheckOptional()
	if err != nil {
		return err
	}
	site, err := plan.Connect(cmd.Context())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, site.Close()) }()
	return read(&reader{
		options: *o, source: &topic{*o, site.Kafka},
		lines: consume.NewLines(cmd.OutOrStdout(), schemas{registry: site.Registry}),
	}, cmd.Context())
}

func (o *options) readState(cmd *cobra.Command, connection *cluster.Flags, read func(*reader, context.Context) error) (err error) {
	client, err := connection.OptionalClient()
	if err != nil {
		return err
	}
	state, err := runner.OpenState(o.dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, state.Close()) }()
	table, err := state.Table(o.topic)
	if err != nil {
		return err
	}
	return read(&reader{
		options: *o, source: &folder{*o, state, table},
		lines: consume.NewLines(cmd.OutOrStdout(), schemas{kept: state.Schemas(table), registry: client}),
	}, cmd.Context())
}
