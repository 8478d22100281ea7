package backend

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"

	"github.com/IBM/sarama"

	"github.com/gokavro/gokavro/topology/internal/backoff"
)

// group is the sarama.ConsumerGroup that goka consumes with. goka's own loop
// sleeps five seconds after each rebalance; this Consume loops by itself and
// returns only for the end of the context or a fault of the processor.
type group struct {
	sarama.ConsumerGroup
	log      *slog.Logger
	assigned func()
}

// Consume runs sessions until ctx ends or the handler fails. Brokers that are
// away are waited for.
func (g *group) Consume(ctx context.Context, topics []string, handler sarama.ConsumerGroupHandler) error {
	var wait backoff.Backoff
	for ctx.Err() == nil {
		watched := &watchedHandler{ConsumerGroupHandler: handler, assigned: g.assigned}
		err := g.ConsumerGroup.Consume(ctx, topics, watched)
		if fault := watched.fault(); fault != nil && ctx.Err() == nil {
			return fault
		}
		if errors.Is(err, sarama.ErrClosedConsumerGroup) {
			return nil
		}
		if err == nil {
			wait.Reset()
			continue
		}
		if ctx.Err() == nil {
			g.log.Warn("joining the consumer group again", "retry_in", wait.Next(), "err", err)
			_ = wait.Wait(ctx) // its only error is the end of the loop
		}
	}
	return nil
}

// watchedHandler keeps the errors that goka's handler returns: sarama only
// sends them to a channel, and the session would start over as if nothing had
// been.
type watchedHandler struct {
	sarama.ConsumerGroupHandler
	assigned func()
	session  *ordered // set by Setup, before any claim is consumed
	mu       sync.Mutex
	err      error
}

func (h *watchedHandler) keep(err error) error {
	if abandoned(err) {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.err == nil {
		h.err = err
	}
	return err
}

func (h *watchedHandler) fault() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.err
}

// Setup prepares the partitions of a session and restores their state. goka's
// own WaitForReady would wait for ever for a partition that a rebalance took
// away meanwhile.
func (h *watchedHandler) Setup(session sarama.ConsumerGroupSession) error {
	h.session = newOrdered(session)
	if err := h.ConsumerGroupHandler.Setup(h.session); err != nil {
		return h.keep(err)
	}
	// The end of the session cuts the restoring off without an error.
	if session.Context().Err() == nil {
		h.assigned()
	}
	return nil
}

// ConsumeClaim hands a partition's records to goka.
func (h *watchedHandler) ConsumeClaim(_ sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	return h.keep(h.ConsumerGroupHandler.ConsumeClaim(h.session, h.session.track(claim)))
}

// Cleanup drains the partitions at the end of a session.
func (h *watchedHandler) Cleanup(sarama.ConsumerGroupSession) error {
	return h.keep(h.ConsumerGroupHandler.Cleanup(h.session))
}

// ErrAbandoned is what a callback ends a record with that the end of its
// session has cut off. It leaves the record to the partition's next owner, and
// is no fault of the processor.
var ErrAbandoned = errors.New("the session has ended")

// abandoned reports whether nothing but ErrAbandoned is in the tree of errors
// that goka makes of what its partitions return.
func abandoned(err error) bool {
	switch e := err.(type) { //nolint:errorlint // the tree is walked branch by branch
	case interface{ WrappedErrors() []error }:
		branches := e.WrappedErrors()
		return len(branches) > 0 && !slices.ContainsFunc(branches, func(err error) bool { return !abandoned(err) })
	case interface{ Unwrap() error }:
		return abandoned(e.Unwrap())
	}
	return err == ErrAbandoned //nolint:errorlint // a leaf of the tree
}
