package main

import (
	"context"

	"github.com/lovoo/goka"
	"github.com/lovoo/goka/storage"

	"github.com/gokavro/gokavro/codecs"
	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/topology/kafka"
)

// group adds up each customer's orders. The two structs are typed codecs, the
// output is a map that goes with totalSchema.
func group(opts ...avro.Option) *goka.GroupGraph {
	orders := avro.Typed[Order](with(opts, avro.Subject("orders-value"))...)
	sums := avro.Typed[Sum](with(opts, avro.Subject("shop-table-value"))...)
	totals := avro.Generic(totalSchema, with(opts, avro.Subject("totals-value"))...)
	return goka.DefineGroup("shop",
		goka.Input("orders", orders, add),
		goka.Output("totals", totals),
		goka.Persist(sums),
	)
}

func add(ctx goka.Context, msg any) {
	order := msg.(*Order)
	sum, _ := codecs.Value[Sum](ctx.Value()) // the zero Sum for a new customer
	sum.Orders++
	sum.Cents += order.Cents
	ctx.SetValue(&sum)
	ctx.Emit("totals", ctx.Key(), map[string]any{"customer": ctx.Key(), "orders": sum.Orders, "cents": sum.Cents})
}

// process runs the group until ctx ends. Without the options goka would
// acknowledge before the data is safe and place keys otherwise than Java.
func process(ctx context.Context, cfg kafka.Config, graph *goka.GroupGraph) error {
	p, err := goka.NewProcessor(cfg.Brokers, graph,
		goka.WithHasher(kafka.NewHasher),
		goka.WithConsumerGroupBuilder(goka.ConsumerGroupBuilderWithConfig(cfg.Sarama())),
		goka.WithConsumerSaramaBuilder(goka.SaramaConsumerBuilderWithConfig(cfg.Sarama())),
		goka.WithProducerBuilder(goka.ProducerBuilderWithConfig(cfg.Sarama())),
		goka.WithTopicManagerBuilder(goka.TopicManagerBuilderWithConfig(cfg.Sarama(), goka.NewTopicManagerConfig())),
		goka.WithStorageBuilder(storage.MemoryBuilder()),
	)
	if err != nil {
		return err
	}
	return p.Run(ctx)
}
