package chaos_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// maxShown is how many offenders of each kind a report names.
const maxShown = 3

// input is one record of the input topic.
type input struct {
	key    string
	id     int64
	offset int64
}

// output is one record of the output topic.
type output struct {
	Counted
	key       string
	partition int32
	offset    int64
}

// truth is what a sequential run over the input comes to.
type truth struct {
	want    map[int64]Counted // by id
	keys    map[int64]string  // by id
	table   map[string]Counter
	ordered [][]input // as they came, a partition each
	twice   int       // ids that the input holds more than once
}

// sequential runs the logic over the partitions, one increment after the other.
// A key is in one partition alone.
func sequential(partitions [][]input) *truth {
	t := &truth{want: map[int64]Counted{}, keys: map[int64]string{}, table: map[string]Counter{}, ordered: partitions}
	for _, records := range partitions {
		for _, r := range records {
			if _, seen := t.want[r.id]; seen {
				t.twice++
			}
			t.table[r.key], t.want[r.id] = t.table[r.key].add(r.id)
			t.keys[r.id] = r.key
		}
	}
	return t
}

// findings are the differences between what was put out and the truth.
type findings struct {
	inputs, outputs int
	missing         int // inputs without any output
	repeated        int // outputs beyond the first of their input
	unknown         int // outputs without an input, or under another key
	wrong           int // outputs whose counter is not the truth's
	unordered       int // outputs that come before an earlier one of their key
	rows            int // keys whose row is not the truth's
	behind          int // of these the keys whose row counts too few
	tableCount      int64
	shown           []string
}

func (f *findings) show(count *int, format string, args ...any) {
	*count++
	if *count <= maxShown {
		f.shown = append(f.shown, fmt.Sprintf(format, args...))
	}
}

// verify compares the outputs, in the order of their partitions, and the last
// row of each key with the truth.
func verify(t *truth, outputs []output, table map[string]Counter) *findings {
	f := &findings{inputs: len(t.want), outputs: len(outputs)}
	f.checkOutputs(t, outputs)
	f.checkMissing(t, outputs)
	f.checkTable(t, table)
	return f
}

func (f *findings) checkOutputs(t *truth, outputs []output) {
	first := map[int64]output{}
	last := map[string]output{}
	for _, o := range outputs {
		at := fmt.Sprintf("key %s: output %d/%d of increment %d", o.key, o.partition, o.offset, o.ID)
		earlier, seen := first[o.ID]
		if seen {
			f.show(&f.repeated, "%s repeats %d/%d: counts %d, then %d", at, earlier.partition, earlier.offset, earlier.Count, o.Count)
			continue
		}
		first[o.ID] = o
		want, known := t.want[o.ID]
		if !known || t.keys[o.ID] != o.key {
			f.show(&f.unknown, "%s: the input has no such record", at)
			continue
		}
		if o.Counted != want {
			f.show(&f.wrong, "%s: got %+v, want %+v", at, o.Counted, want)
		}
		if before, follows := last[o.key]; follows && t.want[before.ID].Count > want.Count {
			f.show(&f.unordered, "%s comes after that of increment %d at %d/%d, which is later in the input",
				at, before.ID, before.partition, before.offset)
		}
		last[o.key] = o
	}
}

func (f *findings) checkMissing(t *truth, outputs []output) {
	have := make(map[int64]bool, len(outputs))
	for _, o := range outputs {
		have[o.ID] = true
	}
	for partition, records := range t.ordered {
		for _, r := range records {
			if !have[r.id] {
				f.show(&f.missing, "key %s: increment %d at %d/%d has no output", r.key, r.id, partition, r.offset)
			}
		}
	}
}

func (f *findings) checkTable(t *truth, table map[string]Counter) {
	for _, key := range slices.Sorted(maps.Keys(t.table)) {
		got, want := table[key], t.table[key]
		f.tableCount += got.Count
		if got.Count < want.Count {
			f.behind++
		}
		if got != want {
			f.show(&f.rows, "key %s: got the row %+v, want %+v", key, got, want)
		}
	}
	for key := range table {
		if _, known := t.table[key]; !known {
			f.show(&f.rows, "key %s: a row without any input", key)
		}
	}
}

// exact tells whether everything is as a sequential run would leave it.
func (f *findings) exact() bool {
	return f.repeated == 0 && f.unknown == 0 && f.wrong == 0 && f.unordered == 0 && f.rows == 0 && f.complete()
}

// complete tells whether nothing is lost.
func (f *findings) complete() bool { return f.missing == 0 && f.inputs > 0 }

// String returns the figures in a line and the first offenders below it.
func (f *findings) String() string {
	return strings.Join(append([]string{fmt.Sprintf(
		"inputs %d, outputs %d, missing %d, repeated %d, unknown %d, wrong counters %d, out of order %d; "+
			"wrong rows %d, %d of them too low; the table counts %d, %.4f of the truth",
		f.inputs, f.outputs, f.missing, f.repeated, f.unknown, f.wrong, f.unordered,
		f.rows, f.behind, f.tableCount, float64(f.tableCount)/float64(cmp.Or(f.inputs, 1)),
	)}, f.shown...), "\n  ")
}
