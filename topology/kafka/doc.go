// Package kafka connects to a Kafka cluster with sarama: client settings,
// topics, the partitioner, and reading and writing a topic's records by
// position.
//
// # Ends
//
// The end of a partition is not where its last record is. Transactions leave
// markers in the log, aborted records stay there unseen, and compaction takes
// records away, so a reader that waits for the record before the end may wait
// for ever. [Client.LastVisible] finds the last record that a reader is really
// handed, and [Client.Read] ends there.
//
// # Errors
//
// A cluster that does not answer is an [UnreachableError]; a topic that does
// not exist is an [ErrTopicNotFound] that names it. Nothing here creates a
// topic except [Client.CreateMissing].
//
// # Concurrency
//
// [Client] and [Writer] are safe for concurrent use. Each [Client.Read] has
// connections of its own, so that its long polls delay nobody.
package kafka
