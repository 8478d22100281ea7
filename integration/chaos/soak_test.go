package chaos_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gokavro/gokavro/topology/runner"
)

const (
	// soakRate is how many increments come in a second.
	soakRate = 5_000
	// soakKeys is how many rows the table comes to have, in the first seconds.
	soakKeys = 10_000
	// usageEnv makes a worker print what it uses, every second.
	usageEnv   = "TEST_USAGE=1"
	usageEvery = time.Second
	// storeRoom is what the store's buffers may hold, each partition's 8 MiB.
	storeRoom = partitions * 8 << 20
	// stormyHeap is what the runner's settings allow, and some for all else.
	stormyHeap = runner.DefaultFetchBytes + runner.DefaultBufferBytes + runner.DefaultCacheBytes + 64<<20
	// usageFormat is a line of that.
	usageFormat = "usage heap=%d rss=%d goroutines=%d\n"
)

// TestAProcessStaysAsSmallAsItIs is about what grows with time and not with the
// load: memory, goroutines, lag.
func TestAProcessStaysAsSmallAsItIs(t *testing.T) {
	t.Parallel()
	needKafka(t)
	every := func(d time.Duration) int { return int(*soakFlag / d) }
	events := map[kind]int{}
	if *stormyFlag {
		events = map[kind]int{broker: every(3 * time.Minute), schemas: every(2 * time.Minute), zombie: every(5 * time.Minute)}
	}
	s := &scenario{
		name: unique("soak"), seed: seed(), worker: onRunner, delivery: exactlyOnce,
		processes: 1, keys: soakKeys, records: int(soakFlag.Seconds()) * soakRate, perSecond: soakRate, env: []string{usageEnv},
		events: events,
	}
	prove(t, onKafka(t), s)
	logged, err := os.ReadFile(filepath.Join(t.ArtifactDir(), "worker-1.log"))
	if err != nil {
		t.Fatal(err)
	}
	all := parseUsage(string(logged))
	if len(all) < 10 {
		t.Fatalf("got %d samples of what the worker uses, want one a second", len(all))
	}
	// The table fills in the first third, and the worker fills its buffers.
	early, late := median(all[len(all)/3:len(all)*2/3]), median(all[len(all)*2/3:])
	t.Logf("%d samples; the medians of the second and the last third: %s; %s; the most: %s", len(all), early, late, most(all))
	if *stormyFlag { // what has piled up meanwhile is worked off in bursts
		if peak := most(all).heap; peak > stormyHeap {
			t.Errorf("the heap came to %d bytes, want %d at most", peak, stormyHeap)
		}
		return
	}
	if err := late.grownFrom(early); err != nil {
		t.Error(err)
	}
}

// usage is what a worker uses at one time.
type usage struct {
	heap       uint64 // bytes that the last collection found in use
	rss        uint64 // bytes; 0 where the system does not tell
	goroutines uint64
}

// String says it in MiB.
func (u usage) String() string {
	return fmt.Sprintf("heap %d MiB, resident %d MiB, %d goroutines", u.heap>>20, u.rss>>20, u.goroutines)
}

// grownFrom is an error when u is more than before, beyond what the collector's
// pace and the store's buffers, which fill and are emptied, make of it.
func (u usage) grownFrom(before usage) error {
	var faults []error
	for _, part := range []struct {
		name        string
		before, now uint64
		room        uint64
	}{
		{"the heap", before.heap, u.heap, 16 << 20},
		{"resident memory", before.rss, u.rss, storeRoom},
		{"goroutines", before.goroutines, u.goroutines, 20},
	} {
		if part.now > part.before*5/4+part.room {
			faults = append(faults, fmt.Errorf("%s went from %d to %d under a steady load", part.name, part.before, part.now))
		}
	}
	return errors.Join(faults...)
}

// printUsage prints what this process uses until it ends.
func printUsage(out io.Writer) {
	for range time.Tick(usageEvery) {
		u := currentUsage()
		fmt.Fprintf(out, usageFormat, u.heap, u.rss, u.goroutines)
	}
}

func currentUsage() usage {
	samples := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/sched/goroutines:goroutines"}}
	metrics.Read(samples)
	u := usage{heap: samples[0].Value.Uint64(), goroutines: samples[1].Value.Uint64()}
	if runtime.GOOS == "linux" {
		var pages uint64
		text, err := os.ReadFile("/proc/self/statm")
		if err == nil {
			_, err = fmt.Sscan(string(text), new(uint64), &pages)
		}
		if err == nil {
			u.rss = pages * uint64(os.Getpagesize())
		}
	}
	return u
}

func parseUsage(log string) (all []usage) {
	for line := range strings.Lines(log) {
		var u usage
		if _, err := fmt.Sscanf(line, usageFormat, &u.heap, &u.rss, &u.goroutines); err == nil {
			all = append(all, u)
		}
	}
	return all
}

// median is the median of each part alone.
func median(all []usage) usage {
	return overall(all, func(sorted []uint64) uint64 { return sorted[len(sorted)/2] })
}

func most(all []usage) usage {
	return overall(all, func(sorted []uint64) uint64 { return sorted[len(sorted)-1] })
}

func overall(all []usage, of func(sorted []uint64) uint64) usage {
	part := func(get func(usage) uint64) uint64 {
		var values []uint64
		for _, u := range all {
			values = append(values, get(u))
		}
		slices.Sort(values)
		return of(values)
	}
	return usage{
		heap:       part(func(u usage) uint64 { return u.heap }),
		rss:        part(func(u usage) uint64 { return u.rss }),
		goroutines: part(func(u usage) uint64 { return u.goroutines }),
	}
}

func TestUsageThatGrowsIsSeen(t *testing.T) {
	t.Parallel()
	steady := usage{heap: 100 << 20, rss: 200 << 20, goroutines: 100}
	for name, late := range map[string]usage{
		"heap": {heap: 150 << 20}, "resident memory": {rss: 320 << 20}, "goroutines": {goroutines: 150},
	} {
		if err := late.grownFrom(steady); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v, want that %s has grown", err, name)
		}
	}
	if err := steady.grownFrom(steady); err != nil {
		t.Errorf("got %v of what stays, want nil", err)
	}
	line := fmt.Sprintf("time=x level=INFO msg=running\n"+usageFormat, 3<<20, 2<<20, 1)
	if got := parseUsage(line); len(got) != 1 || got[0].String() != "heap 3 MiB, resident 2 MiB, 1 goroutines" {
		t.Errorf("got %v of a log", got)
	}
	if now := currentUsage(); now.goroutines == 0 {
		t.Errorf("got %s of this process", now)
	}
}
