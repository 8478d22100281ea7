// Package kafkatest is what tests do with a cluster beside the code that they
// test: topics, records, transactions, and waiting for what a cluster takes its
// time with. Every function ends the test at the first error.
package kafkatest

import (
	"context"
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokavro/gokavro/topology/kafka"
)

// Patience bounds every wait. It is long: what it bounds has no reason to fail,
// and machines may be slow.
const Patience = 90 * time.Second

// Await asks, in the test's own goroutine, until something holds. what says what.
func Await(t testing.TB, what string, holds func() bool) {
	t.Helper()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(Patience)
	for !holds() {
		select {
		case <-ticker.C:
		case <-deadline:
			t.Fatalf("not yet after %s: %s", Patience, what)
		}
	}
}

// Dial returns a client that is closed when the test ends.
func Dial(t testing.TB, cfg kafka.Config) *kafka.Client {
	t.Helper()
	client, err := kafka.Dial(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// Create creates those of the topics that are missing.
func Create(t testing.TB, client *kafka.Client, topics ...kafka.Topic) {
	t.Helper()
	if _, err := client.CreateMissing(t.Context(), topics...); err != nil {
		t.Fatal(err)
	}
}

// Remake deletes a topic and makes another one of its name.
func Remake(t testing.TB, client *kafka.Client, topic kafka.Topic) {
	t.Helper()
	before, err := client.TopicID(t.Context(), topic.Name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.DeleteTopics(t.Context(), topic.Name); err != nil {
		t.Fatal(err)
	}
	Await(t, "topic "+topic.Name+" to be another one", func() bool {
		Create(t, client, topic)
		id, err := client.TopicID(t.Context(), topic.Name)
		return err == nil && id != before
	})
}

// Write writes records in their order and waits for them.
func Write(t testing.TB, cfg kafka.Config, records ...kafka.Record) {
	t.Helper()
	Fill(t, cfg, func(put func(kafka.Record)) {
		for _, r := range records {
			put(r)
		}
	})
}

// Fill writes the records that feed puts, in their order, and waits for them.
func Fill(t testing.TB, cfg kafka.Config, feed func(put func(kafka.Record))) {
	t.Helper()
	w, err := kafka.NewWriter(cfg)
	if err != nil {
		t.Fatal(err)
	}
	feed(func(r kafka.Record) {
		t.Helper()
		if err := w.Write(t.Context(), r, nil); err != nil {
			t.Fatal(err)
		}
	})
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// Read returns the records that a query finds until the end of its topic, none
// of a topic that is still to be created.
func Read(t testing.TB, client *kafka.Client, q kafka.Query) (records []kafka.Record) {
	t.Helper()
	q.UntilEnd = true
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
	defer cancel()
	err := client.Read(ctx, q, func(r kafka.Record) error {
		records = append(records, r)
		return nil
	})
	if err != nil && !errors.Is(err, kafka.ErrTopicNotFound) {
		t.Fatalf("reading %+v: %v", q, err)
	}
	return records
}

// Transactor writes transactions into partition 0 of a topic.
type Transactor struct {
	t        testing.TB
	producer sarama.SyncProducer
	topic    string
}

// transactionTimeout is the most that brokers allow: an open transaction is there
// for all of a test, which may wait for its turn.
const transactionTimeout = 15 * time.Minute

// NewTransactor returns a transactor without a transaction, with a transactional
// id of its own.
func NewTransactor(t testing.TB, cfg kafka.Config, topic string) *Transactor {
	t.Helper()
	conf := cfg.Sarama()
	conf.Producer.Transaction.ID = rand.Text()
	conf.Producer.Transaction.Timeout = transactionTimeout
	conf.Producer.Partitioner = sarama.NewManualPartitioner
	producer, err := sarama.NewSyncProducer(cfg.Brokers, conf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = producer.Close() })
	return &Transactor{t: t, producer: producer, topic: topic}
}

// Begin begins a transaction.
func (x *Transactor) Begin() {
	x.t.Helper()
	x.check(x.producer.BeginTxn())
}

// Write writes a record into the transaction and returns its offset.
func (x *Transactor) Write(key, value string) (offset int64) {
	x.t.Helper()
	_, offset, err := x.producer.SendMessage(&sarama.ProducerMessage{
		Topic: x.topic, Key: sarama.StringEncoder(key), Value: sarama.StringEncoder(value),
	})
	x.check(err)
	return offset
}

// Commit commits the transaction.
func (x *Transactor) Commit() {
	x.t.Helper()
	x.check(x.producer.CommitTxn())
}

// Abort aborts the transaction.
func (x *Transactor) Abort() {
	x.t.Helper()
	x.check(x.producer.AbortTxn())
}

func (x *Transactor) check(err error) {
	x.t.Helper()
	if err != nil {
		x.t.Fatal(err)
	}
}
