// Package standby keeps copies of the tables of partitions that other processes
// own, each up to the last stable offset of its changelog, so that the process
// can take one over by reading only what came since.
package standby

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
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

	mu       sync.Mutex
	copies   map[int32]*copied
	left     map[int32]*copied // those that an Assign has ended, the last one of each partition
	promoted map[int32]bool    // those that were released warm, until Promoted
	sizes    sizes
}

// New returns standbys that keep nothing until Assign. Close them after use.
func New(cfg Config) *Standbys {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	s := &Standbys{cfg: cfg, loading: make(chan struct{}, loadsAtOnce), copies: map[int32]*copied{}, left: map[int32]*copied{}, promoted: map[int32]bool{}}
	s.life, s.end = context.WithCancel(context.Background())
	s.running.Go(s.follow)
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
			c.stop()
		}
	}
	for _, partition := range partitions {
		if s.copies[partition] == nil {
			c := newCopied(s, partition)
			s.copies[partition] = c
			s.running.Go(c.run)
		}
	}
}

// Release closes the copy of a partition, so that a task may open its folder. It
// does nothing where there is none.
func (s *Standbys) Release(partition int32) error {
	c, warm := s.giveUp(partition)
	if c == nil {
		return nil
	}
	if warm {
		s.mu.Lock()
		s.promoted[partition] = true
		s.mu.Unlock()
	}
	return c.close()
}

// giveUp takes a copy out, also one that an Assign has ended and that may not be
// closed yet.
func (s *Standbys) giveUp(partition int32) (c *copied, warm bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c = cmp.Or(s.copies[partition], s.left[partition])
	delete(s.copies, partition)
	delete(s.left, partition)
	if c == nil {
		return nil, false
	}
	return c, c.stop()
}

// Promoted tells whether a partition's copy was up to date when it was released.
// It does so once.
func (s *Standbys) Promoted(partition int32) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer delete(s.promoted, partition)
	return s.promoted[partition]
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
	copies := s.copies
	s.copies = map[int32]*copied{}
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
