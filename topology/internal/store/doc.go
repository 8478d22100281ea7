// Package store keeps the tables of one task on disk: one database for one
// partition of a group, with all tables of that partition in it.
//
// # Generations
//
// Writes go to a buffer in memory, over which reads look at the disk. [DB.Seal]
// makes one [Generation] of all that was written since the last Seal, and
// [Generation.Flush] brings it to the disk together with the changelog offsets
// it corresponds to, in one atomic batch, once the transaction that holds its
// changes is committed. [DB.Drop] forgets all that is not flushed, when it is
// aborted. So nothing of an open transaction ever reaches the disk. Several
// generations may be sealed while the next one fills; they are flushed in order.
//
// # Crashes
//
// A flush does not wait for the disk. After a kill or a power cut the newest
// generations may be missing, but what is there is what some row of flushes,
// from the first on, has left: no generation is there in part, none without the
// ones before it. The offsets ([DB.Offset]) say where the changelog goes on from
// there, and [DB.Confirmed] of when that is: a changelog forgets deletions after a
// time, and does not go on from before that.
//
// # Damage
//
// A database that cannot be read is emptied by [Open], which says why in
// [DB.Healed]; damage that shows later makes the read fail, and the next Open
// empties the folder. The changelog is the truth and restores it. After a disk
// that was full or failed, the DB refuses everything; close it and open it again.
//
// [OpenReader] is for tools: it reads a database that no process has open, and
// neither heals nor changes it.
//
// # Concurrency
//
// All methods of [DB], [Table] and [Cache] may be called from several
// goroutines. A task writes while a committer seals and flushes; Drop, Load and
// Clear are for moments in which the task does not run.
package store
