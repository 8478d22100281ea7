// Command users takes a few users through everything an Avro record meets: a
// schema, a file, a topic, and an analysis of what comes out of the topic.
// Without flags it runs on a Kafka of its own, in this process.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"

	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/codecs/registry"
	"github.com/gokavro/gokavro/integration/devstack"
	"github.com/gokavro/gokavro/topology/kafka"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	o, err := parse(os.Args[1:], os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	if err := run(ctx, o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// options are the flags, checked.
type options struct {
	brokers  []string
	registry string
	dir      string
	from     kafka.Position
}

// parse writes the flags' description to help when args ask for it.
func parse(args []string, help io.Writer) (o options, err error) {
	flags := flag.NewFlagSet("users", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	brokers := flags.String("brokers", "", "Kafka brokers, host:port, separated by commas (default: an embedded Kafka)")
	flags.StringVar(&o.registry, "registry", "", "address of the schema registry, needed with -brokers")
	flags.StringVar(&o.dir, "dir", "", "folder for "+fileName+" (default: a temporary one)")
	from := flags.String("from", "offset:5", "where to consume from: beginning, end, offset:N or time:RFC3339")
	err = flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		flags.SetOutput(help)
		flags.PrintDefaults()
		return o, err
	case err != nil:
		return o, fmt.Errorf("users: %w: -h lists the flags", err)
	case flags.NArg() > 0:
		return o, fmt.Errorf("users: %q is not a flag: -h lists the flags", flags.Arg(0))
	}
	if (*brokers == "") != (o.registry == "") {
		return o, errors.New("users: -brokers and -registry go together: give both or none")
	}
	if *brokers != "" {
		o.brokers = strings.Split(*brokers, ",")
	}
	o.from, err = kafka.ParsePosition(*from)
	return o, err
}

func run(ctx context.Context, o options, out io.Writer) (err error) {
	if o.brokers == nil {
		stack, err := devstack.Start(ctx, devstack.Config{})
		if err != nil {
			return err
		}
		defer stack.Close()
		o.brokers, o.registry = stack.Brokers(), stack.RegistryURL()
	}
	if o.dir == "" {
		if o.dir, err = os.MkdirTemp("", "users"); err != nil {
			return fmt.Errorf("users: making a temporary folder: %w", err)
		}
		defer os.RemoveAll(o.dir)
	}
	return tour(ctx, o, out)
}

// tour is the example itself.
func tour(ctx context.Context, o options, out io.Writer) error {
	client, err := registry.New(registry.Config{URLs: []string{o.registry}})
	if err != nil {
		return err
	}
	codec := userCodec(avro.Registry(client))
	if err := codec.Check(); err != nil {
		return err
	}
	fmt.Fprintf(out, "schema   %s: %s\n", codec.Schema().Name(), strings.Join(codec.Schema().Fields(), ", "))

	if err := writeFile(o.dir, users()); err != nil {
		return err
	}
	all, err := readFile(o.dir)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "file     %s: %d users written, %d read back\n", fileName, len(users()), len(all))

	cluster, err := kafka.Dial(ctx, kafka.Config{Brokers: o.brokers})
	if err != nil {
		return err
	}
	defer cluster.Close()
	if _, err := cluster.CreateMissing(ctx, kafka.Topic{Name: topic, Partitions: 1}); err != nil {
		return err
	}
	first, err := produce(ctx, cluster.Config(), codec, all)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "produce  %s: %d records from offset %d, keyed by id\n", topic, len(all), first)

	got, err := consume(ctx, cluster, codec, o.from)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "consume  %s: %d records from %s\n\n", topic, len(got), o.from)
	writeTable(out, analyse(got))
	return nil
}
