package engine

import (
	"fmt"
	"maps"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokavro/gokavro/topology/internal/task"
	"github.com/gokavro/gokavro/topology/internal/txn"
)

// commitLoop commits at intervals, and when a task asks for it.
func (w *work) commitLoop() {
	ticker := time.NewTicker(w.engine.cfg.Interval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-w.engine.wake:
		case <-w.life.Done():
			return
		}
		w.commit(false)
	}
}

// commit takes what the tasks have finished to Kafka and then to the disk. It
// does nothing between two sessions, and after a fault. With offsets it
// commits them however short ago that was.
func (w *work) commit(offsets bool) {
	w.committing.Lock()
	defer w.committing.Unlock()
	w.commitNow(offsets)
}

// commitNow is commit for one who holds committing.
func (w *work) commitNow(offsets bool) {
	session, members := w.owned()
	if session == nil || w.life.Err() != nil {
		return
	}
	var sealed []*task.Sealed
	var b txn.Batch
	for _, m := range members {
		s, err := m.task.Seal()
		if err != nil {
			w.fail(fmt.Errorf("reading the state folder: %w", err))
			return
		}
		if s == nil {
			continue
		}
		sealed = append(sealed, s)
		b.Records = append(b.Records, s.Records()...)
		w.moveOn(m.task.Partition(), s.Offsets())
	}
	b.Offsets = w.due(offsets, len(sealed) > 0)
	if len(sealed) == 0 && len(b.Offsets) == 0 {
		return
	}
	b.Member = sarama.NewConsumerGroupMetadataFromSession(session, w.engine.cfg.Group, nil)
	if err := w.committer.Commit(w.allowed, b); err != nil {
		w.fail(err)
		return
	}
	w.commits.Add(1)
	for _, s := range sealed {
		if report := w.engine.cfg.Committed; report != nil {
			report(s.Units(), s.Outputs())
		}
		if err := s.Flush(); err != nil {
			w.fail(fmt.Errorf("writing committed changes to the state folder: %w", err))
			return
		}
	}
}

func (w *work) owned() (sarama.ConsumerGroupSession, []*member) {
	w.mu.Lock()
	session := w.session
	w.mu.Unlock()
	return session, w.members()
}

func (w *work) moveOn(partition int32, offsets map[string]int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for topic, offset := range offsets {
		w.advance(topic, partition, offset)
	}
	if w.owed.IsZero() {
		w.owed = time.Now()
	}
}

// advance notes what the group goes on from; it never goes back. mu is held.
func (w *work) advance(topic string, partition int32, offset int64) {
	if offset < 0 {
		return
	}
	if w.positions[topic] == nil {
		w.positions[topic] = map[int32]int64{}
	}
	w.positions[topic][partition] = max(w.positions[topic][partition], offset)
}

// due returns the offsets of this commit: of all partitions that are owned,
// also where they have not moved, because they are what a member that was
// replaced is refused by.
func (w *work) due(now, moved bool) map[string]map[int32]int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	interval := w.engine.cfg.OffsetInterval
	switch {
	case interval == 0 && !moved:
		return nil
	case w.owed.IsZero():
		return nil
	case interval > 0 && !now && time.Since(w.owed) < interval:
		return nil
	}
	w.owed = time.Time{}
	all := map[string]map[int32]int64{}
	for topic, partitions := range w.positions {
		all[topic] = maps.Clone(partitions)
	}
	return all
}
