package kafka_test

import (
	"context"
	"fmt"
	"log"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/gokavro/gokavro/topology/kafka"
)

// A topic is created, written and read from the offset 1 to its end.
func Example() {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		log.Fatal(err)
	}
	defer cluster.Close()
	ctx := context.Background()
	cfg := kafka.Config{Brokers: cluster.ListenAddrs()}

	client, err := kafka.Dial(ctx, cfg)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	if _, err := client.CreateMissing(ctx, kafka.Topic{Name: "flights", Partitions: 1}); err != nil {
		log.Fatal(err)
	}

	writer, err := kafka.NewWriter(cfg)
	if err != nil {
		log.Fatal(err)
	}
	for _, airport := range []string{"ABE", "DTW", "SEA"} {
		record := kafka.Record{Topic: "flights", Partition: -1, Key: []byte(airport), Value: []byte("from " + airport)}
		if err := writer.Write(ctx, record, nil); err != nil {
			log.Fatal(err)
		}
	}
	if err := writer.Close(); err != nil {
		log.Fatal(err)
	}

	query := kafka.Query{Topic: "flights", From: kafka.At(1), UntilEnd: true}
	err = client.Read(ctx, query, func(r kafka.Record) error {
		fmt.Println(r.Offset, string(r.Value))
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
	// Output:
	// 1 from DTW
	// 2 from SEA
}
