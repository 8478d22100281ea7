package chaos_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// honest returns the outputs and the table of a sequential run over a few
// increments of two keys in two partitions.
func honest() (*truth, []output, map[string]Counter) {
	t := sequential([][]input{
		{{key: "a", id: 0, offset: 0}, {key: "a", id: 2, offset: 1}, {key: "a", id: 3, offset: 2}},
		{{key: "b", id: 1, offset: 0}, {key: "b", id: 4, offset: 1}},
	})
	var outputs []output
	for partition, records := range t.ordered {
		for _, r := range records {
			outputs = append(outputs, output{Counted: t.want[r.id], key: r.key, partition: int32(partition), offset: r.offset})
		}
	}
	table := map[string]Counter{"a": {Count: 3, Sum: 5}, "b": {Count: 2, Sum: 5}}
	return t, outputs, table
}

func TestVerifyAcceptsASequentialRun(t *testing.T) {
	t.Parallel()
	if got := verify(honest()); !got.exact() || !got.complete() || len(got.shown) > 0 {
		t.Errorf("got %s, want no difference", got)
	}
}

func TestVerifySeesWhatIsWrong(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		spoil    func(outputs []output, table map[string]Counter) []output
		want     func(f *findings) int
		complete bool
	}{
		{
			name:  "a lost output",
			spoil: func(o []output, _ map[string]Counter) []output { return slices.Delete(o, 1, 2) },
			want:  func(f *findings) int { return f.missing },
		},
		{
			name:     "a repeated output",
			spoil:    func(o []output, _ map[string]Counter) []output { return append(o, o[4]) },
			want:     func(f *findings) int { return f.repeated },
			complete: true,
		},
		{
			name: "an output of nothing",
			spoil: func(o []output, _ map[string]Counter) []output {
				return append(o, output{Counted: Counted{ID: 9, Count: 1, Sum: 9}, key: "a"})
			},
			want:     func(f *findings) int { return f.unknown },
			complete: true,
		},
		{
			name:     "another key",
			spoil:    func(o []output, _ map[string]Counter) []output { o[0].key = "b"; return o },
			want:     func(f *findings) int { return f.unknown },
			complete: true,
		},
		{
			name:     "a counter that jumps",
			spoil:    func(o []output, _ map[string]Counter) []output { o[2].Count++; return o },
			want:     func(f *findings) int { return f.wrong },
			complete: true,
		},
		{
			name:     "two outputs of a key that changed places",
			spoil:    func(o []output, _ map[string]Counter) []output { o[0], o[1] = o[1], o[0]; return o },
			want:     func(f *findings) int { return f.unordered },
			complete: true,
		},
		{
			name: "a row that went back",
			spoil: func(o []output, table map[string]Counter) []output {
				table["a"] = Counter{Count: 2, Sum: 2}
				return o
			},
			want:     func(f *findings) int { return f.behind },
			complete: true,
		},
		{
			name:     "a row that is not there",
			spoil:    func(o []output, table map[string]Counter) []output { delete(table, "b"); return o },
			want:     func(f *findings) int { return f.rows },
			complete: true,
		},
		{
			name:     "a row of nothing",
			spoil:    func(o []output, table map[string]Counter) []output { table["c"] = Counter{}; return o },
			want:     func(f *findings) int { return f.rows },
			complete: true,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			truth, outputs, table := honest()
			got := verify(truth, tt.spoil(outputs, table), table)
			if tt.want(got) != 1 || got.exact() || got.complete() != tt.complete || len(got.shown) == 0 {
				t.Errorf("got %s (complete: %t)", got, got.complete())
			}
		})
	}
}

func TestSequentialSeesAFeedThatRepeats(t *testing.T) {
	t.Parallel()
	if got := sequential([][]input{{{key: "a", id: 1}, {key: "a", id: 1}}}); got.twice != 1 {
		t.Errorf("got %d increments that are there twice, want 1", got.twice)
	}
}

func TestASeedGivesOneSchedule(t *testing.T) {
	t.Parallel()
	wanted := map[kind]int{kill: 3, zombie: 2, broker: 1}
	plan := func(seed uint64) []event { return schedule(wanted, 1000, rand.New(rand.NewPCG(seed, stormStream))) }
	first := plan(7)
	if diff := cmp.Diff(first, plan(7), cmp.AllowUnexported(event{})); diff != "" {
		t.Errorf("the same seed gave another schedule: %s", diff)
	}
	if cmp.Equal(first, plan(8), cmp.AllowUnexported(event{})) {
		t.Error("another seed gave the same schedule")
	}
	counts := map[kind]int{}
	for i, e := range first {
		counts[e.kind]++
		if e.at < 50 || e.at >= 900 || e.span >= 3*time.Second || i > 0 && e.at < first[i-1].at {
			t.Errorf("event %d: got %+v after %d, want one in the middle of the input, in order", i, e, first[max(0, i-1)].at)
		}
	}
	if diff := cmp.Diff(counts, wanted); diff != "" {
		t.Errorf("the events differ from the wanted (-got +want): %s", diff)
	}
}

func TestKeysGoWhereTheWorkersLookForThem(t *testing.T) {
	t.Parallel()
	for _, worker := range []string{onRunner, onPlainGoka} {
		s := scenario{worker: worker}
		used := map[int32]bool{}
		for _, key := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"} {
			partition := partitionOf(s.hasher(), key)
			if partition < 0 || partition >= partitions {
				t.Errorf("%s: got partition %d of %d for key %s", worker, partition, partitions, key)
			}
			used[partition] = true
		}
		if len(used) < 3 {
			t.Errorf("%s: got %d partitions for 12 keys, want a spread", worker, len(used))
		}
	}
}

// A worker can be made to fail by its environment, and goes on without it.
func TestAWorkerThatFailsIsStartedAgain(t *testing.T) {
	t.Parallel()
	prove(t, onDevstack(t), &scenario{
		name: unique("faulty"), seed: seed(), worker: onRunner, delivery: atLeastOnce,
		processes: 2, keys: 20, records: 500, perSecond: 1_000,
		faulty: []string{"GOKAVRO_DIAL_TIMEOUT=never"},
	})
}
