package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokavro/gokavro/topology/internal/assign"
)

// handOver bounds how long a partition that moves waits for the record in hand.
const handOver = 5 * time.Second

// InstanceError says that another process joined the group under this one's
// name.
type InstanceError struct{ Group, Instance string }

// Error says so, and what to do.
func (e *InstanceError) Error() string {
	return fmt.Sprintf("group %s: another process joined as %s, the identity of this one's state folder, which is for one process only: "+
		"if the folder was copied, delete the file identity in the copy", e.Group, e.Instance)
}

// generation is what the process knows of its place in the group.
type generation struct {
	joining bool  // the next one may have begun
	number  int32 // of the last assignment
	changed chan struct{}
}

// strategy returns how the group's partitions are shared.
func (w *work) strategy() sarama.BalanceStrategy {
	cfg := w.engine.cfg
	return assign.NewStrategy(assign.Config{
		Instance: cfg.Instance, Host: cfg.Host, Standbys: cfg.NumStandby, Tables: w.tables, Joining: w.joining, Assigned: w.assigned, Log: cfg.Log,
	})
}

// joining is called before each request to join the group: from here on the
// generation may end.
func (w *work) joining() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.generation.joining = true
}

// joined notes that a generation has begun; mu is held.
func (w *work) joined(number int32) {
	w.generation.joining, w.generation.number = false, number
	close(w.generation.changed)
	w.generation.changed = make(chan struct{})
}

// assigned is called with what the process has from now on. In a session that
// goes on, partitions that it has no more are given up and new ones begin;
// between two sessions that is Setup's.
func (w *work) assigned(number int32, share assign.Share) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.share = share
	if w.session == nil {
		return
	}
	w.joined(number)
	w.last = lastSession{w.session.MemberID(), number}
	w.engine.cfg.Log.Info("partitions were assigned while the others go on", "group", w.engine.cfg.Group, "generation", number,
		"active", share.Active, "coming", share.Coming, "standby", share.Standby)
	for partition, m := range w.tasks {
		if !m.leaving && !slices.Contains(share.Active, partition) {
			m.leaving = true
			w.dropping.Go(func() { w.giveUp(m) })
		}
	}
	w.adopt(share.Active)
}

// adopt gives each partition a task that has none; mu is held.
func (w *work) adopt(partitions []int32) {
	var members []*member
	for _, partition := range partitions {
		if w.tasks[partition] == nil {
			w.tasks[partition] = w.start(partition)
		}
		members = append(members, w.tasks[partition])
	}
	w.divide()
	w.placeStandbys()
	if len(w.share.Warming) > 0 && w.engine.cfg.Standby != nil {
		go w.awaitWarm(w.session.Context(), w.generation.number, w.share.Warming)
	}
	go w.loadCommits(w.session.Context(), w.guard.Shut())
	if w.hasAll() {
		go w.announce(w.session.Context(), members)
	}
}

// hasAll reports whether the process has its share, as far as it is known. What is
// still to come comes with the next assignment; what comes when its copies are
// warm is waited for at the first time only. mu is held.
func (w *work) hasAll() bool {
	return len(w.share.Coming) == 0 && (len(w.share.Warming) == 0 || w.engine.announced.Load())
}

// giveUp commits what a partition has finished, before the group hears that it
// is free. The others go on meanwhile.
func (w *work) giveUp(m *member) {
	m.task.Stop()
	bound := time.NewTimer(min(handOver, w.engine.cfg.StopTimeout))
	defer bound.Stop()
	select {
	case <-m.ended:
	case <-bound.C:
	case <-w.life.Done():
	}
	m.task.Kill()
	w.guard.Leave([]int32{m.task.Partition()})
	w.commitLast(m)
	close(m.released)
	w.drop([]*member{m})
}

// commitLast commits, and takes a partition out of the commits that follow.
func (w *work) commitLast(m *member) {
	w.committing.Lock()
	defer w.committing.Unlock()
	w.commitNow()
	w.mu.Lock()
	defer w.mu.Unlock()
	partition := m.task.Partition()
	if w.tasks[partition] != m {
		return
	}
	delete(w.tasks, partition)
	w.guard.Forget(partition)
	for _, of := range w.positions {
		delete(of, partition)
	}
}

// membership says who commits.
func (w *work) membership(session sarama.ConsumerGroupSession) *sarama.ConsumerGroupMetadata {
	m := sarama.NewConsumerGroupMetadataFromSession(session, w.engine.cfg.Group, nil)
	if w.engine.cfg.Instance != "" {
		m.GroupInstanceID = &w.engine.cfg.Instance
	}
	return m
}

// renew returns what a member is after a rebalance that ended its generation. It
// waits for that. What the member had it has still: others get it only after it
// was given up. Without a session that goes on, it has lost it.
func (w *work) renew(ctx context.Context, session sarama.ConsumerGroupSession, refused int32) *sarama.ConsumerGroupMetadata {
	for {
		w.mu.Lock()
		known, same := w.generation, w.session == session
		w.mu.Unlock()
		if !same || session.Context().Err() != nil {
			return nil
		}
		if known.number != refused {
			m := w.membership(session)
			m.GenerationID = known.number
			return m
		}
		if !known.joining {
			return nil
		}
		select {
		case <-known.changed:
		case <-session.Context().Done():
		case <-ctx.Done():
			return nil
		}
	}
}

// placeStandbys says which copies of tables are to be kept: those whose folder
// no task has open; mu is held.
func (w *work) placeStandbys() {
	standby := w.engine.cfg.Standby
	if standby == nil {
		return
	}
	var free []int32
	for _, partition := range w.share.Standby {
		if w.open[partition] == 0 {
			free = append(free, partition)
		}
	}
	standby.Assign(free)
}

// stale reports whether the assignment was made for a process that this one
// follows under the same name, and does not fit any more: it lacks topics, or
// has partitions out that were to be given up and went down with that process.
// Only a new rebalance mends that. mu is held.
func (w *work) stale(claims map[string][]int32) bool {
	if w.rejoined || w.engine.cfg.Instance == "" {
		return false
	}
	if len(w.share.Leaving) > 0 {
		return true
	}
	for _, topic := range w.engine.cfg.Topics {
		for _, partition := range w.share.Active {
			if !slices.Contains(claims[topic], partition) {
				return true
			}
		}
	}
	return false
}

// leave takes the process out of its group at once, so that others need not
// wait for the end of its session.
func (w *work) leave() {
	w.mu.Lock()
	id, left := w.last.member, w.left
	w.left = true
	w.mu.Unlock()
	if w.engine.cfg.Leave == nil || id == "" || left {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), handOver)
	defer cancel()
	if err := w.engine.cfg.Leave(ctx, id); err != nil {
		w.engine.cfg.Log.Warn("leaving the group: its other members get this one's partitions when the session ends", "group", w.engine.cfg.Group, "err", err)
	}
}

// replaced makes an InstanceError of what the group answers to a process whose
// name another has.
func (w *work) replaced(err error) error {
	if errors.Is(err, sarama.ErrFencedInstancedId) {
		return &InstanceError{Group: w.engine.cfg.Group, Instance: w.engine.cfg.Instance}
	}
	return err
}
