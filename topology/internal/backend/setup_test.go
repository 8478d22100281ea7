package backend

import (
	"testing"

	"github.com/IBM/sarama"

	"github.com/gokavro/gokavro/integration/devstack"
	"github.com/gokavro/gokavro/topology/kafka"
)

// dial starts an embedded broker that has a topic "t" of that many partitions.
func dial(t *testing.T, partitions int32) *kafka.Client {
	t.Helper()
	stack, err := devstack.Start(t.Context(), devstack.Config{NoRegistry: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stack.Close() })
	client, err := kafka.Dial(t.Context(), kafka.Config{Brokers: stack.Brokers()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	if _, err := client.CreateMissing(t.Context(), kafka.Topic{Name: "t", Partitions: partitions}); err != nil {
		t.Fatal(err)
	}
	return client
}

// transact writes values to partition 0 of topic t in one transaction.
func transact(t *testing.T, client *kafka.Client, commit bool, values ...string) {
	t.Helper()
	conf := client.Config().Sarama()
	conf.Producer.Transaction.ID = "test"
	conf.Producer.Partitioner = sarama.NewManualPartitioner
	producer, err := sarama.NewSyncProducer(client.Config().Brokers, conf)
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	if err := producer.BeginTxn(); err != nil {
		t.Fatal(err)
	}
	for _, value := range values {
		message := &sarama.ProducerMessage{Topic: "t", Key: sarama.StringEncoder("k"), Value: sarama.StringEncoder(value)}
		if _, _, err := producer.SendMessage(message); err != nil {
			t.Fatal(err)
		}
	}
	end := producer.CommitTxn
	if !commit {
		end = producer.AbortTxn
	}
	if err := end(); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, client *kafka.Client, topic string) (records []kafka.Record) {
	t.Helper()
	err := client.Read(t.Context(), kafka.Query{Topic: topic, UntilEnd: true}, func(r kafka.Record) error {
		records = append(records, r)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return records
}
