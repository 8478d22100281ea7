package backend

import (
	"sort"
	"sync"

	"github.com/IBM/sarama"
)

// delivered is how many records of a claim wait between sarama and goka.
const delivered = 256

// ordered is a session in which a partition's offset moves only over records
// that are all done. goka marks each record when its own writes are
// acknowledged, in any order, and sarama keeps the highest mark: a crash would
// lose the records before it that were still in flight.
type ordered struct {
	sarama.ConsumerGroupSession
	mu     sync.Mutex
	claims map[claimID]*progress
}

type claimID struct {
	topic     string
	partition int32
}

func newOrdered(session sarama.ConsumerGroupSession) *ordered {
	return &ordered{ConsumerGroupSession: session, claims: map[claimID]*progress{}}
}

func (o *ordered) of(topic string, partition int32) *progress {
	o.mu.Lock()
	defer o.mu.Unlock()
	id := claimID{topic, partition}
	if o.claims[id] == nil {
		o.claims[id] = &progress{}
	}
	return o.claims[id]
}

// MarkOffset notes that the record before offset is done.
func (o *ordered) MarkOffset(topic string, partition int32, offset int64, metadata string) {
	o.of(topic, partition).done(offset-1, func(next int64) {
		o.ConsumerGroupSession.MarkOffset(topic, partition, next, metadata)
	})
}

// progress keeps which records of a claim were handed over and are not yet
// marked. It is safe for concurrent use.
type progress struct {
	mu      sync.Mutex
	pending []pending // by offset
}

type pending struct {
	offset int64
	done   bool
}

func (p *progress) deliver(offset int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pending = append(p.pending, pending{offset: offset})
}

// done notes that a record is finished and calls mark with the offset to go on
// from when all before it are finished too.
func (p *progress) done(offset int64, mark func(next int64)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := sort.Search(len(p.pending), func(i int) bool { return p.pending[i].offset >= offset })
	if i == len(p.pending) || p.pending[i].offset != offset {
		return
	}
	p.pending[i].done = true
	finished := 0
	for finished < len(p.pending) && p.pending[finished].done {
		finished++
	}
	if finished == 0 {
		return
	}
	next := p.pending[finished-1].offset + 1
	p.pending = p.pending[finished:]
	mark(next)
}

// trackedClaim is a claim that notes each record as it is taken.
type trackedClaim struct {
	sarama.ConsumerGroupClaim
	messages chan *sarama.ConsumerMessage
}

// Messages returns the claim's records.
func (c *trackedClaim) Messages() <-chan *sarama.ConsumerMessage { return c.messages }

// track starts a goroutine that hands the claim's records over until the
// claim or the session ends.
func (o *ordered) track(claim sarama.ConsumerGroupClaim) *trackedClaim {
	tracked := &trackedClaim{ConsumerGroupClaim: claim, messages: make(chan *sarama.ConsumerMessage, delivered)}
	progress := o.of(claim.Topic(), claim.Partition())
	go func() {
		defer close(tracked.messages)
		for message := range claim.Messages() {
			progress.deliver(message.Offset)
			select {
			case tracked.messages <- message:
			case <-o.Context().Done():
				return
			}
		}
	}()
	return tracked
}
