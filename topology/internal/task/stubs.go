package task

import (
	"errors"
	"maps"
	"slices"

	"github.com/IBM/sarama"
	"github.com/lovoo/goka"
	"github.com/lovoo/goka/storage"

	"github.com/gokavro/gokavro/topology/kafka"
)

// producer is the goka.Producer of a run: it stages what the record in hand
// emits.
type producer struct{ run *run }

var errNoRecord = errors.New("nothing can be emitted outside of a callback")

// Emit stages a record.
func (p *producer) Emit(topic, key string, value []byte) *goka.Promise {
	return p.EmitWithHeaders(topic, key, value, nil)
}

// EmitWithHeaders stages a record. A row of the group's table is staged by its
// storage already.
func (p *producer) EmitWithHeaders(topic, key string, value []byte, headers goka.Headers) *goka.Promise {
	promise, finish := goka.NewPromiseWithFinisher()
	unit := p.run.task.current(p.run)
	if unit == nil {
		return finish(nil, errNoRecord)
	}
	if p.run.task.changelog(topic) == "" {
		unit.Emit(Output{Topic: topic, Partition: -1, Key: key, Value: value, Headers: inOrder(headers), From: From(p.run.task.cfg.Partition, unit.offset)})
		if err := p.run.refused(unit.outputs[len(unit.outputs)-1]); err != nil {
			return finish(nil, err)
		}
	}
	finish(nil, nil)
	return promise
}

// refused keeps the record in hand from writing what a broker does not take.
func (r *run) refused(record *kafka.Record) error {
	if r.task.cfg.Refused == nil {
		return nil
	}
	err := r.task.cfg.Refused(record)
	if err != nil {
		r.blame(r.task.current(r), err)
	}
	return err
}

// inOrder makes a list of goka's headers, which have none.
func inOrder(headers goka.Headers) []kafka.Header {
	var list []kafka.Header
	for _, key := range slices.Sorted(maps.Keys(headers)) {
		list = append(list, kafka.Header{Key: key, Value: headers[key]})
	}
	return list
}

// Close does nothing.
func (p *producer) Close() error { return nil }

// current returns the unit of the record in hand: the one that was begun last.
func (t *Task) current(r *run) *Unit {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.run != r || len(t.pending) == 0 {
		return nil
	}
	return t.pending[len(t.pending)-1]
}

// rows is the storage.Storage of the group's table in one run.
type rows struct {
	run   *run
	table string
}

// Open does nothing: the task has the table already.
func (s *rows) Open() error { return nil }

// Close leaves the table to the task.
func (s *rows) Close() error { return nil }

// Has tells whether the table has the key.
func (s *rows) Has(key string) (bool, error) {
	row, err := s.Get(key)
	return row != nil, err
}

// Get returns the key's row, nil when there is none.
func (s *rows) Get(key string) ([]byte, error) {
	row, err := s.run.task.row(s.table, key)
	if err != nil {
		s.run.note(err)
	}
	return row, err
}

// Set stages a row.
func (s *rows) Set(key string, value []byte) error { return s.stage(key, value) }

// Delete stages that a row goes.
func (s *rows) Delete(key string) error { return s.stage(key, nil) }

func (s *rows) stage(key string, value []byte) error {
	unit := s.run.task.current(s.run)
	if unit == nil {
		return errNoRecord
	}
	unit.set(write{table: s.table, key: key, row: value})
	return s.run.refused(&kafka.Record{Topic: s.table, Key: []byte(key), Value: value, Time: unit.time})
}

// GetOffset tells goka that the table is restored.
func (s *rows) GetOffset(int64) (int64, error) { return 0, nil }

// SetOffset does nothing.
func (s *rows) SetOffset(int64) error { return nil }

// MarkRecovered does nothing.
func (s *rows) MarkRecovered() error { return nil }

// Iterator goes through the table as it is now.
func (s *rows) Iterator() (storage.Iterator, error) { return s.IteratorWithRange(nil, nil) }

// topics is a goka.TopicManager for which all is there and restored.
type topics struct{}

func (topics) EnsureTableExists(string, int) error { return nil }

func (topics) EnsureStreamExists(string, int) error { return nil }

func (topics) EnsureTopicExists(string, int, int, map[string]string) error { return nil }

func (topics) Partitions(string) ([]int32, error) { return []int32{0}, nil }

// GetOffset answers so that goka finds nothing to load.
func (topics) GetOffset(string, int32, int64) (int64, error) { return 1, nil }

func (topics) Close() error { return nil }

// consumer is the sarama.Consumer that goka would restore tables with.
type consumer struct{ sarama.Consumer }

func (consumer) HighWaterMarks() map[string]map[int32]int64 { return nil }

func (consumer) Close() error { return nil }
