// Package dev is the command that keeps an embedded Kafka and schema registry
// up, for work without Docker.
package dev

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gokavro/gokavro/cmd/gokavro/internal/cli"
	"github.com/gokavro/gokavro/integration/devstack"
)

// The parts that --only names.
const (
	onlyKafka    = "kafka"
	onlyRegistry = "registry"
)

const (
	defaultKafka    = "127.0.0.1:9092"
	defaultRegistry = "127.0.0.1:8081"
)

const example = `  gokavro dev --data ./dev-data
  gokavro dev --only registry --registry 127.0.0.1:18081`

type options struct {
	only, kafka, registry, data string
}

// Command returns `gokavro dev`.
func Command() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "Keep an embedded Kafka and schema registry up",
		Long: "Runs both in the foreground until Ctrl-C and prints their addresses as lines of an\n" +
			"environment file. Made for development: it is no place for data that matters.",
		Example: example,
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&o.only, "only", "", "start one of them: `kafka|registry`")
	flags.StringVar(&o.kafka, "kafka", defaultKafka, "`HOST:PORT` of the broker, port 0 for any")
	flags.StringVar(&o.registry, "registry", defaultRegistry, "`HOST:PORT` of the registry, port 0 for any")
	flags.StringVar(&o.data, "data", "", "`DIR` that keeps topics and schemas for the next start; without it they are in memory")
	_ = cmd.MarkFlagDirname("data")
	_ = cmd.RegisterFlagCompletionFunc("only",
		cobra.FixedCompletions([]string{onlyKafka, onlyRegistry}, cobra.ShellCompDirectiveNoFileComp))
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := o.check(cmd); err != nil {
			return cli.Usage(err)
		}
		return run(cmd.Context(), o, cmd.OutOrStdout(), cmd.ErrOrStderr())
	}
	return cmd
}

// check finds what is wrong with the command line itself.
func (o options) check(cmd *cobra.Command) error {
	flags := cmd.Flags()
	switch {
	case flags.Changed("only") && o.only != onlyKafka && o.only != onlyRegistry:
		return fmt.Errorf("--only %q: use kafka or registry", o.only)
	case o.only == onlyRegistry && flags.Changed("kafka"):
		return errors.New("--kafka is given, but --only registry starts no broker: leave one of them out")
	case o.only == onlyKafka && flags.Changed("registry"):
		return errors.New("--registry is given, but --only kafka starts no registry: leave one of them out")
	case o.data == "" && flags.Changed("data"):
		return errors.New("--data is empty: name a folder, or leave it out to keep everything in memory")
	}
	if err := checkAddress("kafka", o.kafka); err != nil {
		return err
	}
	return checkAddress("registry", o.registry)
}

func checkAddress(flag, address string) error {
	_, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return fmt.Errorf("--%s %q: write it as HOST:PORT, such as 127.0.0.1:9092", flag, address)
	}
	return nil
}

// run keeps the stack up until ctx ends.
func run(ctx context.Context, o options, stdout, stderr io.Writer) (err error) {
	stack, err := devstack.Start(ctx, devstack.Config{
		KafkaAddr: o.kafka, RegistryAddr: o.registry, Dir: o.data,
		NoKafka: o.only == onlyRegistry, NoRegistry: o.only == onlyKafka,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stack.Close()) }()
	if err := announce(stack, stdout); err != nil {
		return err
	}
	fmt.Fprintln(stderr, hint(o))
	<-ctx.Done()
	return nil
}

// announce prints the addresses of what is up.
func announce(stack *devstack.Stack, stdout io.Writer) error {
	var text strings.Builder
	if brokers := stack.Brokers(); len(brokers) > 0 {
		fmt.Fprintf(&text, "KAFKA_BROKERS=%s\n", strings.Join(brokers, ","))
	}
	if url := stack.RegistryURL(); url != "" {
		fmt.Fprintf(&text, "SCHEMA_REGISTRY_URL=%s\n", url)
	}
	if _, err := io.WriteString(stdout, text.String()); err != nil {
		return fmt.Errorf("writing to standard output: %w", err)
	}
	return nil
}

func hint(o options) string {
	where := "in memory; --data DIR keeps them"
	if o.data != "" {
		where = "kept in " + o.data
	}
	what := map[string]string{"": "topics and schemas are", onlyKafka: "topics are", onlyRegistry: "schemas are"}[o.only]
	return fmt.Sprintf("ready: %s %s; Ctrl-C ends it", what, where)
}
