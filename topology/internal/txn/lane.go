package txn

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"math"
	"slices"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokavro/gokavro/topology/kafka"
)

const (
	// recordOverhead bounds what a record takes beside key, value and headers:
	// five lengths and deltas, a time delta, the attributes.
	recordOverhead = 5*5 + 10 + 1
	headerOverhead = 2 * 5
	batchOverhead  = 61

	// aloneRecords is how long a refused record is looked for by writing each in a
	// batch of its own: in a partition, so many records.
	aloneRecords = 10_000

	// maxMillis is the latest time that sarama can write: in the year 2262.
	maxMillis = math.MaxInt64 / int64(time.Millisecond)
)

// topic is a topic that is written to.
type topic struct {
	name  string
	lanes []*lane // by partition
	turn  int     // where the next record without a key goes
}

// topicOf returns a record's topic. A partition that is not known may have been
// added since.
func (w *writer) topicOf(ctx context.Context, r *kafka.Record) (*topic, error) {
	t := w.topics[r.Topic]
	if t != nil && int(r.Partition) < len(t.lanes) {
		return t, nil
	}
	known := t != nil
	if !known {
		t = &topic{name: r.Topic}
	}
	err := again(ctx, func() error {
		if known {
			if err := w.conn.RefreshMetadata(r.Topic); err != nil {
				return err
			}
		}
		partitions, err := w.conn.Partitions(r.Topic)
		if err == nil && len(partitions) == 0 {
			err = sarama.ErrUnknownTopicOrPartition
		}
		t.grow(len(partitions), w.maxBytes)
		return err
	})
	switch {
	case isRefusal(err):
		return nil, &RefusedError{Record: r, Err: err}
	case err != nil:
		return nil, fmt.Errorf("looking for topic %s: %w", r.Topic, err)
	}
	if slices.Contains(w.singly, r.Topic) {
		t.alone()
	}
	w.topics[r.Topic] = t
	return t, nil
}

// updateTopics looks for partitions that were added. sarama asks the brokers at
// intervals. A topic that may not be seen any more is met by what is written
// there.
func (w *writer) updateTopics() error {
	for _, t := range w.topics {
		partitions, err := w.conn.Partitions(t.name)
		if err != nil && !isRetriable(err) && !isRefusal(err) {
			return fmt.Errorf("looking for topic %s: %w", t.name, err)
		}
		t.grow(len(partitions), w.maxBytes)
	}
	return nil
}

// alone lets the next records be written each in a batch of its own.
func (t *topic) alone() {
	for _, l := range t.lanes {
		l.alone = aloneRecords
	}
}

func (t *topic) grow(partitions, maxBytes int) {
	for p := len(t.lanes); p < partitions; p++ {
		t.lanes = append(t.lanes, &lane{topic: t.name, partition: int32(p), maxBytes: maxBytes})
	}
}

// choose returns the partition that a record goes to.
func (t *topic) choose(r *kafka.Record, hasher hash.Hash32) (int, error) {
	count := len(t.lanes)
	switch {
	case int(r.Partition) >= count:
		return 0, &RefusedError{Record: r, Alone: true, Err: fmt.Errorf("it has %d partitions: %w", count, sarama.ErrInvalidPartition)}
	case r.Partition >= 0:
		return int(r.Partition), nil
	case r.Key == nil:
		t.turn = (t.turn + 1) % count
		return t.turn, nil
	}
	hasher.Reset()
	_, _ = hasher.Write(r.Key) // a hash takes everything
	// As goka and sarama do with a hash that has its sign bit set.
	partition := int32(hasher.Sum32()) % int32(count)
	return int(max(partition, -partition)), nil
}

// lane is a partition that is written to, with the records that are on their
// way to it. Only one batch is under way at a time, and it is sent unchanged
// until it is acknowledged: by its sequence number the broker knows it again.
type lane struct {
	topic     string
	partition int32
	maxBytes  int   // of a batch; less after the broker has refused one
	sequence  int32 // of the first record that is not acknowledged

	records []*kafka.Record
	written int // how many of them are acknowledged
	batch   *sarama.RecordBatch
	packed  int // the batch's size in bytes, or more
	alone   int // how many records are yet to be written each in a batch of its own

	slab     []sarama.Record // the batch's records
	pointers []*sarama.Record
}

// idle reports whether all is written, and forgets it then.
func (l *lane) idle() bool {
	if l.written < len(l.records) {
		return false
	}
	clear(l.records)
	l.records, l.written = l.records[:0], 0
	return true
}

// pack makes the next batch.
func (l *lane) pack(w *writer) {
	next := l.records[l.written:]
	count := l.fitting(next)
	l.room(count)
	start := next[0].Time.UnixMilli()
	last := start
	for i, r := range next[:count] {
		at := r.Time.UnixMilli()
		last = max(last, at)
		l.slab[i] = sarama.Record{
			Key: r.Key, Value: r.Value, Headers: headers(r.Headers),
			OffsetDelta: int64(i), TimestampDelta: time.Duration(at-start) * time.Millisecond,
		}
	}
	l.batch = &sarama.RecordBatch{
		Version: 2, Codec: w.compression, CompressionLevel: sarama.CompressionLevelDefault,
		ProducerID: w.id, ProducerEpoch: w.epoch, IsTransactional: w.transactionalID != "",
		FirstSequence: l.sequence, LastOffsetDelta: int32(count - 1), Records: l.pointers[:count],
		FirstTimestamp: time.UnixMilli(start), MaxTimestamp: time.UnixMilli(last),
	}
}

// fitting returns how many of the next records a batch takes, one at least.
func (l *lane) fitting(next []*kafka.Record) (count int) {
	l.packed = batchOverhead
	for _, r := range next {
		size := sizeOf(r)
		if count > 0 && (l.packed+size > l.maxBytes || l.alone > 0) {
			break
		}
		l.packed += size
		count++
	}
	l.alone = max(l.alone-1, 0)
	return count
}

// room makes room for the records of a batch.
func (l *lane) room(count int) {
	if count <= len(l.slab) {
		return
	}
	l.slab = make([]sarama.Record, max(count, 2*len(l.slab)))
	l.pointers = make([]*sarama.Record, len(l.slab))
	for i := range l.slab {
		l.pointers[i] = &l.slab[i]
	}
}

// sizeOf bounds the bytes that a record takes in a batch.
func sizeOf(r *kafka.Record) int {
	size := recordOverhead + len(r.Key) + len(r.Value)
	for _, h := range r.Headers {
		size += headerOverhead + len(h.Key) + len(h.Value)
	}
	return size
}

func headers(from []kafka.Header) []*sarama.RecordHeader {
	if len(from) == 0 {
		return nil
	}
	to := make([]*sarama.RecordHeader, len(from))
	for i, h := range from {
		to[i] = &sarama.RecordHeader{Key: []byte(h.Key), Value: h.Value}
	}
	return to
}

// settle takes the broker's answer to the batch. An error that is retriable
// leaves the batch for the next try.
func (l *lane) settle(block *sarama.ProduceResponseBlock) error {
	if block == nil {
		return l.fault(sarama.ErrIncompleteResponse)
	}
	count := len(l.batch.Records)
	switch block.Err {
	case sarama.ErrNoError:
		l.acknowledge(count, block.Offset)
		return nil
	case sarama.ErrDuplicateSequenceNumber:
		l.acknowledge(count, -1)
		return nil
	case sarama.ErrMessageSizeTooLarge, sarama.ErrMessageSetSizeTooLarge:
		if count > 1 {
			l.split()
			return nil
		}
	}
	err := l.fault(fault(block.Err))
	if refused, ok := errors.AsType[*RefusedError](err); ok && len(block.RecordErrors) > 0 {
		if i := int(block.RecordErrors[0].BatchIndex); i >= 0 && i < count {
			refused.Record, refused.Alone = l.records[l.written+i], true
		}
	}
	return err
}

// acknowledge notes that the batch is written, from that offset on; -1 is not
// known.
func (l *lane) acknowledge(count int, offset int64) {
	for i, r := range l.records[l.written : l.written+count] {
		r.Partition, r.Offset = l.partition, -1
		if offset >= 0 {
			r.Offset = offset + int64(i)
		}
	}
	l.written += count
	l.sequence = (l.sequence + int32(count)) & math.MaxInt32
	l.unpack(count)
}

// split makes a batch that the topic does not take smaller (max.message.bytes),
// and all that follow.
func (l *lane) split() {
	l.maxBytes = l.packed / 2
	l.unpack(len(l.batch.Records))
}

func (l *lane) unpack(count int) {
	clear(l.slab[:count])
	l.batch = nil
}

// fault says where an error was met, nil when it is none.
func (l *lane) fault(err error) error {
	switch {
	case err == nil:
		return nil
	case isRefusal(err):
		record := *l.records[l.written]
		record.Partition = l.partition
		return &RefusedError{Record: &record, Alone: l.batch != nil && len(l.batch.Records) == 1, Err: err}
	}
	return fmt.Errorf("topic %s, partition %d: %w", l.topic, l.partition, err)
}
