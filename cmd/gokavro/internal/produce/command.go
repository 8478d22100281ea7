// Package produce is the command that puts the records of an Avro file into a
// topic.
package produce

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gokavro/gokavro/cmd/gokavro/internal/cli"
	"github.com/gokavro/gokavro/cmd/gokavro/internal/cluster"
	"github.com/gokavro/gokavro/topology/kafka"
)

const example = `  gokavro produce --topic airports --key iata --input airports.avro --create-topics 4
  gokavro produce --topic airports --key iata --input - --header source=import < airports.avro`

type options struct {
	topic     string
	key       string
	input     string
	create    int32
	partition int32
	headers   []string
	framing   string
}

// Command returns `gokavro produce`.
func Command() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "produce --topic TOPIC --input FILE.avro",
		Short: "Write the records of an Avro file to a topic",
		Long: "Reads an Avro object container file, registers its schema under TOPIC-value and writes\n" +
			"each record in the Confluent wire format, or the one of --framing. The file is read to\n" +
			"its end before anything is connected.",
		Example: example,
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&o.topic, "topic", "", "`TOPIC` to write to (required)")
	flags.StringVar(&o.input, "input", "", "Avro object container `FILE`, - for standard input (required)")
	flags.StringVar(&o.key, "key", "", "`FIELD` whose text is the record's key; without it records have no key")
	flags.Int32Var(&o.create, "create-topics", 0, "create the topic with `N` partitions if it is missing")
	flags.Int32Var(&o.partition, "partition", -1, "write every record to partition `P` instead of by key")
	flags.StringArrayVar(&o.headers, "header", nil, "`K=V` of a header of every record; may be repeated")
	flags.StringVar(&o.framing, "framing", framingConfluent, "`FORM` of naming the schema: confluent, confluent-header (its GUID in a header),\nsingle-object, apicurio, or plain for none")
	flags.Lookup("partition").DefValue = "0" // keeps the -1 out of the help
	connection := cluster.Bind(cmd)
	_ = cmd.MarkFlagFilename("input", "avro")
	_ = cmd.RegisterFlagCompletionFunc("framing", cobra.FixedCompletions(framings(), cobra.ShellCompDirectiveNoFileComp))
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		headers, err := o.check(cmd)
		if err != nil {
			return cli.Usage(err)
		}
		plan, err := connection.Check()
		if err != nil {
			return err
		}
		in, err := openInput(cmd.Context(), o.input, cmd.InOrStdin())
		if err != nil {
			return err
		}
		defer in.close()
		key, err := in.check(cmd.Context(), o.key)
		if err != nil {
			return err
		}
		p := producing{options: o, headers: headers, plan: plan, in: in, key: key, stderr: cmd.ErrOrStderr()}
		return p.run(cmd.Context())
	}
	return cmd
}

// check finds what is wrong with the command line itself.
func (o options) check(cmd *cobra.Command) ([]kafka.Header, error) {
	flags := cmd.Flags()
	switch {
	case o.topic == "":
		return nil, errors.New("no topic: give --topic")
	case o.input == "":
		return nil, errors.New("no input file: give --input FILE.avro, or - for standard input")
	case o.key == "" && flags.Changed("key"):
		return nil, errors.New("--key is empty: name a field, or leave it out for records without a key")
	case (o.create < 1 || o.create > kafka.MaxPartitions) && flags.Changed("create-topics"):
		return nil, fmt.Errorf("--create-topics %d: give a number of partitions of 1 or more, %d at most", o.create, kafka.MaxPartitions)
	case o.partition < 0 && flags.Changed("partition"):
		return nil, fmt.Errorf("--partition %d: give a number of 0 or more", o.partition)
	case !slices.Contains(framings(), o.framing):
		return nil, fmt.Errorf("--framing %q: use one of %s", o.framing, strings.Join(framings(), ", "))
	}
	if err := kafka.CheckTopicName(o.topic); err != nil {
		return nil, fmt.Errorf("--topic: %w", err)
	}
	var headers []kafka.Header
	for _, text := range o.headers {
		name, value, ok := strings.Cut(text, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("--header %q: write it as NAME=VALUE", text)
		}
		headers = append(headers, kafka.Header{Key: name, Value: []byte(value)})
	}
	return headers, nil
}
