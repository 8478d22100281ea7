package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/IBM/sarama"
)

// Writer writes records in the background, each exactly once into its log:
// acks=all and enable.idempotence=true. It gives the cluster up when no broker
// answers, or a partition has no leader, for Config.Timeout, or when brokers take
// records and acknowledge none for six times that: every record that is not
// written then ends with an error, an [*UnreachableError] for brokers that are
// away. It is safe for concurrent use.
type Writer struct {
	client    *Client
	outage    *outage
	producer  sarama.AsyncProducer
	delivered chan struct{}
	// topics are those that are known to exist.
	topics sync.Map

	// mu is read-locked while a record goes to sarama and locked by Close, for
	// sarama's input must not be used once it is closed.
	mu     sync.RWMutex
	closed bool
	// inFlight counts the records that sarama has.
	inFlight sync.WaitGroup

	// first is the first error. Close reads it when delivered is closed.
	first error
}

// NewWriter connects to the cluster and gives up after Config.Timeout with an
// [*UnreachableError]. Close the writer after use.
func NewWriter(cfg Config) (*Writer, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.WithDefaults()
	conf := cfg.Sarama()
	conf.Producer.Partitioner = newChosenPartitioner
	o := newOutage(cfg)
	o.watch(conf)
	client, err := connect(context.Background(), cfg, conf)
	if err != nil {
		return nil, err
	}
	producer, err := sarama.NewAsyncProducerFromClient(client)
	if err != nil {
		_ = client.Close()
		return nil, fmt.Errorf("kafka: starting a producer: %w", err)
	}
	o.client = client
	w := &Writer{client: &Client{cfg: cfg, sarama: client}, outage: o, producer: producer, delivered: make(chan struct{})}
	go w.deliver()
	return w, nil
}

// Write hands a record over and returns; it blocks only while too many records
// are in flight, and until ctx ends. The record goes to Record.Partition, or if
// that is less than 0 to the partition that Java's clients choose for its key;
// records without a key go round. A zero Record.Time becomes the time of the
// call. The record's bytes must not be changed afterwards. A topic that does not
// exist is an [ErrTopicNotFound].
//
// If Write returns nil, done is called once with the record, its offset,
// partition and time filled in, or with an error. Calls come one after the
// other from one goroutine that must not be blocked, so done must not call
// Write. It may be nil.
func (w *Writer) Write(ctx context.Context, r Record, done func(Record, error)) error {
	if r.Topic == "" {
		return errors.New("kafka: writing a record: it has no topic")
	}
	if r.Time.IsZero() {
		r.Time = time.Now()
	}
	r.Time = r.Time.Truncate(time.Millisecond)
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.closed {
		return fmt.Errorf("kafka: writing to topic %q: the writer is closed", r.Topic)
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("kafka: writing to topic %q: %w", r.Topic, err)
	}
	if err := w.checkTopic(ctx, r.Topic); err != nil {
		return err
	}
	w.inFlight.Add(1)
	w.outage.sent()
	select {
	case w.producer.Input() <- toMessage(r, done):
		return nil
	case <-ctx.Done():
		w.outage.settled()
		w.inFlight.Done()
		return fmt.Errorf("kafka: writing to topic %q: %w", r.Topic, ctx.Err())
	}
}

// checkTopic asks for a topic once, because sarama would look for a missing one
// as long as for a missing leader.
func (w *Writer) checkTopic(ctx context.Context, topic string) error {
	if _, known := w.topics.Load(topic); known {
		return nil
	}
	if _, err := w.client.partitions(ctx, topic); err != nil {
		return err
	}
	w.topics.Store(topic, true)
	return nil
}

// Close waits for everything in flight and returns the first error that any
// record met. A second Close returns the same.
func (w *Writer) Close() error {
	w.mu.Lock()
	first := !w.closed
	w.closed = true
	w.mu.Unlock()
	if first {
		// sarama drops a batch that it is about to send again when it is closed.
		w.inFlight.Wait()
		w.producer.AsyncClose()
	}
	<-w.delivered
	return w.first
}

// deliver calls the callbacks until sarama has closed both channels.
func (w *Writer) deliver() {
	defer close(w.delivered)
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	successes, faults := w.producer.Successes(), w.producer.Errors()
	for successes != nil || faults != nil {
		select {
		case <-ticker.C:
			w.outage.look()
		case message, ok := <-successes:
			if !ok {
				successes = nil
				continue
			}
			w.settle(message, nil)
		case fault, ok := <-faults:
			if !ok {
				faults = nil
				continue
			}
			w.settle(fault.Msg, fault.Err)
		}
	}
	if err := w.outage.end(); err != nil && w.first == nil {
		w.first = fmt.Errorf("kafka: closing the writer: %w", err)
	}
}

// settle tells the outcome of one record.
func (w *Writer) settle(message *sarama.ProducerMessage, err error) {
	defer w.inFlight.Done()
	w.outage.settled()
	sent := message.Metadata.(inFlight)
	record := sent.record
	if err != nil {
		err = fmt.Errorf("kafka: writing to topic %q: %w", record.Topic, deliveryFault(record, w.outage.explain(err)))
		if w.first == nil {
			w.first = err
		}
	} else {
		record.Partition, record.Offset = message.Partition, message.Offset
	}
	if sent.done != nil {
		sent.done(record, err)
	}
}

// deliveryFault says in our words what sarama's error is about.
func deliveryFault(record Record, err error) error {
	switch {
	case errors.Is(err, sarama.ErrInvalidPartition):
		return fmt.Errorf("it has no partition %d: %w", record.Partition, err)
	case errors.Is(err, sarama.ErrUnknownTopicOrPartition):
		return fmt.Errorf("%w: create it or correct the name", ErrTopicNotFound)
	}
	return err
}

// inFlight is what a message carries through sarama.
type inFlight struct {
	record Record
	done   func(Record, error)
}

func toMessage(r Record, done func(Record, error)) *sarama.ProducerMessage {
	message := &sarama.ProducerMessage{
		Topic: r.Topic, Partition: max(r.Partition, -1), Timestamp: r.Time, Metadata: inFlight{r, done},
	}
	// A nil slice in an encoder would be an empty key, not a missing one.
	if r.Key != nil {
		message.Key = sarama.ByteEncoder(r.Key)
	}
	if r.Value != nil {
		message.Value = sarama.ByteEncoder(r.Value)
	}
	for _, header := range r.Headers {
		message.Headers = append(message.Headers, sarama.RecordHeader{Key: []byte(header.Key), Value: header.Value})
	}
	return message
}
