package engine

import (
	"context"
	"errors"
	"slices"

	"github.com/IBM/sarama"

	"github.com/gokavro/gokavro/topology/internal/backoff"
)

// batch is how many records are taken from a claim at a time.
const batch = 256

// consume joins the group again and again until the work ends. Brokers that are
// away are waited for.
func (w *work) consume() {
	var wait backoff.Backoff
	log := w.engine.cfg.Log
	go func() {
		for err := range w.consumer.Errors() {
			log.Debug("consumer group", "err", err)
			w.engine.cfg.Board.Pass(aboutReading, err, forgotten)
		}
	}()
	for w.life.Err() == nil {
		ctx, cancel := context.WithCancel(w.life)
		joined := w.engine.cfg.Board.Expect(aboutGroup, slowJoin)
		err := w.consumer.Consume(ctx, w.engine.cfg.Topics, handler{w, cancel, joined})
		cancel()
		joined()
		switch {
		case errors.Is(err, sarama.ErrFencedInstancedId):
			w.fail(err)
		case errors.Is(err, sarama.ErrClosedConsumerGroup):
			return
		case err == nil:
			wait.Reset()
		case w.life.Err() == nil:
			w.engine.cfg.Board.Set(aboutGroup, err)
			log.Warn("joining the consumer group again", "retry_in", wait.Next(), "err", err)
			_ = wait.Wait(w.life) // its only error is the end of the loop
		}
	}
}

// handler is the sarama.ConsumerGroupHandler of a work.
type handler struct {
	work   *work
	rejoin context.CancelFunc // ends the session, so that another one begins
	joined func()             // tells that the group is joined
}

// Setup gives each partition of the session a task. Tasks of the last session
// go on with their partitions, unless sessions in between may have given these
// to others.
func (h handler) Setup(session sarama.ConsumerGroupSession) error {
	w := h.work
	h.joined()
	wanted := partitions(session.Claims())
	w.mu.Lock()
	var lost []*member
	follows := w.last.precedes(session)
	for partition, m := range w.tasks {
		if !follows || m.leaving || !slices.Contains(wanted, partition) {
			lost = append(lost, m)
			delete(w.tasks, partition)
			w.guard.Forget(partition)
		}
	}
	w.mu.Unlock()
	// Nobody waits for a callback that hangs: its task is killed at once.
	for _, m := range lost {
		m.task.Kill()
	}
	w.dropping.Go(func() { w.drop(lost) })
	w.mu.Lock()
	defer w.mu.Unlock()
	w.guard.Return(nil)
	w.last = lastSession{session.MemberID(), session.GenerationID()}
	w.session, w.rejoin = session, h.rejoin
	w.positions = map[string]map[int32]int64{}
	w.joined(session.GenerationID())
	w.adopt(wanted)
	if w.stale(session.Claims()) {
		w.rejoined = true
		h.rejoin()
	}
	return nil
}

// announce tells when all tasks of a session have their tables.
func (w *work) announce(ctx context.Context, members []*member) {
	for _, m := range members {
		select {
		case <-m.task.Ready():
		case <-m.ended:
			return
		case <-ctx.Done():
			return
		}
	}
	w.complete.Store(true)
	w.engine.announced.Store(true)
	w.engine.cfg.Assigned()
}

func partitions(claims map[string][]int32) []int32 {
	var all []int32
	for _, of := range claims {
		all = append(all, of...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// ConsumeClaim hands a claim's records to its task. It returns when the claim is
// closed, and no sooner: that would end the session for all partitions.
func (h handler) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	w := h.work
	w.mu.Lock()
	m := w.tasks[claim.Partition()]
	if m != nil && !m.leaving {
		w.advance(claim.Topic(), claim.Partition(), claim.InitialOffset())
	}
	w.mu.Unlock()
	if m != nil && m.take(session.Context(), w.engine.cfg, claim) != nil {
		m.wait(session.Context())
	}
	// What still comes is the next owner's.
	for range claim.Messages() {
	}
	if m != nil && w.isLeaving(m) {
		m.wait(session.Context())
	}
	return nil
}

// take hands records over until the claim is closed or the task ends.
func (m *member) take(ctx context.Context, bounds Config, claim sarama.ConsumerGroupClaim) error {
	for message := range claim.Messages() {
		messages, end := bounds.within(more(claim.Messages(), message), claim.HighWaterMarkOffset())
		if err := m.task.Put(ctx, claim.Topic(), end, messages); err != nil {
			return err
		}
	}
	return nil
}

func (w *work) isLeaving(m *member) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return m.leaving
}

// wait waits until a partition is given up or its session ends.
func (m *member) wait(session context.Context) {
	select {
	case <-m.released:
	case <-session.Done():
	}
}

// more takes what there is without waiting.
func more(from <-chan *sarama.ConsumerMessage, first *sarama.ConsumerMessage) []*sarama.ConsumerMessage {
	messages := []*sarama.ConsumerMessage{first}
	for len(messages) < batch {
		select {
		case message, ok := <-from:
			if !ok {
				return messages
			}
			messages = append(messages, message)
		default:
			return messages
		}
	}
	return messages
}

// Cleanup commits what is finished while the session is still good for it.
func (h handler) Cleanup(sarama.ConsumerGroupSession) error {
	w := h.work
	w.committing.Lock()
	defer w.committing.Unlock()
	w.guard.Leave(nil)
	w.commitNow()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.session = nil
	return nil
}
