// Package consume is the command that reads topics back, as JSON lines or into
// an Avro file.
package consume

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gokavro/gokavro/cmd/gokavro/internal/cli"
	"github.com/gokavro/gokavro/cmd/gokavro/internal/cluster"
	"github.com/gokavro/gokavro/cmd/gokavro/internal/outfile"
	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/topology/kafka"
)

const example = `  gokavro consume --topic flights-enriched --count 5
  gokavro consume --topic airports --key JFK --until-end
  gokavro consume --topic flights --from time:2024-01-01T00:00:00Z
  gokavro consume --topic airports --until-end --out airports.avro`

type options struct {
	topics    []string
	key       string
	keyed     bool // only records whose key is key
	partition int32
	from      string
	count     int64 // 0 is no limit
	untilEnd  bool
	isolation string
	out       string
}

// query is what the checked options ask of each topic.
type query struct {
	partitions []int32 // none is all of them
	from       kafka.Position
	isolation  kafka.Isolation
}

// Command returns `gokavro consume`.
func Command() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "consume --topic TOPIC",
		Short: "Read the records of topics as JSON lines or into an Avro file",
		Long: "Prints one JSON object a record, until Ctrl-C, --count or --until-end. A record that\n" +
			"does not decode has the members value_base64 and error instead of value; the rest goes\n" +
			"on and the exit code is 1. With --out the values go into an Avro object container file\n" +
			"instead, resolved to the newest schema of the subject TOPIC-value.",
		Example: example,
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringSliceVar(&o.topics, "topic", nil, "`TOPIC` to read; may be repeated (required)")
	flags.StringVar(&o.key, "key", "", "only records with this `KEY`")
	flags.Int32Var(&o.partition, "partition", -1, "only partition `P`")
	flags.StringVar(&o.from, "from", "beginning", "`PLACE` to start at in each partition: beginning, end, offset:N or time:RFC3339")
	flags.Int64Var(&o.count, "count", 0, "end after `N` records")
	flags.BoolVar(&o.untilEnd, "until-end", false, "end where the partitions end at the start")
	flags.StringVar(&o.isolation, "isolation", string(kafka.ReadCommitted), "`LEVEL`: read_committed or read_uncommitted")
	flags.StringVar(&o.out, "out", "", "write an Avro object container `FILE` instead of JSON lines; an existing one is replaced")
	flags.Lookup("partition").DefValue = "0" // keeps the -1 out of the help
	connection := cluster.Bind(cmd)
	_ = cmd.MarkFlagFilename("out", "avro")
	_ = cmd.RegisterFlagCompletionFunc("isolation", cobra.FixedCompletions(
		[]string{string(kafka.ReadCommitted), string(kafka.ReadUncommitted)}, cobra.ShellCompDirectiveNoFileComp))
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		o.keyed = cmd.Flags().Changed("key")
		q, err := o.check(cmd)
		if err != nil {
			return cli.Usage(err)
		}
		plan, err := connection.Check()
		if err != nil {
			return err
		}
		return execute(cmd, o, q, plan)
	}
	return cmd
}

// check finds what is wrong with the command line itself.
func (o *options) check(cmd *cobra.Command) (query, error) {
	flags := cmd.Flags()
	o.topics = distinct(o.topics)
	switch {
	case len(o.topics) == 0:
		return query{}, errors.New("no topic: give --topic")
	case o.partition < 0 && flags.Changed("partition"):
		return query{}, fmt.Errorf("--partition %d: give a number of 0 or more", o.partition)
	case o.count < 1 && flags.Changed("count"):
		return query{}, fmt.Errorf("--count %d: give a number of records of 1 or more", o.count)
	case o.out == "" && flags.Changed("out"):
		return query{}, errors.New("--out is empty: name a file, or leave it out for JSON lines")
	}
	for _, topic := range o.topics {
		if err := kafka.CheckTopicName(topic); err != nil {
			return query{}, fmt.Errorf("--topic: %w", err)
		}
	}
	from, err := kafka.ParsePosition(o.from)
	if err != nil {
		return query{}, fmt.Errorf("--from: %w", err)
	}
	isolation, err := kafka.ParseIsolation(o.isolation)
	if err != nil {
		return query{}, fmt.Errorf("--isolation: %w", err)
	}
	q := query{from: from, isolation: isolation}
	if o.partition >= 0 {
		q.partitions = []int32{o.partition}
	}
	return q, nil
}

// distinct drops empty and repeated names.
func distinct(names []string) []string {
	var list []string
	for _, name := range names {
		if name = strings.TrimSpace(name); name != "" && !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	return list
}

// execute checks the output file, connects and reads.
func execute(cmd *cobra.Command, o options, q query, plan *cluster.Plan) (err error) {
	var out *outfile.File
	if o.out != "" {
		if out, err = outfile.Create(o.out); err != nil {
			return err
		}
		defer out.Discard()
	}
	site, err := plan.Connect(cmd.Context())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, site.Close()) }()
	var to sink
	if out != nil {
		to = newFileSink(out, site.Registry, cmd.ErrOrStderr())
	} else {
		to = newLineSink(cmd.OutOrStdout(), newDecoder(avro.RegistrySchemas(site.Registry)))
	}
	c := &consuming{options: o, query: q, client: site.Kafka, sink: to}
	return c.run(cmd.Context())
}
