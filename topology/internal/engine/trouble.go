package engine

import (
	"fmt"
	"time"
)

// What troubles are about.
const (
	aboutWork    = "starting over"
	aboutGroup   = "joining the group"
	aboutReading = "reading"
	aboutOffsets = "reading the committed offsets"
	aboutCommit  = AboutCommit
)

// AboutCommit is what troubles of the committer are about.
const AboutCommit = "committing"

const (
	// slow is how long a commit may take before it is a trouble.
	slow = 3 * time.Second
	// slowJoin is how long joining the group may take.
	slowJoin = 10 * time.Second
	// forgotten is how long after its last fault the reading counts as healthy:
	// sarama tells each try that fails, but not the one that succeeds.
	forgotten = 5 * time.Second
	// quiet is how long there has to be nothing to commit, after a fault, until
	// that counts as work that goes on.
	quiet = time.Second
)

func aboutPartition(partition int32) string { return fmt.Sprintf("partition %d", partition) }

// settle notes that the work goes on after a fault: something was committed, or
// there has been nothing to commit for a while. committing is held.
func (w *work) settle(committed bool) {
	switch {
	case w.settled || !committed && !w.complete.Load():
		return
	case !committed && w.since.IsZero():
		w.since = time.Now()
		return
	case !committed && time.Since(w.since) < quiet:
		return
	}
	w.settled = true
	w.engine.cfg.Board.Clear(aboutWork)
}
