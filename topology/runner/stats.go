package runner

import (
	"sync/atomic"

	"github.com/gokavro/gokavro/topology/internal/task"
)

// Stats counts what became of the records since the start. All but Retries are
// counted when they are committed, so that what is done again counts once.
type Stats struct {
	In          int64 // records taken from inputs
	Out         int64 // records written to outputs
	DeadLetters int64 // records kept as dead letters
	Skipped     int64 // records left out, by the policy graph.Skip
	Retries     int64 // further tries of records that failed, in place
	Parked      int64 // times that a record was parked for another try
}

// counts are Stats in the making.
type counts struct{ in, out, dead, skipped, retries, parked atomic.Int64 }

// add takes in what a commit has taken of one task.
func (c *counts) add(s *task.Sealed) {
	of := s.Counts()
	c.in.Add(int64(s.Read()))
	c.out.Add(int64(s.Outputs() - of.DeadLetters))
	c.dead.Add(int64(of.DeadLetters))
	c.skipped.Add(int64(of.Skipped))
	c.parked.Add(int64(of.Parked))
}

func (c *counts) read() Stats {
	return Stats{
		In: c.in.Load(), Out: c.out.Load(), DeadLetters: c.dead.Load(), Skipped: c.skipped.Load(), Retries: c.retries.Load(), Parked: c.parked.Load(),
	}
}
