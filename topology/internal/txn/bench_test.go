package txn_test

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokavro/gokavro/topology/internal/txn"
	"github.com/gokavro/gokavro/topology/kafka"
)

// batchSize is about what a process commits at a time.
const batchSize = 10_000

// BenchmarkCommit takes batches of records of 100 bytes to a broker, which is
// one in this process unless KAFKA_BROKERS names another. cpu-ns/op is then
// that of both sides.
func BenchmarkCommit(b *testing.B) {
	for _, d := range deliveries() {
		b.Run(d.name, func(b *testing.B) { benchmark(b, d) })
		b.Run(d.name+" with sarama's producer", func(b *testing.B) { benchmark(b, ofSarama(d)) })
	}
}

func benchmark(b *testing.B, d delivery) {
	bundle := setup(b)
	topic, changelog, group := bundle.topic(b, 8), bundle.topic(b, 8), unique("group")
	committer := d.open(b, bundle, txn.Config{})
	value := make([]byte, 100)
	b.SetBytes(int64(len(value)))
	b.ReportAllocs()
	b.ResetTimer()
	before := cpu()
	for done := 0; done < b.N; done += batchSize {
		batch := txn.Batch{Offsets: map[string]map[int32]int64{topic: {0: int64(done)}}, Member: nobody(group)}
		for i := range min(batchSize, b.N-done) {
			r := &kafka.Record{Topic: topic, Partition: -1, Key: fmt.Appendf(nil, "key %d", i/2), Value: value}
			if i%2 == 1 {
				r.Topic, r.Partition = changelog, int32(i%8)
			}
			batch.Records = append(batch.Records, r)
		}
		if err := committer.Commit(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(cpu()-before)/float64(b.N), "cpu-ns/op")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
}

// cpu returns the time that this process has worked.
func cpu() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// saramas commits with sarama's producer, for comparison.
type saramas struct {
	producer sarama.AsyncProducer
	exact    bool
}

// ofSarama is a delivery with sarama's producer in place of ours.
func ofSarama(d delivery) delivery {
	dial := func(_ context.Context, cfg kafka.Config, c txn.Config) (txn.Committer, error) {
		conf := cfg.Sarama()
		conf.Producer.Flush.Frequency = 0
		conf.Producer.Partitioner = func(topic string) sarama.Partitioner {
			return &either{sarama.NewManualPartitioner(topic), sarama.NewMurmur2Partitioner(topic)}
		}
		if d.exact {
			conf.Producer.Transaction.ID = c.TransactionalID
		}
		producer, err := sarama.NewAsyncProducer(cfg.Brokers, conf)
		return &saramas{producer: producer, exact: d.exact}, err
	}
	return delivery{name: d.name, exact: d.exact, dial: dial}
}

// either takes the partition of a record that has one.
type either struct{ manual, keyed sarama.Partitioner }

func (e *either) Partition(m *sarama.ProducerMessage, count int32) (int32, error) {
	if m.Partition >= 0 {
		return e.manual.Partition(m, count)
	}
	return e.keyed.Partition(m, count)
}

func (e *either) RequiresConsistency() bool { return true }

func (s *saramas) Commit(_ context.Context, b txn.Batch) error {
	if s.exact {
		if err := s.producer.BeginTxn(); err != nil {
			return err
		}
	}
	if err := s.send(b.Records); err != nil || !s.exact {
		return err
	}
	offsets, none := map[string][]*sarama.PartitionOffsetMetadata{}, ""
	for topic, partitions := range b.Offsets {
		for partition, offset := range partitions {
			offsets[topic] = append(offsets[topic], &sarama.PartitionOffsetMetadata{Partition: partition, Offset: offset, Metadata: &none})
		}
	}
	if err := s.producer.AddOffsetsToTxnWithGroupMetadata(offsets, b.Member); err != nil {
		return err
	}
	return s.producer.CommitTxn()
}

func (s *saramas) send(records []*kafka.Record) error {
	settled := 0
	for _, r := range records {
		message := &sarama.ProducerMessage{
			Topic: r.Topic, Partition: r.Partition, Key: sarama.ByteEncoder(r.Key), Value: sarama.ByteEncoder(r.Value),
		}
		for sent := false; !sent; {
			select {
			case s.producer.Input() <- message:
				sent = true
			case <-s.producer.Successes():
				settled++
			case err := <-s.producer.Errors():
				return err
			}
		}
	}
	for settled < len(records) {
		select {
		case <-s.producer.Successes():
			settled++
		case err := <-s.producer.Errors():
			return err
		}
	}
	return nil
}

func (s *saramas) Close() error { return s.producer.Close() }
