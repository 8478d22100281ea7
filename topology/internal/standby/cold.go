package standby

import (
	"context"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gokavro/gokavro/topology/internal/store"
	"github.com/gokavro/gokavro/topology/kafka"
)

const (
	// looksAtOnce bounds the requests of a Look.
	looksAtOnce = 16
	// lookHolds is how long its answer is taken for true.
	lookHolds = time.Minute
)

// sizes is what a Look has found.
type sizes struct {
	at         time.Time
	partitions int32
	small      map[int32]bool // those whose changelogs are no longer than what a warm copy may be behind
}

// Look finds out how long the changelogs are, and waits for that until ctx ends.
// Partitions with short ones are not [Standbys.Cold] for a minute. Those of which
// that is not known are.
func (s *Standbys) Look(ctx context.Context) error {
	seen := make(chan error, 1)
	if err := s.begin(func() { seen <- s.look() }); err != nil {
		return err
	}
	select {
	case err := <-seen:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// begin does something beside, unless the standbys are closed.
func (s *Standbys) begin(do func()) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.life.Err(); err != nil {
		return err
	}
	s.running.Go(do)
	return nil
}

func (s *Standbys) look() error {
	// All changelogs have as many partitions.
	partitions, err := s.cfg.Client.Partitions(s.cfg.Store.Owner.Tables[0].Topic)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.sizes = sizes{at: time.Now(), partitions: partitions, small: map[int32]bool{}}
	s.mu.Unlock()
	var looking errgroup.Group
	looking.SetLimit(looksAtOnce)
	for partition := range partitions {
		looking.Go(func() error {
			if err := s.life.Err(); err != nil {
				return err
			}
			length, err := s.length(partition)
			if err != nil || length > warmLag {
				return err
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			s.sizes.small[partition] = true
			return nil
		})
	}
	return looking.Wait()
}

// length returns how many offsets the changelogs of a partition have.
func (s *Standbys) length(partition int32) (sum int64, err error) {
	for _, table := range s.cfg.Store.Owner.Tables {
		first, err := s.cfg.Client.Offset(table.Topic, partition, kafka.Beginning())
		if err != nil {
			return 0, err
		}
		end, err := s.cfg.Client.EndOffset(table.Topic, partition, kafka.ReadUncommitted)
		if err != nil {
			return 0, err
		}
		sum += end - first
	}
	return sum, nil
}

// Cold returns the partitions without a copy that is up to date, but those that
// are loaded in no time. It is empty before the first Look.
func (s *Standbys) Cold() []int32 {
	warm := s.Warm()
	s.mu.Lock()
	defer s.mu.Unlock()
	var cold []int32
	for partition := range s.sizes.partitions {
		small := s.sizes.small[partition] && time.Since(s.sizes.at) < lookHolds
		if !small && !slices.Contains(warm, partition) {
			cold = append(cold, partition)
		}
	}
	return cold
}

// Files returns the partitions of whose tables the disk has something, whoever
// owns them.
func (s *Standbys) Files() []int32 {
	owners, err := store.Owners(s.cfg.Store.Dir)
	if err != nil {
		return nil // it is only good to know
	}
	var files []int32
	for _, owner := range owners {
		if owner.Group == s.cfg.Store.Owner.Group {
			files = append(files, owner.Partition)
		}
	}
	return files
}
