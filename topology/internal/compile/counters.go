package compile

import "sync/atomic"

// Counters counts what became of records. It is safe for concurrent use.
type Counters struct {
	In          atomic.Int64 // records taken from inputs
	Out         atomic.Int64 // records written to outputs
	DeadLetters atomic.Int64 // records kept as dead letters
	Parked      atomic.Int64 // times that a record was parked after a try
	Skipped     atomic.Int64 // records left out
	Retries     atomic.Int64 // further tries of records
}
