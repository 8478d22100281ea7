// Package txn takes what a process has done to Kafka: records and offsets in
// one transaction, or one after the other.
package txn

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokavro/gokavro/topology/kafka"
)

// Batch is what one commit takes.
type Batch struct {
	// Records are written in their order. One whose Partition is 0 or more goes to
	// that one, others to that of their key's hash, and those without a key go
	// round. A zero Time is that of the commit. Offset is left as it is until the
	// record is written. After it each has its partition and its offset, which is -1 when the broker had it already and does not say where.
	Records []*kafka.Record
	// Offsets are where the group goes on from, by topic and partition.
	Offsets map[string]map[int32]int64
	// Metadata is what is kept with the offsets, by topic and partition: the
	// metadata of Kafka's committed offsets. Those that are not in it have none.
	Metadata map[string]map[int32]string
	// Member is who commits.
	Member *sarama.ConsumerGroupMetadata
	// Renew is asked when the group has refused Member because its generation is
	// over. It returns what the member is in the next one, when it still holds what
	// the batch is about, and else nil: the member was replaced. It may wait for the
	// end of a rebalance, until ctx ends. Without it every such member was replaced.
	Renew func(ctx context.Context, refused *sarama.ConsumerGroupMetadata) *sarama.ConsumerGroupMetadata
}

// Committer takes batches, one after the other. After an error it takes no
// more: what has become of the batch is not known, and the next committer
// finds it resolved. A [*RefusedError] names the record that is at fault, a
// [*FencedError] says that somebody else has taken over. Commit tries for a
// minute at most, and stops at once when ctx ends. It is for one goroutine.
type Committer interface {
	// Write writes records ahead of the batch that they belong to. Exactly once,
	// they are part of its transaction: who reads committed records sees them with
	// the batch.
	Write(ctx context.Context, records []*kafka.Record) error
	// Commit takes the batch.
	Commit(ctx context.Context, b Batch) error
	// Close ends the connections.
	Close() error
}

// Config says how a committer writes.
type Config struct {
	// TransactionalID is Kafka's transactional.id. A committer with the same one
	// that is still at work elsewhere is fenced. It is for exactly once only.
	TransactionalID string
	// TransactionTimeout is how long a transaction may be open before the broker
	// aborts it: transaction.timeout.ms. The default is 10 s.
	TransactionTimeout time.Duration
	// Hasher chooses the partition of a record that names none, by its key. The
	// default is [kafka.NewHasher].
	Hasher func() hash.Hash32
	// Compression is that of the batches: compression.type. The default is none.
	Compression sarama.CompressionCodec
	// Singly are topics whose next records are written each in a batch of its own,
	// so that a broker which refuses one says which.
	Singly []string
	// Retrying is told what a request met that is sent again. It must not block.
	// It may be nil.
	Retrying func(error)
}

const (
	defaultTransactionTimeout = 10 * time.Second
	// patience bounds a commit and what comes before the first one: max.block.ms.
	patience = time.Minute
	// abortPatience bounds the abort after a fault.
	abortPatience = 5 * time.Second
)

// NewExactlyOnce returns a committer of transactions. Readers with
// isolation.level=read_committed see all of a batch or nothing. A member that
// was replaced is refused by its generation, KIP-447; another committer with
// that transactional id fences this one. It waits, until ctx ends or for a
// minute, until what its predecessor left open is resolved.
func NewExactlyOnce(ctx context.Context, cfg kafka.Config, c Config) (Committer, error) {
	if c.TransactionalID == "" {
		return nil, errors.New("txn: exactly once needs a transactional id")
	}
	if c.TransactionTimeout == 0 {
		c.TransactionTimeout = defaultTransactionTimeout
	}
	w, err := newWriter(ctx, cfg, c)
	if err != nil {
		return nil, err
	}
	return &transactions{writer: w, timeout: c.TransactionTimeout, added: map[*lane]bool{}}, nil
}

type transactions struct {
	writer  *writer
	timeout time.Duration
	added   map[*lane]bool // the partitions of the open transaction
}

// Write writes records in the open transaction, or begins one.
func (t *transactions) Write(ctx context.Context, records []*kafka.Record) error {
	err := t.writer.bounded(ctx, func(ctx context.Context) error {
		if err := t.write(ctx, records); err != nil {
			return t.abort(ctx, err)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("txn: writing %d records in a transaction: %w", len(records), err)
	}
	return nil
}

// Commit ends the open transaction with the batch in it.
func (t *transactions) Commit(ctx context.Context, b Batch) error {
	if len(b.Records) == 0 && len(b.Offsets) == 0 && len(t.added) == 0 {
		return nil
	}
	err := t.writer.bounded(ctx, func(ctx context.Context) error { return t.commit(ctx, b) })
	if err != nil {
		return fmt.Errorf("txn: committing a transaction of %d records: %w", len(b.Records), err)
	}
	return nil
}

func (t *transactions) commit(ctx context.Context, b Batch) error {
	if err := t.fill(ctx, b); err != nil {
		return t.abort(ctx, err)
	}
	// From here on only the coordinator knows. It answers the same end of the same
	// transaction again.
	clear(t.added)
	return t.end(ctx, true)
}

func (t *transactions) write(ctx context.Context, records []*kafka.Record) error {
	if err := t.writer.load(ctx, records); err != nil {
		return err
	}
	if err := t.addPartitions(ctx); err != nil {
		return err
	}
	// What the broker has aborted for its age need not be tried any longer.
	ctx, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()
	return t.writer.flush(ctx)
}

// fill puts the batch into a transaction. Every one carries the group's
// offsets, because that is where a member is fenced.
func (t *transactions) fill(ctx context.Context, b Batch) error {
	if err := t.write(ctx, b.Records); err != nil {
		return err
	}
	// As for the records.
	ctx, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()
	if len(b.Offsets) == 0 {
		return nil
	}
	if err := t.addGroup(ctx, b.Member.GroupID); err != nil {
		return err
	}
	return b.asMember(ctx, func(member *sarama.ConsumerGroupMetadata) error { return t.addOffsets(ctx, b, member) })
}

// abort ends a transaction that met a fault, so that readers and the group's
// next owner need not wait for its timeout. The fault stays the error.
func (t *transactions) abort(ctx context.Context, fault error) error {
	if errors.Is(fault, sarama.ErrProducerFenced) || errors.Is(fault, sarama.ErrInvalidProducerEpoch) {
		return fault
	}
	ctx, cancel := context.WithTimeout(ctx, abortPatience)
	defer cancel()
	// A transaction in which nothing has begun cannot be aborted.
	err := t.end(ctx, false)
	switch {
	case err == nil, errors.Is(err, sarama.ErrInvalidTxnState):
		return fault
	case fault == nil:
		return err
	}
	return fmt.Errorf("%w (%w)", fault, err)
}

// Close aborts an open transaction, so that nobody has to wait for its end, and
// ends the connections.
func (t *transactions) Close() error {
	var err error
	if len(t.added) > 0 && !t.writer.spent {
		err = t.writer.bounded(context.Background(), func(ctx context.Context) error { return t.abort(ctx, nil) })
	}
	return errors.Join(err, t.writer.close())
}
