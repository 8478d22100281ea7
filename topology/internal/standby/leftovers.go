package standby

import (
	"context"
	"log/slog"
	"time"

	"github.com/gokavro/gokavro/topology/internal/store"
)

const (
	// keepFolders is how long the folder of a partition is kept that this process
	// neither owns nor copies: it may come back.
	keepFolders = 24 * time.Hour
	// sweepInterval is how often they are looked for.
	sweepInterval = time.Hour
)

// Leftovers are the folders of partitions that have moved away. It is for one
// goroutine.
type Leftovers struct {
	at   store.Config
	log  *slog.Logger
	free map[int32]time.Time // since when nobody has them open, as far as was looked
}

// NewLeftovers returns those of a group, of whose databases at is any.
func NewLeftovers(at store.Config, log *slog.Logger) *Leftovers {
	return &Leftovers{at: at, log: log, free: map[int32]time.Time{}}
}

// Run removes them until ctx ends.
func (l *Leftovers) Run(ctx context.Context) {
	tick := time.NewTicker(sweepInterval)
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			l.Sweep(now)
		case <-ctx.Done():
			return
		}
	}
}

// Sweep removes the folders that nobody had open at any sweep of a whole day.
func (l *Leftovers) Sweep(now time.Time) {
	owners, err := store.Owners(l.at.Dir)
	if err != nil {
		l.log.Warn("looking for tables of partitions that have moved away", "err", err)
		return
	}
	for _, owner := range owners {
		if owner.Group == l.at.Owner.Group {
			l.look(owner.Partition, now)
		}
	}
}

func (l *Leftovers) look(partition int32, now time.Time) {
	at := l.at
	at.Owner.Partition = partition
	since, known := l.free[partition]
	switch {
	case !store.Free(at):
		delete(l.free, partition)
	case !known:
		l.free[partition] = now
	case now.Sub(since) >= keepFolders:
		delete(l.free, partition)
		removed, err := store.Remove(at)
		if err != nil {
			l.log.Warn("removing the tables of a partition that has moved away", "partition", partition, "err", err)
		}
		if removed {
			l.log.Info("removed the tables of a partition that has moved away", "partition", partition)
		}
	}
}
