package task

import (
	"fmt"
	"slices"

	"github.com/lovoo/goka"
)

// begin starts the unit of a record, or of a visit, which comes from no topic.
func (t *Task) begin(r *run, ctx goka.Context, h *handed) (*Unit, error) {
	topic, offset, at := string(ctx.Topic()), ctx.Offset(), ctx.Timestamp()
	if h != nil {
		topic, offset, at = h.message.Topic, h.message.Offset, h.message.Timestamp
	}
	unit := t.unit(topic, offset)
	unit.time = at
	if !unit.alarm && !slices.Contains(t.cfg.Topics, topic) {
		unit.offset = noOffset
	}
	return unit, t.enter(r, unit)
}

// unit returns the unit of a record of the inbox.
func (t *Task) unit(topic string, offset int64) *Unit {
	return &Unit{topic: topic, offset: offset, alarm: t.cfg.Alarm != "" && topic == t.cfg.Alarm}
}

// enter takes a unit in. It waits while the finished units have no room.
func (t *Task) enter(r *run, unit *Unit) error {
	for {
		t.mu.Lock()
		switch {
		case t.soft.Err() != nil || t.run != r:
			t.mu.Unlock()
			return ErrAbandoned
		case t.held:
			t.visited()
		case !t.full():
			t.visited()
			t.pending = append(t.pending, unit)
			t.mu.Unlock()
			return nil
		}
		room := t.room
		t.mu.Unlock()
		t.cfg.Changed()
		select {
		case <-room:
		case <-t.soft.Done():
		}
	}
}

// full reports whether a commit has to come first; mu is held.
func (t *Task) full() bool {
	return t.finished.units >= t.cfg.Limits.Units || t.finished.bytes >= t.cfg.Limits.Bytes
}

// visited finishes the unit of a visit: goka does not tell when its callback
// has returned, but before it begins another it has. mu is held.
func (t *Task) visited() {
	for _, unit := range t.pending {
		if unit.offset == noOffset {
			unit.done = true
		}
	}
	t.handOver()
}

// finish notes that a record is done.
func (t *Task) finish(r *run, topic string, offset int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.run != r || t.hard.Err() != nil {
		return
	}
	i := slices.IndexFunc(t.pending, func(u *Unit) bool { return u.offset == offset && u.topic == topic })
	if i < 0 {
		// goka leaves out a record without a value, and no callback has begun its unit.
		i = len(t.pending)
		t.pending = append(t.pending, t.unit(topic, offset))
	}
	t.pending[i].done = true
	t.handOver()
}

// handOver passes on the units that are done and have none before them that is
// not. mu is held.
func (t *Task) handOver() {
	count := 0
	for _, unit := range t.pending {
		if !unit.done {
			break
		}
		t.pass(unit)
		count++
	}
	if count == 0 {
		return
	}
	t.handed += int64(count)
	if t.troubled {
		t.troubled = false
		t.cfg.Cured()
	}
	t.pending = append(t.pending[:0], t.pending[count:]...)
	if t.held || t.soft.Err() != nil {
		t.makeRoom()
	}
	if t.finished.units >= t.cfg.Limits.Units/2 || t.finished.bytes >= t.cfg.Limits.Bytes/2 {
		t.cfg.Changed()
	}
}

func (t *Task) pass(unit *Unit) {
	for _, r := range unit.reads {
		if _, set := unit.get(r.table, r.key); !set {
			t.rows[r.table].PutBack(r.key, r.entry)
		}
	}
	for _, w := range unit.writes {
		if w.row == nil {
			t.rows[w.table].Delete(w.key)
		} else {
			t.rows[w.table].Set(w.key, entry{w.row, w.value}, w.row)
		}
		t.finished.change(place{t.changelog(w.table), t.cfg.Partition}, rowKey{w.table, w.key}, w.row, unit.time)
	}
	t.finished.add(unit)
	if unit.offset != noOffset {
		t.inbox.done(unit.topic, unit.offset)
	}
}

// makeRoom wakes whoever waits for room or for the end of the units; mu is
// held.
func (t *Task) makeRoom() {
	close(t.room)
	t.room = make(chan struct{})
}

// take gives the record of a unit a table's row, as it sees it, for its own.
func (t *Task) take(unit *Unit, table, key string) (entry, error) {
	if w, found := t.staged(table, key); found {
		return entry{w.row, w.value}, nil
	}
	taken, found, err := t.rows[table].Take(key)
	if err != nil {
		return entry{}, unreadable(table, key, err)
	}
	if found {
		unit.reads = append(unit.reads, read{table, key, taken})
	}
	return taken, nil
}

// row returns the bytes of a table's row as the record in hand sees it, nil
// when there is none.
func (t *Task) row(table, key string) ([]byte, error) {
	if w, found := t.staged(table, key); found {
		return w.row, nil
	}
	kept, _, err := t.rows[table].Get(key)
	if err != nil {
		return nil, unreadable(table, key, err)
	}
	return kept.row, nil
}

func unreadable(table, key string, err error) error {
	return &FatalError{fmt.Errorf("reading key %q of table %s: %w", key, table, err)}
}

// staged returns what units that are not handed over have set.
func (t *Task) staged(table, key string) (write, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, unit := range slices.Backward(t.pending) {
		if w, found := unit.get(table, key); found {
			return w, true
		}
	}
	return write{}, false
}
