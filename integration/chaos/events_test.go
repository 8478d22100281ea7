package chaos_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"
)

// kind is a kind of event.
type kind string

const (
	kill    kind = "kill -9"
	term    kind = "SIGTERM"
	zombie  kind = "SIGSTOP"
	lost    kind = "kill -9 and the loss of the state folder"
	join    kind = "a new instance"
	leave   kind = "an instance leaves"
	broker  kind = "restart of the broker"
	schemas kind = "outage of the registry"

	// These are for a cluster of several nodes.
	crash  kind = "kill -9 of the group's coordinator"
	goaway kind = "graceful stop of a leader"
)

// sessionTimeout is after how long the brokers give a silent member up.
const sessionTimeout = 10 * time.Second

// event happens when the storm's clock has come that far.
type event struct {
	at     int64
	kind   kind
	number int           // chooses the worker
	span   time.Duration // up to 3 s, for how long something is away
}

// schedule lays the wanted events over the middle of the input, at random. The
// same random numbers give the same schedule.
func schedule(wanted map[kind]int, records int, random *rand.Rand) []event {
	var events []event
	for _, kind := range slices.Sorted(maps.Keys(wanted)) {
		for range wanted[kind] {
			events = append(events, event{
				at:     int64(records/20 + random.IntN(max(1, records*17/20))),
				kind:   kind,
				number: random.IntN(1 << 20),
				span:   time.Duration(random.Int64N(int64(3 * time.Second))),
			})
		}
	}
	slices.SortFunc(events, func(a, b event) int { return cmp.Compare(a.at, b.at) })
	return events
}

// storm makes events happen.
type storm struct {
	cluster *cluster
	fleet   *fleet
	journal *journal
	clock   func() int64 // counts records
	group   string
	input   string

	broker, registry sync.Mutex // one outage at a time
	running          sync.WaitGroup
	mu               sync.Mutex
	faults           []error
}

// run starts each event when it is due, and returns when all of them are over.
func (s *storm) run(ctx context.Context, events []event) error {
	err := s.start(ctx, events)
	s.running.Wait()
	if err = errors.Join(append(s.faults, err)...); err != nil {
		return fmt.Errorf("making events happen: %w", err)
	}
	return nil
}

func (s *storm) start(ctx context.Context, events []event) error {
	for _, e := range events {
		if err := s.awaitDue(ctx, e); err != nil {
			return err
		}
		s.running.Go(func() {
			if err := s.happen(ctx, e); err != nil {
				s.fail(fmt.Errorf("%s: %w", e.kind, err))
			}
		})
	}
	return nil
}

// awaitDue waits for an event's time, but not for a clock that stands still.
func (s *storm) awaitDue(ctx context.Context, e event) error {
	last, moved := s.clock(), time.Now()
	for last < e.at {
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return err
		}
		if now := s.clock(); now != last {
			last, moved = now, time.Now()
		}
		if time.Since(moved) > patience {
			return fmt.Errorf("no progress beyond %d records within %s: waiting for %s", last, patience, e.kind)
		}
	}
	return nil
}

func (s *storm) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, err)
}

func (s *storm) happen(ctx context.Context, e event) error {
	switch e.kind {
	case join:
		w, err := s.fleet.add()
		if err == nil {
			s.journal.add("worker %d joins", w.number)
		}
		return err
	case broker:
		return s.restartBroker(ctx, e)
	case schemas:
		return s.stopRegistry(ctx, e)
	case crash, goaway:
		return s.takeNode(ctx, e)
	}
	w, err := s.fleet.take(ctx, e.number)
	if err != nil {
		return err
	}
	defer s.fleet.release(w)
	s.journal.add("worker %d: %s", w.number, e.kind)
	switch e.kind {
	case kill, lost:
		return s.kill(ctx, w, e)
	case zombie:
		return s.freeze(ctx, w, e)
	default:
		return s.terminate(w, e)
	}
}

func (s *storm) kill(ctx context.Context, w *member, e event) error {
	if err := w.process.Signal(syscall.SIGKILL); err != nil {
		return err
	}
	if _, err := w.process.AwaitExit(patience); err != nil {
		return err
	}
	if e.kind == lost {
		if err := os.RemoveAll(w.launch.State); err != nil {
			return err
		}
	}
	return pause(ctx, e.span)
}

// freeze stops a worker for so long that the group goes on without it.
func (s *storm) freeze(ctx context.Context, w *member, e event) error {
	if err := w.process.Signal(sigStop); err != nil {
		return err
	}
	err := pause(ctx, sessionTimeout+time.Second+e.span)
	if err := w.process.Signal(sigCont); err != nil {
		return err
	}
	s.journal.add("worker %d: SIGCONT", w.number)
	return err
}

// terminate stops a worker gracefully. It may fail at that while the broker is
// away, so its exit code is only noted.
func (s *storm) terminate(w *member, e event) error {
	if e.kind == leave {
		s.fleet.retire(w)
	}
	code, err := w.process.Stop(patience)
	s.journal.add("worker %d stopped with code %d", w.number, code)
	return err
}

func (s *storm) restartBroker(ctx context.Context, e event) error {
	s.broker.Lock()
	defer s.broker.Unlock()
	s.journal.add("the broker stops")
	err := s.cluster.node.restart(ctx, e.span)
	s.journal.add("the broker is back")
	return err
}

func (s *storm) stopRegistry(ctx context.Context, e event) error {
	s.registry.Lock()
	defer s.registry.Unlock()
	s.journal.add("the registry stops")
	if err := s.cluster.schemas.stop(); err != nil {
		return err
	}
	if err := pause(ctx, time.Second+e.span); err != nil {
		return err
	}
	s.journal.add("the registry is back")
	return s.cluster.schemas.start(ctx)
}
