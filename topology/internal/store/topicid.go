package store

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// TopicID returns the id of the topic that a table's rows come from, as
// [DB.SetTopicID] noted it, "" if nothing is noted.
func (db *DB) TopicID(table string) (string, error) {
	if db.tables[table] == nil {
		return "", unknown(table)
	}
	db.flushing.Lock()
	defer db.flushing.Unlock()
	if err := db.faults.err(); err != nil {
		return "", err
	}
	stored, closer, err := db.disk.Get(prefix(topicSpace, table))
	if errors.Is(err, pebble.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", db.faults.note(fmt.Sprintf("reading the topic id of table %q", table), err)
	}
	id := string(stored)
	return id, closer.Close()
}

// SetTopicID notes the id of the topic that a table's rows come from: a topic
// that is deleted and made anew has another one. [DB.Clear] forgets it.
func (db *DB) SetTopicID(table, id string) error {
	if db.tables[table] == nil {
		return unknown(table)
	}
	db.flushing.Lock()
	defer db.flushing.Unlock()
	batch := db.disk.NewBatch()
	defer func() { _ = batch.Close() }()
	if err := batch.Set(prefix(topicSpace, table), []byte(id), nil); err != nil {
		return db.faults.note("noting a topic id", err)
	}
	return db.apply(batch, pebble.Sync)
}
