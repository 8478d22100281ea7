package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/IBM/sarama"
)

const (
	// tailsAtOnce is how many partitions one request of [Client.Follow] asks for,
	// each up to pieceBytes. A batch that is larger comes whole.
	tailsAtOnce = 32
	pieceBytes  = 1 << 20
	// A broker answers when it has followBytes, or after followWait.
	followBytes = 64 << 10
	followWait  = 250 * time.Millisecond
	// spreadPause is how often it is seen to that each leader is asked.
	spreadPause = 100 * time.Millisecond
	// followRetry lies between two tries of a broker.
	followRetry = 500 * time.Millisecond
)

// Tail is a partition that is followed.
type Tail struct {
	// Topic and Partition name the partition.
	Topic     string
	Partition int32
	// From is the offset that is read next.
	From int64
}

// Piece is what a broker has sent for a [Tail].
type Piece struct {
	Tail
	Bulk
	// Stable is the partition's last stable offset: nothing behind it is committed.
	Stable int64
	// Err is why the tail cannot be followed any more. [ErrOutOfRange] is in its
	// chain if the log does not hold Tail.From. There is nothing else in the piece
	// then.
	Err error
}

// Follow reads any number of partitions as they grow, up to their last stable
// offsets: what is not committed, or is aborted, is not seen. Each broker is
// asked for all of its partitions at once, on a connection of this reading, and
// answers when there is something to be worth it, at the latest after 250 ms.
//
// Before each request tails tells what to read; it must not block. take gets what
// comes, also a piece without records that moves the offset. It is called from
// several goroutines, and for one partition from two when its leader moves: a
// piece whose From is not what was asked for last has to be left out. Up to 32 MB
// are held for each broker.
//
// It goes on until ctx ends and then returns nil. Brokers that are away are tried
// again.
func (c *Client) Follow(ctx context.Context, tails func() []Tail, take func(Piece)) error {
	own, err := c.separate(ctx, sarama.ReadCommitted)
	if err != nil {
		return fmt.Errorf("kafka: following partitions: %w", err)
	}
	f := &following{client: own, tails: tails, take: take, log: c.cfg.Logger, busy: map[int32]bool{}}
	for {
		f.spread(ctx)
		if !pause(ctx, spreadPause) {
			break
		}
	}
	f.readers.Wait()
	_ = own.Close()
	return nil
}

// following is one reading of [Client.Follow].
type following struct {
	client *Client
	tails  func() []Tail
	take   func(Piece)
	log    *slog.Logger

	readers sync.WaitGroup // one a broker
	mu      sync.Mutex
	busy    map[int32]bool // brokers that have a reader
}

// spread sees to it that each leader has a reader.
func (f *following) spread(ctx context.Context) {
	for _, tail := range f.tails() {
		leader, err := f.client.sarama.Leader(tail.Topic, tail.Partition)
		if err != nil || !f.begin(leader.ID()) {
			continue
		}
		f.readers.Go(func() {
			defer f.end(leader.ID())
			f.read(ctx, leader.ID())
		})
	}
}

func (f *following) begin(broker int32) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.busy[broker] {
		return false
	}
	f.busy[broker] = true
	return true
}

func (f *following) end(broker int32) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.busy, broker)
}

// read asks a broker as long as it leads something.
func (f *following) read(ctx context.Context, broker int32) {
	away := false
	for turn := 0; ctx.Err() == nil; turn++ {
		leader, tails := f.ledBy(broker)
		if len(tails) == 0 {
			return
		}
		turns := (len(tails) + tailsAtOnce - 1) / tailsAtOnce
		first := turn % turns * tailsAtOnce
		err := f.fetch(leader, tails[first:min(first+tailsAtOnce, len(tails))], followWait/time.Duration(turns))
		if err != nil && ctx.Err() == nil {
			if !away {
				f.log.Warn("following partitions is interrupted and goes on by itself", "broker", leader.Addr(), "partitions", len(tails), "err", err)
			}
			f.refresh(leader, tails, err)
			pause(ctx, followRetry)
		}
		away = err != nil
	}
}

// ledBy returns a broker and the tails that it leads, as far as is known. It may
// have moved to another address since the last time.
func (f *following) ledBy(broker int32) (leader *sarama.Broker, led []Tail) {
	for _, tail := range f.tails() {
		found, err := f.client.sarama.Leader(tail.Topic, tail.Partition)
		if err == nil && found.ID() == broker {
			leader, led = found, append(led, tail)
		}
	}
	return leader, led
}

// refresh asks anew who leads, after an error.
func (f *following) refresh(leader *sarama.Broker, tails []Tail, err error) {
	if isNetwork(err) {
		_ = leader.Close()
	}
	topics := map[string]bool{}
	for _, tail := range tails {
		topics[tail.Topic] = true
	}
	for topic := range topics {
		if err := f.client.sarama.RefreshMetadata(topic); isNetwork(err) {
			return
		}
	}
}

// fetch makes one request and hands over what it brings. What passes by itself
// is the error.
func (f *following) fetch(leader *sarama.Broker, tails []Tail, wait time.Duration) error {
	const noSession, anyEpoch = -1, -1
	request := &sarama.FetchRequest{
		Version: 12, MinBytes: followBytes, MaxWaitTime: int32(wait.Milliseconds()), Isolation: sarama.ReadCommitted,
		MaxBytes: int32(answerFactor * pieceBytes * len(tails)), SessionEpoch: noSession,
	}
	for _, tail := range tails {
		request.AddBlock(tail.Topic, tail.Partition, tail.From, pieceBytes, anyEpoch)
	}
	response, err := leader.Fetch(request)
	if err != nil {
		return err
	}
	var passing error
	for _, tail := range tails {
		block := response.GetBlock(tail.Topic, tail.Partition)
		switch {
		case block == nil:
			passing = sarama.ErrIncompleteResponse
		case block.Err == sarama.ErrNoError:
			f.take(pieceOf(tail, block))
		case isTransient(block.Err):
			passing = fmt.Errorf("%s: %w", place{tail.Topic, tail.Partition}, block.Err)
		default:
			f.take(Piece{Tail: tail, Err: cannotFollow(tail, block.Err)})
		}
	}
	return passing
}

func pieceOf(tail Tail, block *sarama.FetchResponseBlock) Piece {
	r := Range{From: tail.From, To: block.LastStableOffset}
	return Piece{
		Tail: tail, Stable: block.LastStableOffset,
		Bulk: toBulk(place{tail.Topic, tail.Partition}, wholeBatches(block), block.AbortedTransactions, r),
	}
}

func cannotFollow(tail Tail, err error) error {
	if errors.Is(err, sarama.ErrOffsetOutOfRange) {
		err = ErrOutOfRange
	}
	return fmt.Errorf("kafka: following %s from offset %d: %w", place{tail.Topic, tail.Partition}, tail.From, err)
}
