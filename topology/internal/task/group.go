package task

import (
	"context"
	"errors"
	"sync"

	"github.com/IBM/sarama"
)

// group is the sarama.ConsumerGroup of one run: one session in which the task
// has one claim for each topic. All records come through the first one, in the
// order in which they are to be processed; goka goes by the record's topic.
type group struct{ run *run }

// Consume runs the session until ctx ends or the processor fails.
func (g *group) Consume(ctx context.Context, names []string, handler sarama.ConsumerGroupHandler) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s := &session{ctx: ctx, run: g.run, topics: names}
	if err := handler.Setup(s); err != nil {
		return err
	}
	messages := make(chan *sarama.ConsumerMessage, ahead)
	none := make(chan *sarama.ConsumerMessage)
	errs := make([]error, len(names)+1)
	var claims sync.WaitGroup
	for i, name := range names {
		from := none
		if i == 0 {
			from = messages
		}
		claims.Go(func() {
			errs[i] = handler.ConsumeClaim(s, &claim{topic: name, partition: g.run.task.cfg.Partition, messages: from})
		})
	}
	feeding, stop := context.WithCancel(ctx)
	fed := make(chan struct{})
	go func() {
		defer close(fed)
		g.run.feed(feeding, messages)
	}()
	claims.Wait()
	stop()
	<-fed
	errs[len(names)] = handler.Cleanup(s)
	return errors.Join(errs...)
}

// feed hands records over until ctx ends.
func (r *run) feed(ctx context.Context, to chan<- *sarama.ConsumerMessage) {
	if !r.passGate(ctx, to) {
		return
	}
	for {
		batch, err := r.task.inbox.next(ctx, ahead)
		if err != nil {
			return
		}
		if !r.hand(ctx, to, batch) {
			return
		}
	}
}

// hand hands records over, and reports whether it has handed all.
func (r *run) hand(ctx context.Context, to chan<- *sarama.ConsumerMessage, batch []*sarama.ConsumerMessage) bool {
	for _, message := range batch {
		h, next := r.show(ctx, message)
		if next == handOver {
			next = r.admit(ctx, h)
		}
		switch next {
		case end:
			return false
		case done:
			continue
		}
		select {
		case to <- r.disguised(h):
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// Errors never has any: Consume returns them.
func (g *group) Errors() <-chan error { return nil }

// Close does nothing.
func (g *group) Close() error { return nil }

// Pause is not used by goka.
func (g *group) Pause(map[string][]int32) {}

// Resume is not used by goka.
func (g *group) Resume(map[string][]int32) {}

// PauseAll is not used by goka.
func (g *group) PauseAll() {}

// ResumeAll is not used by goka.
func (g *group) ResumeAll() {}

// session is what goka knows of a session.
type session struct {
	sarama.ConsumerGroupSession
	ctx    context.Context //nolint:containedctx // sarama's interface asks for it
	run    *run
	topics []string
}

// Claims returns the task's partition of each topic.
func (s *session) Claims() map[string][]int32 {
	claims := map[string][]int32{}
	for _, name := range s.topics {
		claims[name] = []int32{s.run.task.cfg.Partition}
	}
	return claims
}

// Context ends with the run.
func (s *session) Context() context.Context { return s.ctx }

// GenerationID is for goka's log only.
func (s *session) GenerationID() int32 { return 0 }

// MarkOffset notes that the record before offset is done.
func (s *session) MarkOffset(topic string, _ int32, offset int64, _ string) {
	offset--
	if h := s.run.unmask(offset); h != nil {
		defer s.run.forget(offset)
		topic, offset = h.message.Topic, h.message.Offset
	}
	s.run.task.finish(s.run, topic, offset)
}

// claim is what goka knows of a claim.
type claim struct {
	topic     string
	partition int32
	messages  chan *sarama.ConsumerMessage
}

// Topic returns the topic.
func (c *claim) Topic() string { return c.topic }

// Partition returns the partition.
func (c *claim) Partition() int32 { return c.partition }

// InitialOffset is for goka's log only.
func (c *claim) InitialOffset() int64 { return 0 }

// HighWaterMarkOffset is not used by goka.
func (c *claim) HighWaterMarkOffset() int64 { return 0 }

// Messages returns the records.
func (c *claim) Messages() <-chan *sarama.ConsumerMessage { return c.messages }
