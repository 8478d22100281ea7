package engine

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokavro/gokavro/topology/internal/task"
	"github.com/gokavro/gokavro/topology/internal/txn"
	"github.com/gokavro/gokavro/topology/kafka"
)

// commitLoop writes and commits at intervals, and commits when a task asks for
// it.
func (w *work) commitLoop() {
	commits := time.NewTicker(w.engine.cfg.Interval)
	defer commits.Stop()
	writes := time.NewTicker(w.engine.cfg.WriteInterval)
	defer writes.Stop()
	for {
		select {
		case <-commits.C:
			w.commit()
		case <-w.engine.wake:
			w.commit()
		case <-writes.C:
			w.writeAhead()
		case <-w.life.Done():
			return
		}
	}
}

// writeAhead writes the outputs of finished units before their commit, so that
// this has less to do, and that readers of a delivery without transactions see
// them at once.
func (w *work) writeAhead() {
	w.committing.Lock()
	defer w.committing.Unlock()
	session, members := w.owned()
	if session == nil || w.life.Err() != nil {
		return
	}
	var records []*kafka.Record
	for _, m := range members {
		records = append(records, m.task.Outputs(w.engine.cfg.WriteAhead)...)
	}
	if len(records) == 0 {
		return
	}
	defer w.engine.cfg.Board.Expect(aboutCommit, slow)()
	if err := w.committer.Write(w.allowed, records); err != nil {
		w.fail(err)
	}
}

// commit takes what the tasks have finished to Kafka and then to the disk. It
// does nothing between two sessions, and after a fault.
func (w *work) commit() {
	w.committing.Lock()
	defer w.committing.Unlock()
	w.commitNow()
}

// commitNow is commit for one who holds committing.
func (w *work) commitNow() {
	session, members := w.owned()
	if session == nil || w.life.Err() != nil {
		return
	}
	var sealed []*task.Sealed
	var b txn.Batch
	for _, m := range members {
		if w.guard.IsShut(m.task.Partition()) {
			continue
		}
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
	if len(sealed) == 0 && !w.guard.Due() {
		w.settle(false)
		return
	}
	b.Offsets = w.goOn()
	b.Metadata = w.guard.Metadata(b.Offsets)
	b.Member = w.membership(session)
	b.Renew = func(ctx context.Context, refused *sarama.ConsumerGroupMetadata) *sarama.ConsumerGroupMetadata {
		return w.renew(ctx, session, refused.GenerationID)
	}
	begun := time.Now()
	expected := w.engine.cfg.Board.Expect(aboutCommit, slow)
	err := w.committer.Commit(w.allowed, b)
	expected()
	if err != nil {
		w.fail(err)
		return
	}
	w.commits.Add(1)
	w.guard.Committed()
	written := time.Now()
	units, err := w.flush(sealed)
	if err != nil {
		w.fail(fmt.Errorf("writing committed changes to the state folder: %w", err))
		return
	}
	w.settle(true)
	w.engine.cfg.Log.Debug("committed", "units", units, "records", len(b.Records), "took", written.Sub(begun), "flush", time.Since(written))
}

// flush brings what was committed to the disk.
func (w *work) flush(sealed []*task.Sealed) (units int, err error) {
	for _, s := range sealed {
		if report := w.engine.cfg.Committed; report != nil {
			report(s)
		}
		units += s.Units()
		if err := s.Flush(); err != nil {
			return units, err
		}
	}
	return units, nil
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

// goOn returns what the group goes on from, in all partitions that are owned,
// also where that has not moved: it is what a member that was replaced is
// refused by.
func (w *work) goOn() map[string]map[int32]int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := map[string]map[int32]int64{}
	for topic, partitions := range w.positions {
		all[topic] = maps.Clone(partitions)
	}
	return all
}
