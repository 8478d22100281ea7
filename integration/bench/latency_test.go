package bench_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gokavro/gokavro/examples/flights"
	"github.com/gokavro/gokavro/topology/kafka"
)

const (
	latencyRate    = 5_000 // records a second
	latencyRecords = 100_000
	// warmUp is the part of the records that is not counted.
	warmUp = latencyRecords / 10
)

// measureLatency runs one contestant on topics of its own, at a rate that it can
// follow, and returns how old the outputs were when they were read.
func measureLatency(t *testing.T, c contestant, brokers string, in *input) (p50, p99 time.Duration) {
	t.Helper()
	s := prepare(t, c, brokers, &input{flights: in.flights, airports: in.airports})
	p := c.start(t, s)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	for !p.IsRunning() {
		if err := wait(ctx, 50*time.Millisecond); err != nil {
			t.Fatalf("%s: waiting for it to run: %v: %s", c.name, err, p.LastLines(5))
		}
	}
	watch := &stopwatch{}
	done := make(chan error, 1)
	go func() { done <- watch.read(ctx, s) }()
	if err := watch.write(ctx, s.flights(), in.flights); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatalf("%s: %v: %s", c.name, err, p.LastLines(5))
	}
	if code, err := p.Stop(time.Minute); code != 0 || err != nil {
		t.Errorf("%s: stopping it: code %d, %v: %s", c.name, code, err, p.LastLines(5))
	}
	return watch.percentile(50), watch.percentile(99)
}

// stopwatch takes the time of each record: the outputs of a partition come in
// the order of its inputs, one for each.
type stopwatch struct {
	mu   sync.Mutex
	sent [partitions][]time.Time
	took []time.Duration
}

// write writes all records at the rate.
func (w *stopwatch) write(ctx context.Context, to *filler[flights.Flight], values []flights.Flight) error {
	began := time.Now()
	for next := 0; next < latencyRecords; {
		if err := wait(ctx, 2*time.Millisecond); err != nil {
			return err
		}
		due := min(latencyRecords, int(time.Since(began).Seconds()*latencyRate))
		for ; next < due; next++ {
			if err := w.writeOne(ctx, to, &values[next%len(values)]); err != nil {
				return err
			}
		}
	}
	return to.flush(ctx)
}

func (w *stopwatch) writeOne(ctx context.Context, to *filler[flights.Flight], value *flights.Flight) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	partition, err := to.produce(ctx, value)
	if err == nil {
		w.sent[partition] = append(w.sent[partition], now)
	}
	return err
}

// read reads the outputs until there is one for each record.
func (w *stopwatch) read(ctx context.Context, s *site) error {
	var seen [partitions]int
	err := s.client.Read(ctx, kafka.Query{Topic: s.prefix + flights.EnrichedTopic}, func(r kafka.Record) error {
		w.mu.Lock()
		defer w.mu.Unlock()
		if seen[r.Partition] >= len(w.sent[r.Partition]) {
			return fmt.Errorf("partition %d has more outputs than inputs", r.Partition)
		}
		w.took = append(w.took, time.Since(w.sent[r.Partition][seen[r.Partition]]))
		seen[r.Partition]++
		if len(w.took) == latencyRecords {
			return kafka.ErrStop
		}
		return nil
	})
	if err == nil && len(w.took) < latencyRecords {
		err = errors.Join(fmt.Errorf("got %d of %d outputs", len(w.took), latencyRecords), ctx.Err())
	}
	return err
}

// percentile is taken of the records after the warm-up.
func (w *stopwatch) percentile(n int) time.Duration {
	took := slices.Sorted(slices.Values(w.took[warmUp:]))
	return took[(len(took)-1)*n/100]
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
