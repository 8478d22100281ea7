// Package task runs one partition of a group: a goka.Processor over a virtual
// consumer group that is fed from here. What a record does is staged as a
// [Unit] and handed to the next commit whole, so that a record that fails
// leaves nothing, and a task that fails is restarted alone.
package task

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/IBM/sarama"
	"github.com/lovoo/goka"

	"github.com/gokavro/gokavro/topology/internal/backoff"
	"github.com/gokavro/gokavro/topology/internal/parking"
	"github.com/gokavro/gokavro/topology/internal/store"
	"github.com/gokavro/gokavro/topology/kafka"
)

// Table is a table that tasks read. It is safe for concurrent use.
type Table interface {
	// Get returns the value of key, nil when there is none.
	Get(key string) (any, error)
}

// Config says what a task runs.
type Config struct {
	// Graph is the goka group, without the edges of lookup and join tables.
	Graph *goka.GroupGraph
	// Partition is the partition's number.
	Partition int32
	// Topics are the topics that the group consumes, its loop included.
	Topics []string
	// Tables are the tables and their changelogs. goka's own table
	// is under its topic's name.
	Tables []store.Spec
	// Lookups holds tables that the process has whole, by their topics.
	Lookups map[string]Table
	// Check looks at a record before goka decodes it. The default accepts all.
	Check func(*sarama.ConsumerMessage) error
	// Judge says what becomes of a record that Check refuses or that ends the
	// processor. By default such a record ends the task, when restarting at it has
	// not helped. It is called by one goroutine at a time.
	Judge func(Failure) Verdict
	// Refused returns an error for a record that a hand-written group writes and a
	// broker is known to refuse. The default accepts all.
	Refused func(*kafka.Record) error
	// Tombstones lets records without a value come to the callback, as nil bytes
	// for the codec. The default leaves them out, as goka does.
	Tombstones bool
	// Alarm is the topic under which the callback is given a record without content
	// when the time of [Context.SetAlarm] has come, and at each start. It is an
	// input of Graph and no topic of the group. A hand-written group is given what
	// is due in its place. The default is none.
	Alarm string
	// HandWritten says that the callbacks know nothing of records that were read
	// before. They are given those of Retry and Lot as records of their inputs.
	HandWritten bool
	// Retry is the one of Topics that dead letters are replayed into, "" for none. It
	// matters to a hand-written group only.
	Retry string
	// Lot is where records are parked, in a table of Tables; it needs Alarm. The
	// default is none.
	Lot *parking.Lot
	// Open returns the partition's tables with all that their topics hold. It is
	// nil for a group without any.
	Open func(context.Context) (State, error)
	// Gate is what records go through after the start. The default is none.
	Gate Gate
	// Aside returns what is written in place of processing a record that the process
	// has died of. The default ends the run.
	Aside func(Killed) ([]Output, error)
	// Limits bound what is held in memory.
	Limits Limits
	// Changed is called when enough units are finished for a commit. It must not
	// block.
	Changed func()
	// Trouble is told why the task is held up, before it tries again; Cured is
	// called when it goes on. They must not block. The defaults do nothing.
	Trouble func(error)
	Cured   func()
	Log     *slog.Logger
}

// State is what a partition has of tables.
type State struct {
	// DB holds the group's own tables, nil when it has none.
	DB *store.DB
	// Joins holds co-partitioned tables by their topics.
	Joins map[string]Table
	// Stop ends the following of the joins, nil when there are none.
	Stop func()
}

// Close gives the tables up. What was not flushed is forgotten.
func (s State) Close() error {
	if s.Stop != nil {
		s.Stop()
	}
	if s.DB == nil {
		return nil
	}
	s.DB.Drop()
	return s.DB.Close()
}

// Limits bound what a task holds in memory.
type Limits struct {
	// Records is how many records of each topic may wait. Default 4096.
	Records int
	// Inbox is how many bytes of records may be here. Default 16 MiB.
	Inbox int
	// Units is how many finished units may wait for their commit. Default 20,000.
	Units int
	// Bytes is how much finished units may hold. Default 32 MiB.
	Bytes int
	// Cache is how much of the tables is kept decoded. Default 16 MiB.
	Cache int
	// MaxIdle is how long a topic without records is waited for before newer
	// records of other topics are taken. Default 100 ms.
	MaxIdle time.Duration
	// Restarts is how often a task is restarted at one record. Default 5.
	Restarts int
}

// WithDefaults returns the limits with their defaults filled in.
func (l Limits) WithDefaults() Limits {
	def := func(value *int, to int) {
		if *value == 0 {
			*value = to
		}
	}
	def(&l.Records, 4096)
	def(&l.Inbox, 16<<20)
	def(&l.Units, 20_000)
	def(&l.Bytes, 32<<20)
	def(&l.Cache, 16<<20)
	def(&l.Restarts, 5)
	if l.MaxIdle == 0 {
		l.MaxIdle = 100 * time.Millisecond
	}
	return l
}

// Task is one partition of a group. Its methods are safe for concurrent use.
type Task struct {
	cfg   Config
	inbox *inbox
	ready chan struct{} // closed when the tables are there

	// For the goroutine that hands over, and between its runs.
	asides []aside // the records to set aside
	single int     // how many records are to be handed over one at a time

	soft     context.Context //nolint:containedctx // ends when the task is to stop after the record in hand
	softStop context.CancelFunc
	hard     context.Context //nolint:containedctx // ends when it is to stop at once
	hardStop context.CancelFunc

	mu       sync.Mutex
	room     chan struct{} // closed and replaced when a commit has made room
	run      *run          // the processor at work
	pending  []*Unit       // begun and not handed over, in their order
	finished *buffer
	state    State
	rows     map[string]*store.Cache[entry] // by table, over state.DB
	swept    time.Time
	handed   int64 // units handed over since the start
	held     bool  // no record is begun
	troubled bool  // whether none was since the last restart
}

// New returns a task. It does nothing until Run.
func New(cfg Config) *Task {
	cfg.Limits = cfg.Limits.WithDefaults()
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Changed == nil {
		cfg.Changed = func() {}
	}
	if cfg.Trouble == nil {
		cfg.Trouble, cfg.Cured = func(error) {}, func() {}
	}
	t := &Task{
		cfg: cfg, inbox: newInbox(cfg.Topics, cfg.Limits),
		ready: make(chan struct{}), room: make(chan struct{}), finished: newBuffer(),
	}
	t.inbox.alarm = newAlarm(cfg.Alarm, cfg.Partition)
	t.soft, t.softStop = context.WithCancel(context.Background())
	t.hard, t.hardStop = context.WithCancel(context.Background())
	return t
}

// Partition returns the partition's number.
func (t *Task) Partition() int32 { return t.cfg.Partition }

// Ready returns a channel that is closed when the tables are there.
func (t *Task) Ready() <-chan struct{} { return t.ready }

// Put takes records of a topic in; end is the end of the partition. Records
// that were taken in before are left out. It blocks while too many wait, until
// ctx or the task ends.
func (t *Task) Put(ctx context.Context, topic string, end int64, messages []*sarama.ConsumerMessage) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(t.soft, cancel)()
	return t.inbox.put(ctx, topic, end, messages)
}

// Stop lets the record in hand finish and then ends Run.
func (t *Task) Stop() { t.softStop() }

// Kill ends Run at once. Nothing is handed over after it returns.
func (t *Task) Kill() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.softStop()
	t.hardStop()
}

// Run works until Stop or Kill, and returns nil then. An error is one that
// restarting the task did not cure.
func (t *Task) Run() error {
	defer t.hardStop()
	if !t.open() {
		return nil
	}
	close(t.ready)
	var wait backoff.Backoff
	for attempt, seen := 0, t.progress(); ; attempt++ {
		failed, err := t.process()
		if t.soft.Err() != nil {
			return nil
		}
		if judged, fatal := t.judge(failed, err); fatal != nil {
			return fatal
		} else if judged {
			attempt = -1
			continue
		}
		if now := t.progress(); now != seen {
			attempt, seen = 0, now
			wait.Reset()
		}
		var broken *FatalError
		if errors.As(err, &broken) || attempt == t.cfg.Limits.Restarts {
			return err
		}
		t.trouble(err)
		t.cfg.Log.Warn("restarting a task", "partition", t.cfg.Partition, "attempt", attempt+1, "retry_in", wait.Next(), "err", err)
		if wait.Wait(t.soft) != nil {
			return nil
		}
	}
}

// FatalError is a fault that a restart does not cure.
type FatalError struct{ Err error }

// Error returns the message of Err.
func (e *FatalError) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *FatalError) Unwrap() error { return e.Err }

// open restores the tables, and tries again until it has or the task is
// stopped; false in that case.
func (t *Task) open() bool {
	if t.cfg.Open == nil {
		return true
	}
	var wait backoff.Backoff
	for {
		state, err := t.cfg.Open(t.soft)
		if err == nil {
			t.mu.Lock()
			defer t.mu.Unlock()
			t.state, t.rows = state, t.caches(state.DB)
			t.cfg.Cured()
			return true
		}
		if t.soft.Err() != nil {
			return false
		}
		t.cfg.Trouble(err)
		t.cfg.Log.Warn("restoring the tables again", "partition", t.cfg.Partition, "retry_in", wait.Next(), "err", err)
		if wait.Wait(t.soft) != nil {
			return false
		}
	}
}

// caches returns what keeps rows in memory, for each table.
func (t *Task) caches(db *store.DB) map[string]*store.Cache[entry] {
	caches := map[string]*store.Cache[entry]{}
	if db == nil {
		return caches
	}
	each := t.cfg.Limits.Cache / max(len(t.cfg.Tables), 1)
	for _, spec := range t.cfg.Tables {
		caches[spec.Name] = store.NewCache(db.Table(spec.Name), each, func(row []byte) (entry, error) { return entry{row: row}, nil })
	}
	return caches
}

// changelog returns the topic of a table, empty for a name that is no table's.
func (t *Task) changelog(table string) string {
	for _, spec := range t.cfg.Tables {
		if spec.Name == table {
			return spec.Topic
		}
	}
	return ""
}

// Close forgets what was not committed and closes the database. Run must have
// ended.
func (t *Task) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	state := t.state
	t.state = State{}
	return state.Close()
}

// trouble tells why the task is restarted; the next record that is done is the
// cure.
func (t *Task) trouble(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.troubled = true
	t.cfg.Trouble(err)
}

func (t *Task) progress() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.handed
}
