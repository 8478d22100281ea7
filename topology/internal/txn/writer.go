package txn

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"slices"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokavro/gokavro/topology/kafka"
)

const (
	// maxRequestBytes is about what one request carries, and the most that a record
	// may have: below the broker's socket.request.max.bytes.
	maxRequestBytes = 16 << 20
	// replicaPatience is how long a broker waits for its replicas:
	// request.timeout.ms.
	replicaPatience = 10 * time.Second
)

// writer writes records in bulk, each exactly once into its log: acks=all and
// enable.idempotence=true. All of a batch is acknowledged before the next one.
// It is for one goroutine, and of no use after an error.
type writer struct {
	conn            *kafka.Conn
	transactionalID string // "" without transactions
	compression     sarama.CompressionCodec
	maxBytes        int // of a batch of records
	singly          []string
	hasher          hash.Hash32

	id    int64
	epoch int16

	retrying func(error) // told what is tried again

	// mayRepeat is asked before a write is repeated; nil allows it.
	mayRepeat func(context.Context) error

	topics map[string]*topic
	busy   []*lane // those with records of the batch in hand
	spent  bool    // after a fault
}

func newWriter(ctx context.Context, cfg kafka.Config, c Config) (*writer, error) {
	conn, err := kafka.DialConn(ctx, cfg)
	if err != nil {
		return nil, err
	}
	if c.Retrying == nil {
		c.Retrying = func(error) {}
	}
	if c.Hasher == nil {
		c.Hasher = kafka.NewHasher
	}
	w := &writer{
		conn: conn, transactionalID: c.TransactionalID, compression: c.Compression,
		maxBytes: conn.Config().Producer.MaxMessageBytes, hasher: c.Hasher(), topics: map[string]*topic{}, singly: c.Singly,
		retrying: c.Retrying,
	}
	within, done := w.within(ctx, patience)
	err = w.init(within, c)
	done()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("txn: %w", fenced(err)), conn.Close())
	}
	return w, nil
}

// within bounds what is done until done is called. When the bound or ctx ends,
// requests that are under way end too, and the writer is of no use any more.
func (w *writer) within(ctx context.Context, bound time.Duration) (within context.Context, done func()) {
	within, cancel := context.WithTimeout(ctx, bound)
	stop := context.AfterFunc(within, w.conn.Cut)
	return within, func() {
		stop()
		cancel()
	}
}

// bounded does a commit's work, unless an earlier one has met a fault.
func (w *writer) bounded(ctx context.Context, do func(context.Context) error) error {
	if w.spent {
		return errors.New("the committer has met a fault before: make a new one")
	}
	ctx, done := w.within(ctx, patience)
	defer done()
	err := fenced(do(ctx))
	w.spent = err != nil
	return err
}

func (w *writer) close() error { return w.conn.Close() }

// load takes the records of a batch in, for flush to write.
func (w *writer) load(ctx context.Context, records []*kafka.Record) error {
	if err := w.updateTopics(); err != nil {
		return err
	}
	now := time.Now()
	var t *topic
	for _, r := range records {
		if r.Time.IsZero() {
			r.Time = now
		}
		if t == nil || t.name != r.Topic || int(r.Partition) >= len(t.lanes) {
			var err error
			if t, err = w.topicOf(ctx, r); err != nil {
				return err
			}
		}
		partition, err := t.choose(r, w.hasher)
		if err != nil {
			return err
		}
		if err := w.check(r); err != nil {
			return err
		}
		l := t.lanes[partition]
		if len(l.records) == 0 {
			w.busy = append(w.busy, l)
		}
		l.records = append(l.records, r)
	}
	return nil
}

// check refuses what no broker would take.
func (w *writer) check(r *kafka.Record) error {
	switch {
	case batchOverhead+sizeOf(r) > maxRequestBytes:
		return &RefusedError{Record: r, Alone: true, Err: sarama.ErrMessageSizeTooLarge}
	case r.Time.UnixMilli() < 0 || r.Time.UnixMilli() > maxMillis:
		return &RefusedError{Record: r, Alone: true, Err: sarama.ErrInvalidTimestamp}
	}
	return nil
}

// flush writes what is loaded, and returns when all of it is acknowledged.
func (w *writer) flush(ctx context.Context) error {
	wait := pauses()
	for len(w.busy) > 0 {
		err := w.round()
		w.busy = slices.DeleteFunc(w.busy, (*lane).idle)
		switch {
		case err == nil:
			wait.Reset()
			continue
		case !isRetriable(err):
			return err
		}
		w.retrying(err)
		if wait.Wait(ctx) != nil {
			return gaveUp(ctx, err)
		}
		_ = w.conn.RefreshMetadata(w.stuck()...) // the next round meets what this has met
		if w.mayRepeat != nil {
			if err := w.mayRepeat(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// stuck returns the topics that are not written yet.
func (w *writer) stuck() []string {
	var names []string
	for _, l := range w.busy {
		names = append(names, l.topic)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// round sends one request to each leader.
func (w *writer) round() error {
	shares := map[*sarama.Broker][]*lane{}
	for _, l := range w.busy {
		leader, err := w.conn.Leader(l.topic, l.partition)
		if err != nil {
			return l.fault(err)
		}
		shares[leader] = append(shares[leader], l)
	}
	var mu sync.Mutex
	var faults []error
	var sent sync.WaitGroup
	for leader, lanes := range shares {
		sent.Go(func() {
			err := w.send(leader, lanes)
			mu.Lock()
			defer mu.Unlock()
			faults = append(faults, err)
		})
	}
	sent.Wait()
	return decisive(faults)
}

// send sends the next batch of each lane that has room in one request.
func (w *writer) send(leader *sarama.Broker, lanes []*lane) error {
	request := &sarama.ProduceRequest{Version: 9, RequiredAcks: sarama.WaitForAll, Timeout: int32(replicaPatience.Milliseconds())}
	if w.transactionalID != "" {
		request.TransactionalID = &w.transactionalID
	}
	size := 0
	for i, l := range lanes {
		if l.batch == nil {
			l.pack(w)
		}
		if size += l.packed; i > 0 && size > maxRequestBytes {
			lanes = lanes[:i]
			break
		}
		request.AddBatch(l.topic, l.partition, l.batch)
	}
	response, err := leader.Produce(request)
	if err != nil {
		// sarama leaves a connection open whose answer is late.
		_ = leader.Close()
		return err
	}
	var faults []error
	for _, l := range lanes {
		faults = append(faults, l.settle(response.GetBlock(l.topic, l.partition)))
	}
	return decisive(faults)
}
