// Package standby keeps copies of the tables of partitions that other processes
// own, each up to the last stable offset of its changelog, so that the process
// can take one over by reading only what came since.
package standby

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"

	"github.com/gokavro/gokavro/topology/internal/backoff"
	"github.com/gokavro/gokavro/topology/internal/restore"
	"github.com/gokavro/gokavro/topology/internal/store"
	"github.com/gokavro/gokavro/topology/kafka"
)

const (
	// loadsAtOnce bounds the copies that are loaded at once: each takes up to about
	// 100 MB meanwhile, and tasks are to go first.
	loadsAtOnce = 2
	// warmLag is up to how many offsets behind a copy is as good as up to date.
	warmLag = 10_000
)

// Config says what copies are kept of.
type Config struct {
	// Client reads the changelogs. It has to outlive the standbys.
	Client *kafka.Client
	// Store is where the copies are: the databases that tasks open, of all
	// partitions.
	Store store.Config
	// Events hears what goes on.
	Events Events
	Log    *slog.Logger
}

// Events are told what becomes of copies, from several goroutines; they must not
// block. Those that are nil are not called.
type Events struct {
	// Started is called when the copy of a partition is open and its loading begins.
	Started func(partition int32)
	// CaughtUp is called each time that a copy has come to the end of its
	// changelogs by loading.
	CaughtUp func(Progress)
	// Restore hears of the loading.
	Restore func() restore.Events
}

// Progress is how a copy was brought up to date.
type Progress struct {
	Partition int32
	// Records and Bytes count what was read.
	Records, Bytes int64
}

// Standbys are the copies that this process keeps. They are safe for concurrent
// use.
type Standbys struct {
	cfg     Config
	life    context.Context //nolint:containedctx // ends with Close
	end     context.CancelFunc
	loading chan struct{} // has room for the copies that are loaded at once
	running sync.WaitGroup
	reader  sync.Once // follows all copies, from the first one on

	mu       sync.Mutex
	copies   map[int32]*copied
	left     map[int32]*copied // those that an Assign has ended, the last one of each partition
	reserved map[int32]*copied // those that tasks are to take
	sizes    sizes
}

// New returns standbys that keep nothing until Assign. Close them after use.
func New(cfg Config) *Standbys {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	s := &Standbys{cfg: cfg, loading: make(chan struct{}, loadsAtOnce), copies: map[int32]*copied{}, left: map[int32]*copied{}, reserved: map[int32]*copied{}}
	s.life, s.end = context.WithCancel(context.Background())
	return s
}

// Assign says of which partitions copies are kept from now on, in place of those
// before. The others' are closed and stay on the disk. It does not wait.
func (s *Standbys) Assign(partitions []int32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.life.Err() != nil {
		return
	}
	for partition, c := range s.copies {
		if !slices.Contains(partitions, partition) {
			delete(s.copies, partition)
			s.left[partition] = c
			c.end()
		}
	}
	for _, partition := range partitions {
		if s.copies[partition] == nil {
			c := newCopied(s, partition)
			s.copies[partition] = c
			s.running.Go(c.run)
			s.reader.Do(func() { s.running.Go(s.follow) })
		}
	}
}

// Reserve keeps the copy of a partition, as it is, for the task that owns the
// partition now, whatever the next Assign says. It does not wait. Take or Release
// has to follow.
func (s *Standbys) Reserve(partition int32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := cmp.Or(s.copies[partition], s.left[partition])
	if c == nil {
		return
	}
	delete(s.copies, partition)
	delete(s.left, partition)
	c.warm = c.isWarm()
	s.reserved[partition] = c
}

// Take gives away the copy that is reserved, open, and tells whether it was up to
// date. There is none if it is not loaded yet: it is closed then, and the folder
// is free.
func (s *Standbys) Take(partition int32) (db *store.DB, warm bool, err error) {
	c := s.unreserve(partition)
	if c == nil {
		return nil, false, nil
	}
	if db := c.detach(); db != nil {
		return db, c.warm, nil
	}
	return nil, false, c.close()
}

// Release closes the copy that is reserved, if it was not taken.
func (s *Standbys) Release(partition int32) error {
	if c := s.unreserve(partition); c != nil {
		return c.close()
	}
	return nil
}

func (s *Standbys) unreserve(partition int32) *copied {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer delete(s.reserved, partition)
	return s.reserved[partition]
}

// Warm returns the partitions whose copies are up to date, or nearly.
func (s *Standbys) Warm() []int32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	var warm []int32
	for partition, c := range s.copies {
		if c.isWarm() {
			warm = append(warm, partition)
		}
	}
	slices.Sort(warm)
	return warm
}

// Lags returns how many offsets of the changelogs each copy is behind what is
// committed, -1 as long as that is not known.
func (s *Standbys) Lags() map[int32]int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	lags := map[int32]int64{}
	for partition, c := range s.copies {
		lags[partition] = c.lag()
	}
	return lags
}

// Close closes all copies. A second one does nothing.
func (s *Standbys) Close() error {
	s.end()
	s.mu.Lock()
	copies := slices.Collect(maps.Values(s.copies))
	copies = slices.AppendSeq(copies, maps.Values(s.reserved))
	s.copies, s.reserved = map[int32]*copied{}, map[int32]*copied{}
	s.mu.Unlock()
	var errs []error
	for _, c := range copies {
		errs = append(errs, c.close())
	}
	s.running.Wait()
	return errors.Join(errs...)
}

// follow reads the changelogs of the copies that are loaded.
func (s *Standbys) follow() {
	var wait backoff.Backoff
	for s.life.Err() == nil {
		err := s.cfg.Client.Follow(s.life, s.tails, s.take)
		if err != nil {
			s.cfg.Log.Warn("following changelogs again", "retry_in", wait.Next(), "err", err)
			_ = wait.Wait(s.life) // its only error is the end of the loop
		}
	}
}

func (s *Standbys) tails() []kafka.Tail {
	s.mu.Lock()
	defer s.mu.Unlock()
	var tails []kafka.Tail
	for _, c := range s.copies {
		tails = append(tails, c.tails()...)
	}
	return tails
}

func (s *Standbys) take(piece kafka.Piece) {
	s.mu.Lock()
	c := s.copies[piece.Partition]
	s.mu.Unlock()
	if c != nil {
		c.take(piece)
	}
}
