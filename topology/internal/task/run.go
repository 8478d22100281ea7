package task

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/IBM/sarama"
	"github.com/lovoo/goka"
	"github.com/lovoo/goka/storage"
)

// ahead is how many records wait between the inbox and goka's callback.
const ahead = 512

// run is one life of a task's goka.Processor.
type run struct {
	task      *Task
	processor *goka.Processor
	stop      context.CancelFunc

	mu     sync.Mutex
	cause  error // what ended it, as far as it came through here
	failed *Unit // that of the record which is known to be at fault
	masks  int
	masked map[int64]*handed // what goka knows by another offset than the inbox

	queues []string    // what is due, for the goroutine that hands over
	single atomic.Bool // whether records are handed over one at a time
}

// process runs a processor until it fails or the task is stopped. It returns the
// record that was in hand then, nil when there was none.
func (t *Task) process() (failed *handed, err error) {
	ctx, stop := context.WithCancel(t.hard)
	defer stop()
	r := &run{task: t, stop: stop, masked: map[int64]*handed{}}
	processor, err := goka.NewProcessor(nil, t.cfg.Graph, r.options()...)
	if err != nil {
		return nil, fmt.Errorf("building the processor of partition %d: %w", t.cfg.Partition, err)
	}
	r.processor = processor
	t.start(r)
	defer context.AfterFunc(t.soft, r.drain)()
	err = r.fault(processor.Run(ctx))
	return r.handedFor(t.end(r.failed)), err
}

func (t *Task) start(r *run) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.run = r
}

// end drops what the processor began and did not finish; its records are
// handed over again. It returns the one that the processor was at.
func (t *Task) end(blamed *Unit) *sarama.ConsumerMessage {
	t.mu.Lock()
	defer t.mu.Unlock()
	failed := t.inHand(blamed)
	t.run = nil
	t.pending = nil
	t.inbox.rewind()
	return failed
}

// drain stops the processor once the record in hand is done. The next one is
// not begun any more, as the task's soft context has ended.
func (r *run) drain() {
	for {
		r.task.mu.Lock()
		idle := len(r.task.pending) == 0
		room := r.task.room
		r.task.mu.Unlock()
		if idle {
			r.stop()
			return
		}
		select {
		case <-room:
		case <-r.task.hard.Done():
			return
		}
	}
}

// note keeps what ends the run: goka turns it into text.
func (r *run) note(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cause == nil {
		r.cause = err
	}
}

// blame is note for a fault of a record.
func (r *run) blame(unit *Unit, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cause == nil {
		r.cause, r.failed = err, unit
	}
}

// fault returns what ended the run.
func (r *run) fault(err error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.cause != nil:
		return fmt.Errorf("partition %d: %w", r.task.cfg.Partition, r.cause)
	case err == nil:
		return errors.New("the processor ended by itself")
	}
	return fmt.Errorf("partition %d: %w", r.task.cfg.Partition, summarize(err))
}

// options puts a processor on the task.
func (r *run) options() []goka.ProcessorOption {
	nils := goka.NilIgnore
	if r.task.cfg.Tombstones {
		nils = goka.NilDecode
	}
	return []goka.ProcessorOption{
		goka.WithLogger(debugLog{r.task.cfg.Log}),
		goka.WithNilHandling(nils),
		goka.WithPartitionChannelSize(ahead),
		goka.WithContextWrapper(r.wrap),
		goka.WithStorageBuilder(func(topic string, _ int32) (storage.Storage, error) {
			return &rows{run: r, table: topic}, nil
		}),
		goka.WithTopicManagerBuilder(func([]string) (goka.TopicManager, error) { return topics{}, nil }),
		goka.WithProducerBuilder(func([]string, string, func() hash.Hash32) (goka.Producer, error) {
			return &producer{run: r}, nil
		}),
		goka.WithConsumerSaramaBuilder(func([]string, string) (sarama.Consumer, error) { return consumer{}, nil }),
		goka.WithConsumerGroupBuilder(func([]string, string, string) (sarama.ConsumerGroup, error) {
			return &group{run: r}, nil
		}),
	}
}

// wrap begins the unit of a record. goka calls it right before the callback, in
// the same goroutine.
func (r *run) wrap(inner goka.Context) goka.Context {
	h := r.unmask(inner.Offset())
	unit, err := r.task.begin(r, inner, h)
	c := &Context{gokaContext: inner, run: r, unit: unit, handed: h}
	if err == nil && h != nil {
		err = r.settle(c, h, Verdict{})
	}
	if err != nil {
		r.note(err)
		panic(err)
	}
	return c
}

// debugLog hands goka's own log lines to slog.
type debugLog struct {
	log interface{ Debug(string, ...any) }
}

// Print logs a line of goka's.
func (l debugLog) Print(args ...any) { l.log.Debug("goka", "line", fmt.Sprint(args...)) }

// Println logs a line of goka's.
func (l debugLog) Println(args ...any) {
	l.log.Debug("goka", "line", strings.TrimSuffix(fmt.Sprintln(args...), "\n"))
}

// Printf logs a line of goka's.
func (l debugLog) Printf(format string, args ...any) {
	l.log.Debug("goka", "line", fmt.Sprintf(format, args...))
}

// Visit runs a visitor of the group on every row, and returns how many.
func (t *Task) Visit(ctx context.Context, name string, meta any) (int64, error) {
	t.mu.Lock()
	r := t.run
	t.mu.Unlock()
	if r == nil {
		return 0, errors.New("the task is not running")
	}
	visited, err := r.processor.VisitAllWithStats(ctx, name, meta)
	t.mu.Lock()
	defer t.mu.Unlock()
	// All callbacks have returned when goka says that all rows were visited.
	if err == nil && t.run == r {
		t.visited()
	}
	return visited, err
}
