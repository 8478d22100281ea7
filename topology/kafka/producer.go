package kafka

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"time"

	"github.com/IBM/sarama"
)

// ProducerConfig says how a [Producer] writes.
type ProducerConfig struct {
	// TransactionalID makes the producer transactional: Kafka's transactional.id.
	// A producer with the same one that is still at work elsewhere is fenced. The
	// default is none.
	TransactionalID string
	// TransactionTimeout is how long a transaction may be open before the broker
	// aborts it: transaction.timeout.ms. The default is 10 s.
	TransactionTimeout time.Duration
	// Hasher chooses the partition of a record that names none, by its key. The
	// default is [NewHasher].
	Hasher func() hash.Hash32
}

const defaultTransactionTimeout = 10 * time.Second

// Producer is sarama's producer on connections of its own, for whoever gathers
// records himself and hands them over in bulk: nothing is held back to fill
// batches. A message whose Partition is 0 or more goes to that one.
type Producer struct {
	sarama.AsyncProducer
	client sarama.Client
}

// DialProducer connects to the cluster, gives up after Config.Timeout with an
// [*UnreachableError], and makes a producer. A transactional one waits until
// what its predecessor left open is resolved. Close it after use.
func DialProducer(ctx context.Context, cfg Config, p ProducerConfig) (*Producer, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.WithDefaults()
	conf := cfg.Sarama()
	conf.Producer.Flush.Frequency = 0
	conf.Producer.Partitioner = newChosenPartitioner
	if p.Hasher != nil {
		conf.Producer.Partitioner = hashedPartitioner(p.Hasher)
	}
	// As in NewWriter: a look at the metadata has to outlast a broker's restart.
	conf.Metadata.Retry.Max = 80
	if p.TransactionalID != "" {
		conf.Producer.Transaction.ID = p.TransactionalID
		conf.Producer.Transaction.Timeout = p.TransactionTimeout
		if p.TransactionTimeout == 0 {
			conf.Producer.Transaction.Timeout = defaultTransactionTimeout
		}
	}
	client, err := connect(ctx, cfg, conf)
	if err != nil {
		return nil, err
	}
	producer, err := sarama.NewAsyncProducerFromClient(client)
	if err != nil {
		_ = client.Close()
		return nil, fmt.Errorf("kafka: starting a producer: %w", err)
	}
	return &Producer{AsyncProducer: producer, client: client}, nil
}

// Client returns the client beneath.
func (p *Producer) Client() sarama.Client { return p.client }

// Close ends the producer. What is in flight is given up, or sent, as sarama
// sees fit: call it when nothing is, or when it does not count any more.
func (p *Producer) Close() error {
	err := p.AsyncProducer.Close()
	if _, ok := errors.AsType[sarama.ProducerErrors](err); ok {
		err = nil
	}
	if closing := p.client.Close(); !errors.Is(closing, sarama.ErrClosedClient) {
		err = errors.Join(err, closing)
	}
	if err != nil {
		return fmt.Errorf("kafka: closing a producer: %w", err)
	}
	return nil
}

// hashedPartitioner chooses by another hash than Java's.
func hashedPartitioner(hasher func() hash.Hash32) sarama.PartitionerConstructor {
	keyed := sarama.NewCustomHashPartitioner(hasher)
	return func(topic string) sarama.Partitioner {
		return &chosenPartitioner{keyed: keyed(topic), inTurn: sarama.NewRoundRobinPartitioner(topic)}
	}
}
