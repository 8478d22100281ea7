package standby

import (
	"slices"
	"sync"
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

// Look finds out how long the changelogs are. Partitions with short ones are not
// [Standbys.Cold] for a minute. After an error some may count as long that are not.
func (s *Standbys) Look() error {
	// All changelogs have as many partitions.
	partitions, err := s.cfg.Client.Partitions(s.cfg.Store.Owner.Tables[0].Topic)
	if err != nil {
		return err
	}
	found := sizes{at: time.Now(), partitions: partitions, small: map[int32]bool{}}
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.sizes = found
	}()
	var mu sync.Mutex
	var looking errgroup.Group
	looking.SetLimit(looksAtOnce)
	for partition := range found.partitions {
		looking.Go(func() error {
			length, err := s.length(partition)
			if err != nil || length > warmLag {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			found.small[partition] = true
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
