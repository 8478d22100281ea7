package pause_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/gokavro/gokavro/topology/kafka"
)

// every is how far apart the inputs of a partition are.
const every = 10 * time.Millisecond

// watch sees each output when a reader of committed records does.
type watch struct {
	mu    sync.Mutex
	seen  map[int32][]sight // by the input's partition
	count map[string]int    // how often each input has an output
}

// sight is one output.
type sight struct {
	at time.Time
	by string // the process that wrote it
}

func (w *watch) note(r kafka.Record) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	by, input, _ := strings.Cut(string(r.Value), " ")
	var partition int32
	if _, err := fmt.Sscanf(input, "%d/", &partition); err != nil {
		return fmt.Errorf("output %q: %w", r.Value, err)
	}
	w.seen[partition] = append(w.seen[partition], sight{time.Now(), by})
	w.count[input]++
	return nil
}

// owners returns who wrote the last output of each partition, and how old the
// oldest of these is.
func (w *watch) owners() (owners map[int32]string, age time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	owners = map[int32]string{}
	for partition, seen := range w.seen {
		last := seen[len(seen)-1]
		owners[partition] = last.by
		age = max(age, time.Since(last.at))
	}
	return owners, age
}

// gap returns the longest time without an output of a partition that ended after
// from, or goes on.
func (w *watch) gap(partition int32, from time.Time) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	longest := time.Duration(0)
	seen := w.seen[partition]
	for i := 1; i < len(seen); i++ {
		if seen[i].at.After(from) {
			longest = max(longest, seen[i].at.Sub(seen[i-1].at))
		}
	}
	return max(longest, time.Since(seen[len(seen)-1].at))
}

// feed writes a record to each partition, again and again, until ctx ends, and
// returns how many it wrote to each. Their outputs go to the partition of the
// same number.
func feed(ctx context.Context, writer *kgo.Client, topic string) (n int) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	keys := keys()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return n
		}
		for partition := range int32(partitions) {
			writer.Produce(context.Background(), &kgo.Record{ //nolint:contextcheck // what was begun is written
				Topic: topic, Partition: partition, Key: []byte(keys[partition]), Value: fmt.Appendf(nil, "%d/%d", partition, n),
			}, nil)
		}
		n++
	}
}

// keys returns a key of each partition, by goka's hash.
func keys() [partitions]string {
	var keys [partitions]string
	for i, missing := 0, partitions; missing > 0; i++ {
		key := fmt.Sprint("key", i)
		if p := partitionOf(key); keys[p] == "" {
			keys[p] = key
			missing--
		}
	}
	return keys
}

// changes returns the partitions that stay with their owner, and those that move.
func changes(before, after map[int32]string) (stay, move []int32) {
	for _, partition := range slices.Sorted(maps.Keys(before)) {
		if before[partition] == after[partition] {
			stay = append(stay, partition)
		} else {
			move = append(move, partition)
		}
	}
	return stay, move
}
