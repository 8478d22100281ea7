package consume

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gokavro/gokavro/topology/kafka"
)

// flushEvery is how long a line may wait before it is seen.
const flushEvery = 100 * time.Millisecond

// sink is where records go. Its methods are called one at a time.
type sink interface {
	// start is called once the topics are known to be there.
	start(ctx context.Context, topics []string) error
	// take handles one record. An error ends the run.
	take(ctx context.Context, r kafka.Record) error
	// flush lets be seen what was taken so far.
	flush() error
	// finish ends the output and reports records that did not decode. It is
	// not called after an error of take.
	finish(taken int64) error
}

// consuming is one run of the command.
type consuming struct {
	options
	query  query
	client *kafka.Client

	mu     sync.Mutex // guards what follows; the topics are read at once
	sink   sink
	taken  int64
	failed error // a flush that went wrong
}

// run reads until the end, the limit or ctx's end. Only a run that has an end
// of its own counts the latter as an error.
func (c *consuming) run(ctx context.Context) error {
	if err := c.checkTopics(); err != nil {
		return err
	}
	if err := c.sink.start(ctx, c.topics); err != nil {
		return err
	}
	if err := c.read(ctx); err != nil && ctx.Err() == nil {
		return err
	}
	err := c.sink.finish(c.taken)
	if ctx.Err() != nil && (c.untilEnd || c.count > 0) && !c.full() {
		return errors.Join(fmt.Errorf("interrupted after %d records", c.taken), err)
	}
	return err
}

// checkTopics makes sure that everything asked for is there before the first
// record is handed out.
func (c *consuming) checkTopics() error {
	for _, topic := range c.topics {
		count, err := c.client.Partitions(topic)
		if err != nil {
			return err
		}
		if c.partition >= count {
			return fmt.Errorf("--partition %d: topic %s has %d partitions, numbered from 0", c.partition, topic, count)
		}
		if !strings.HasPrefix(c.from, "offset:") {
			continue
		}
		for partition := range count {
			if c.partition >= 0 && partition != c.partition {
				continue
			}
			if _, err := c.client.Offset(topic, partition, c.query.from); err != nil {
				return fmt.Errorf("--from %s: %w%s", c.from, err, c.narrower(count))
			}
		}
	}
	return nil
}

// narrower says how to read a topic of which not all partitions have an offset.
func (c *consuming) narrower(partitions int32) string {
	if c.partition >= 0 || partitions == 1 {
		return ""
	}
	return "; --partition P reads one that has it"
}

// read reads all topics at once into the sink.
func (c *consuming) read(ctx context.Context) error {
	bounded, stop := context.WithCancel(ctx)
	defer stop()
	group, reading := errgroup.WithContext(bounded)
	for _, topic := range c.topics {
		group.Go(func() error {
			return c.client.Read(reading, kafka.Query{
				Topic: topic, Partitions: c.query.partitions, From: c.query.from,
				UntilEnd: c.untilEnd, Isolation: c.query.isolation,
			}, func(r kafka.Record) error { return c.take(ctx, stop, r) })
		})
	}
	flushed := make(chan struct{})
	go func() {
		defer close(flushed)
		c.flushUntil(bounded, stop)
	}()
	err := group.Wait()
	stop()
	<-flushed
	switch {
	case c.failed != nil:
		return c.failed
	case c.full() && errors.Is(err, context.Canceled):
		return nil // the limit has stopped the other topics
	}
	return err
}

// take passes a record on, unless it is not wanted. stop ends the reading of
// all topics.
func (c *consuming) take(ctx context.Context, stop func(), r kafka.Record) error {
	if c.keyed && (r.Key == nil || !bytes.Equal(r.Key, []byte(c.key))) {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.full() {
		return kafka.ErrStop
	}
	if err := c.sink.take(ctx, r); err != nil {
		return err
	}
	c.taken++
	if c.full() {
		stop()
		return kafka.ErrStop
	}
	return nil
}

// full says whether the limit is reached.
func (c *consuming) full() bool { return c.count > 0 && c.taken >= c.count }

// flushUntil flushes the sink now and then until ctx ends.
func (c *consuming) flushUntil(ctx context.Context, stop func()) {
	ticker := time.NewTicker(flushEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		c.mu.Lock()
		err := c.sink.flush()
		if err != nil {
			c.failed = err
			stop()
		}
		c.mu.Unlock()
	}
}
