// Command goka is a plain goka program whose records are Avro: a hand-written
// group with typed codecs for its input and its table and a generic one for its
// output. The program is goka.go; the rest feeds it and shows what comes out.
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
	"slices"
	"strings"

	"github.com/lovoo/goka"

	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/codecs/registry"
	"github.com/gokavro/gokavro/integration/devstack"
	"github.com/gokavro/gokavro/topology/kafka"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	brokers := flag.String("brokers", "", "Kafka brokers, host:port, separated by commas (default: an embedded Kafka)")
	url := flag.String("registry", "", "address of the schema registry, needed with -brokers")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "goka: %q is not a flag: -h lists the flags\n", flag.Arg(0))
		os.Exit(2)
	}
	if (*brokers == "") != (*url == "") {
		fmt.Fprintln(os.Stderr, "goka: -brokers and -registry go together: give both or none")
		os.Exit(2)
	}
	var addresses []string
	if *brokers != "" {
		addresses = strings.Split(*brokers, ",")
	}
	if err := run(ctx, addresses, *url, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, brokers []string, url string, out io.Writer) error {
	if len(brokers) == 0 {
		stack, err := devstack.Start(ctx, devstack.Config{})
		if err != nil {
			return err
		}
		defer stack.Close()
		brokers, url = stack.Brokers(), stack.RegistryURL()
	}
	client, err := registry.New(registry.Config{URLs: []string{url}})
	if err != nil {
		return err
	}
	return tour(ctx, kafka.Config{Brokers: brokers}, client, out)
}

// tour makes the topics, emits the orders, and runs the group until each order
// has its total.
func tour(ctx context.Context, cfg kafka.Config, client *registry.Client, out io.Writer) error {
	cluster, err := kafka.Dial(ctx, cfg)
	if err != nil {
		return err
	}
	defer cluster.Close()
	// goka would make its table with two replicas, which one broker cannot keep.
	topics := []kafka.Topic{{Name: "orders", Partitions: 2}, {Name: "totals", Partitions: 2}, {Name: "shop-table", Partitions: 2, Compact: true}}
	if _, err := cluster.CreateMissing(ctx, topics...); err != nil {
		return err
	}
	opts := []avro.Option{avro.Registry(client), avro.AutoRegister()}
	if err := emit(cfg, avro.Typed[Order](with(opts, avro.Subject("orders-value"))...)); err != nil {
		return err
	}

	running, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() {
		defer stop() // a processor that ends early ends the reading too
		ended <- process(running, cfg, group(opts...))
	}()
	lines, err := totals(running, cluster, avro.Generic(totalSchema, opts...))
	stop()
	if err := errors.Join(<-ended, err); err != nil {
		return err
	}
	for _, line := range lines {
		fmt.Fprintln(out, line)
	}
	return nil
}

func emit(cfg kafka.Config, orders *avro.TypedCodec[Order]) error {
	emitter, err := goka.NewEmitter(cfg.Brokers, "orders", orders,
		goka.WithEmitterHasher(kafka.NewHasher),
		goka.WithEmitterProducerBuilder(goka.ProducerBuilderWithConfig(cfg.Sarama())))
	if err != nil {
		return err
	}
	for _, p := range purchases() {
		if err := emitter.EmitSync(p.customer, &p.order); err != nil {
			return errors.Join(err, emitter.Finish())
		}
	}
	return emitter.Finish()
}

// totals reads as many totals as there are orders. A customer's totals are in
// one partition and keep their order; the customers are sorted.
func totals(ctx context.Context, cluster *kafka.Client, codec *avro.GenericCodec) ([]string, error) {
	var records []map[string]any
	err := cluster.Read(ctx, kafka.Query{Topic: "totals"}, func(r kafka.Record) error {
		var record map[string]any
		if err := codec.Read(r.Value, &record); err != nil {
			return err
		}
		if records = append(records, record); len(records) == len(purchases()) {
			return kafka.ErrStop
		}
		return nil
	})
	slices.SortStableFunc(records, func(a, b map[string]any) int {
		return strings.Compare(a["customer"].(string), b["customer"].(string))
	})
	var lines []string
	for _, r := range records {
		lines = append(lines, fmt.Sprintf("%s  order %d  total %6.2f", r["customer"], r["orders"], float64(r["cents"].(int64))/100))
	}
	return lines, err
}
