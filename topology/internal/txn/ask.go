package txn

import (
	"context"
	"fmt"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokavro/gokavro/topology/internal/backoff"
)

// again does something until that succeeds, meets what trying again does not
// cure, or ctx ends.
func again(ctx context.Context, do func() error) error {
	wait := pauses()
	for {
		err := do()
		if err == nil || !isRetriable(err) {
			return err
		}
		if wait.Wait(ctx) != nil {
			return gaveUp(ctx, err)
		}
	}
}

// pauses are short: what is waited for most is the end of the transaction
// before.
func pauses() backoff.Backoff {
	return backoff.Backoff{First: 5 * time.Millisecond, Last: 500 * time.Millisecond}
}

func gaveUp(ctx context.Context, err error) error {
	return fmt.Errorf("giving up (%w): %w", context.Cause(ctx), err)
}

// place is where requests go that only one broker answers.
type place struct {
	find     func() (*sarama.Broker, error)
	refresh  func() error
	retrying func(error)
}

// coordinator is that of the transactional id; without one every broker is.
func (w *writer) coordinator() place {
	if w.transactionalID == "" {
		return place{find: w.anyBroker, refresh: func() error { return w.conn.RefreshMetadata() }, retrying: w.retrying}
	}
	return place{
		find:    func() (*sarama.Broker, error) { return w.conn.TransactionCoordinator(w.transactionalID) },
		refresh: func() error { return w.conn.RefreshTransactionCoordinator(w.transactionalID) }, retrying: w.retrying,
	}
}

func (w *writer) anyBroker() (*sarama.Broker, error) {
	if b := w.conn.LeastLoadedBroker(); b != nil {
		return b, nil
	}
	return nil, sarama.ErrOutOfBrokers
}

// group is the coordinator of a consumer group.
func (w *writer) group(id string) place {
	return place{
		find:    func() (*sarama.Broker, error) { return w.conn.Coordinator(id) },
		refresh: func() error { return w.conn.RefreshCoordinator(id) }, retrying: w.retrying,
	}
}

// ask sends a request again and again as [again] does, to wherever the place
// has moved. An error says what it is for.
func (p place) ask(ctx context.Context, what string, request func(*sarama.Broker) error) error {
	err := again(ctx, func() error {
		broker, err := p.find()
		if err != nil {
			p.retrying(err)
			return err
		}
		if err = request(broker); err == nil {
			return nil
		}
		p.retrying(err)
		if isTransport(err) {
			// sarama leaves a connection open whose answer is late.
			_ = broker.Close()
		}
		if isTransport(err) || hasMoved(err) {
			_ = p.refresh() // the next try meets what this has met
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}
