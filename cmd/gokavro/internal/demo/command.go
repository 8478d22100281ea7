// Package demo runs the reference topology on real data, from input to
// report, on an embedded stack or on a real cluster.
package demo

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gokavro/gokavro/cmd/gokavro/internal/cli"
	"github.com/gokavro/gokavro/codecs/registry"
	"github.com/gokavro/gokavro/examples/flights"
	"github.com/gokavro/gokavro/topology/kafka"
)

const defaultPartitions = 4

type options struct {
	json       bool
	out        string
	input      string
	brokers    []string
	registry   []string
	partitions int
	keep       bool
	prefix     string
}

// topic returns a topic's name on the cluster.
func (o options) topic(name string) string { return o.prefix + name }

// Command returns `gokavro demo`.
func Command() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run the reference topology on real flights, end to end",
		Long: "Starts an embedded Kafka and schema registry, feeds 20,000 flights, enriches them and reports what came out.\n" +
			"The exit code is 0 when every record is accounted for.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(cmd); err != nil {
				return cli.Usage(err)
			}
			return execute(cmd.Context(), o, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.BoolVar(&o.json, "json", false, "print one JSON object and nothing else")
	flags.StringVar(&o.out, "out", "", "write flights-enriched.avro and airport-stats.avro to this `DIR`")
	flags.StringVar(&o.input, "input", "", "another `FILE.avro` of flights")
	flags.StringSliceVar(&o.brokers, "brokers", nil, "`HOST:PORT` of a real Kafka instead of the embedded one")
	flags.StringSliceVar(&o.registry, "registry", nil, "`URL` of a real schema registry instead of the embedded one")
	flags.IntVar(&o.partitions, "partitions", defaultPartitions, "partitions of the topics that are created")
	flags.StringVar(&o.prefix, "topic-prefix", "", "`PREFIX` for every topic and the consumer group")
	flags.BoolVar(&o.keep, "keep", false, "stay up until Ctrl-C")
	return cmd
}

// check finds what is wrong with the command line itself.
func (o options) check(cmd *cobra.Command) error {
	if o.partitions < 1 || o.partitions > kafka.MaxPartitions {
		return fmt.Errorf("--partitions %d: give a number of 1 or more, %d at most", o.partitions, kafka.MaxPartitions)
	}
	for _, name := range []string{"out", "input", "brokers", "registry"} {
		if flag := cmd.Flags().Lookup(name); flag.Changed && strings.Trim(flag.Value.String(), "[]") == "" {
			return fmt.Errorf("--%s is empty: give a value, or leave it out", name)
		}
	}
	for _, topic := range []string{flights.AirportsTopic, flights.FlightsTopic, flights.StatsTopic, flights.EnrichedTopic, flights.DeadLetters} {
		if err := kafka.CheckTopicName(o.topic(topic)); err != nil {
			return fmt.Errorf("--topic-prefix: %w", err)
		}
	}
	return o.checkAddresses()
}

func (o options) checkAddresses() error {
	if len(o.brokers) > 0 {
		if err := (kafka.Config{Brokers: o.brokers}).Validate(); err != nil {
			return fmt.Errorf("--brokers: %w", err)
		}
	}
	if len(o.registry) > 0 {
		if _, err := registry.New(registry.Config{URLs: o.registry}); err != nil {
			return fmt.Errorf("--registry: %w", err)
		}
	}
	return nil
}
