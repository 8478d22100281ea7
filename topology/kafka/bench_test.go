package kafka_test

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/gokavro/gokavro/topology/kafka"
)

// BenchmarkWriteAndRead takes records of 200 bytes through a fake broker in the
// same process and back.
func BenchmarkWriteAndRead(b *testing.B) {
	fake, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		b.Fatal(err)
	}
	defer fake.Close()
	cfg := kafka.Config{Brokers: fake.ListenAddrs()}
	client, err := kafka.Dial(b.Context(), cfg)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	if _, err := client.CreateMissing(b.Context(), kafka.Topic{Name: "t", Partitions: 4}); err != nil {
		b.Fatal(err)
	}
	value := make([]byte, 200)
	b.ReportAllocs()
	b.SetBytes(int64(len(value)))
	b.ResetTimer()
	w, err := kafka.NewWriter(cfg)
	if err != nil {
		b.Fatal(err)
	}
	for range b.N {
		if err := w.Write(b.Context(), kafka.Record{Topic: "t", Partition: -1, Value: value}, nil); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	count := 0
	err = client.Read(b.Context(), kafka.Query{Topic: "t", UntilEnd: true}, func(kafka.Record) error {
		count++
		return nil
	})
	if err != nil || count < b.N {
		b.Fatalf("read %d records, %v, want %d", count, err, b.N)
	}
}
