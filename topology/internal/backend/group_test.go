package backend

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"
	"github.com/lovoo/goka/multierr"
)

// scriptedGroup is a consumer group whose sessions go as written down.
type scriptedGroup struct {
	sarama.ConsumerGroup
	sessions []func(context.Context, sarama.ConsumerGroupHandler) error
	begun    []time.Duration // since the first
	start    time.Time
}

func (g *scriptedGroup) Consume(ctx context.Context, _ []string, handler sarama.ConsumerGroupHandler) error {
	if g.start.IsZero() {
		g.start = time.Now()
	}
	g.begun = append(g.begun, time.Since(g.start))
	session := g.sessions[0]
	g.sessions = g.sessions[1:]
	return session(ctx, handler)
}

// faultyHandler returns the faults that it is given.
type faultyHandler struct{ setup, consume, cleanup error }

func (h faultyHandler) Setup(sarama.ConsumerGroupSession) error { return h.setup }

func (h faultyHandler) ConsumeClaim(sarama.ConsumerGroupSession, sarama.ConsumerGroupClaim) error {
	return h.consume
}

func (h faultyHandler) Cleanup(sarama.ConsumerGroupSession) error { return h.cleanup }

// session is one that goes as sarama's do: what the handler returns is only
// kept by the handler.
func session(ctx context.Context, handler sarama.ConsumerGroupHandler) error {
	s := &fakeSession{ctx: ctx}
	if err := handler.Setup(s); err != nil {
		_ = handler.Cleanup(s)
		return err
	}
	claim := &fakeClaim{messages: make(chan *sarama.ConsumerMessage)}
	close(claim.messages)
	_ = handler.ConsumeClaim(s, claim)
	_ = handler.Cleanup(s)
	return nil
}

func consume(ctx context.Context, inner *scriptedGroup, handler sarama.ConsumerGroupHandler) (assigned int, err error) {
	g := &group{ConsumerGroup: inner, log: slog.New(slog.DiscardHandler), assigned: func() { assigned++ }}
	err = g.Consume(ctx, []string{"t"}, handler)
	return assigned, err
}

func TestConsumeReturnsAFaultOfTheProcessor(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	for name, tt := range map[string]struct {
		handler  faultyHandler
		assigned int
	}{
		"of the setup":   {handler: faultyHandler{setup: boom}},
		"of a claim":     {handler: faultyHandler{consume: boom, cleanup: errors.New("later")}, assigned: 1},
		"of the cleanup": {handler: faultyHandler{cleanup: boom}, assigned: 1},
	} {
		inner := &scriptedGroup{sessions: []func(context.Context, sarama.ConsumerGroupHandler) error{session}}
		assigned, err := consume(t.Context(), inner, tt.handler)
		if !errors.Is(err, boom) || assigned != tt.assigned {
			t.Errorf("%s: got %v, assigned %d times; want boom, %d", name, err, assigned, tt.assigned)
		}
	}
}

func TestConsumeJoinsAgainAndAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		away := func(context.Context, sarama.ConsumerGroupHandler) error { return errors.New("no broker") }
		closed := func(context.Context, sarama.ConsumerGroupHandler) error { return sarama.ErrClosedConsumerGroup }
		inner := &scriptedGroup{sessions: []func(context.Context, sarama.ConsumerGroupHandler) error{
			session, session, away, away, away, session, away, closed,
		}}
		assigned, err := consume(t.Context(), inner, faultyHandler{})
		if err != nil || assigned != 3 {
			t.Errorf("got %v, assigned %d times; want nil, 3", err, assigned)
		}
		const ms = time.Millisecond
		want := []time.Duration{0, 0, 0, 100 * ms, 300 * ms, 700 * ms, 700 * ms, 800 * ms}
		if diff := cmp.Diff(inner.begun, want); diff != "" {
			t.Errorf("times of joining (-got +want): %s", diff)
		}
	})
}

func TestConsumeEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		inner := &scriptedGroup{sessions: []func(context.Context, sarama.ConsumerGroupHandler) error{
			func(context.Context, sarama.ConsumerGroupHandler) error { return errors.New("no broker") },
			func(ctx context.Context, handler sarama.ConsumerGroupHandler) error {
				cancel()
				return session(ctx, handler)
			},
		}}
		assigned, err := consume(ctx, inner, faultyHandler{cleanup: errors.New("cut off")})
		if err != nil || assigned != 0 {
			t.Errorf("got %v, assigned %d times by a session that had ended; want nil, 0", err, assigned)
		}
	})
}

func TestAbandonedRecordsAreNoFault(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	tree := func(leaves ...error) error {
		partitions, _ := multierr.NewErrGroup(t.Context())
		for _, leaf := range leaves {
			partitions.Go(func() error { return fmt.Errorf("partition: %w", leaf) })
		}
		return fmt.Errorf("cleaning up: %w", partitions.Wait())
	}
	for name, tt := range map[string]struct {
		err  error
		want error
	}{
		"one":               {err: ErrAbandoned},
		"in a tree":         {err: tree(ErrAbandoned, ErrAbandoned)},
		"beside a fault":    {err: tree(ErrAbandoned, boom), want: boom},
		"behind a fault":    {err: tree(boom, ErrAbandoned), want: boom},
		"an ended context":  {err: tree(context.Canceled), want: context.Canceled},
		"trees in a tree":   {err: tree(tree(ErrAbandoned), tree(ErrAbandoned, ErrAbandoned))},
		"a fault far below": {err: tree(tree(ErrAbandoned), tree(ErrAbandoned, boom)), want: boom},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		inner := &scriptedGroup{sessions: []func(context.Context, sarama.ConsumerGroupHandler) error{
			session, func(context.Context, sarama.ConsumerGroupHandler) error {
				cancel()
				return nil
			},
		}}
		_, err := consume(ctx, inner, faultyHandler{cleanup: tt.err})
		cancel()
		if (err != nil) != (tt.want != nil) {
			t.Errorf("%s: got %v, want %v", name, err, tt.want)
		}
	}
}
