package parking_test

import (
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/topology/internal/parking"
	"github.com/gokavro/gokavro/topology/internal/store"
)

// rows is a table in memory.
type rows struct {
	table map[string][]byte
	alarm time.Time
}

func (r *rows) Row(_, key string) ([]byte, any, error) { return r.table[key], nil, nil }

func (r *rows) SetRow(_, key string, row []byte, _ any) {
	r.table[key] = row
	if row == nil {
		delete(r.table, key)
	}
}

func (r *rows) Scan(_, from, to string) iter.Seq2[store.Row, error] {
	return func(yield func(store.Row, error) bool) {
		for _, key := range slices.Sorted(maps.Keys(r.table)) {
			if key >= from && key < to && !yield(store.Row{Key: key, Value: r.table[key]}, nil) {
				return
			}
		}
	}
}

func (r *rows) SetAlarm(at time.Time) { r.alarm = at }

func entry(offset int64) *parking.Entry {
	return parking.NewEntry(&sarama.ConsumerMessage{Topic: "in", Offset: offset, Timestamp: time.UnixMilli(offset), Value: []byte{}})
}

// Against plain slices, over queues whose names are the beginnings of others'.
func TestQueuesAreWhatAPlainModelIs(t *testing.T) {
	t.Parallel()
	lot, r := parking.New("parked", nil), &rows{table: map[string][]byte{}}
	model, due := map[string][]int64{}, map[string]time.Time{}
	random := rand.New(rand.NewPCG(1, 2))
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for step := range int64(3000) {
		name := strings.Repeat("k", 1+random.IntN(6))
		now := time.UnixMilli(random.Int64N(2000) - 1000)
		held, err := lot.Holds(r, name)
		check(err)
		if held != (len(model[name]) > 0) {
			t.Fatalf("step %d: got held %t of %d", step, held, len(model[name]))
		}
		switch random.IntN(3) {
		case 0:
			check(lot.Park(r, name, entry(step), now))
			if !held {
				due[name] = now
			}
			model[name] = append(model[name], step)
		case 1:
			check(lot.Done(r, name, now))
			if held {
				model[name], due[name] = model[name][1:], now
			}
		default:
			if held {
				check(lot.Again(r, name, entry(model[name][0]), now))
				due[name] = now
			}
		}
		first, err := lot.First(r, name)
		check(err)
		if (first != nil) != (len(model[name]) > 0) || first != nil && first.Offset != model[name][0] {
			t.Fatalf("step %d: got first %v of %v", step, first, model[name])
		}
		got, err := lot.Due(r, now, 100)
		check(err)
		var want []string
		for name, queue := range model {
			if len(queue) > 0 && !due[name].After(now) {
				want = append(want, name)
			}
		}
		slices.SortFunc(want, func(a, b string) int {
			if c := due[a].Compare(due[b]); c != 0 {
				return c
			}
			return strings.Compare(a, b)
		})
		if diff := cmp.Diff(got, want); diff != "" {
			t.Fatalf("step %d: due (-got +want): %s", step, diff)
		}
	}
	for name, queue := range model {
		for range queue {
			check(lot.Done(r, name, time.UnixMilli(0)))
		}
	}
	if len(r.table) > 0 {
		t.Errorf("got %d rows that are left over", len(r.table))
	}
}

func TestEntriesKeepTheWholeRecord(t *testing.T) {
	t.Parallel()
	lot, r := parking.New("parked", nil), &rows{table: map[string][]byte{}}
	for i, m := range []*sarama.ConsumerMessage{
		{
			Topic: "in", Partition: 3, Offset: 4, Timestamp: time.UnixMilli(5), Key: []byte("k"), Value: []byte("v"),
			Headers: []*sarama.RecordHeader{{Key: []byte("a"), Value: []byte("1")}, {Key: []byte("a"), Value: []byte("2")}, {Key: []byte("none")}},
		},
		{Topic: "in", Key: []byte{}, Value: []byte{}, Timestamp: time.UnixMilli(0)},
		{Topic: "in", Timestamp: time.UnixMilli(0)},
	} {
		name := strconv.Itoa(i)
		if err := lot.Park(r, name, parking.NewEntry(m), time.UnixMilli(9)); err != nil {
			t.Fatal(err)
		}
		e, err := lot.First(r, name)
		if err != nil {
			t.Fatal(err)
		}
		got := e.Message()
		got.Timestamp = got.Timestamp.Local()
		if diff := cmp.Diff(got, m); diff != "" {
			t.Errorf("record %d (-got +want): %s", i, diff)
		}
	}
}

func TestRowsOfAnotherFormAreRefused(t *testing.T) {
	t.Parallel()
	for name, row := range map[string][]byte{"empty": {}, "newer": {2, 0}, "short": {1, 0x80}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := &rows{table: map[string][]byte{"qk": row}}
			if _, err := parking.New("parked", nil).First(r, "k"); err == nil || !strings.Contains(err.Error(), `row "qk" of table parked`) {
				t.Errorf("got %v, want the row named", err)
			}
		})
	}
}

func FuzzRows(f *testing.F) {
	lot := parking.New("parked", nil)
	r := &rows{table: map[string][]byte{}}
	if err := lot.Park(r, "k", entry(1), time.UnixMilli(2)); err != nil {
		f.Fatal(err)
	}
	f.Add([]byte("qk"), r.table["qk"])
	for key, row := range r.table {
		f.Add([]byte(key), row)
	}
	f.Fuzz(func(_ *testing.T, key, row []byte) {
		r := &rows{table: maps.Clone(r.table)}
		r.table[string(key)] = row
		_, _ = lot.First(r, "k")
		_, _ = lot.Due(r, time.UnixMilli(5), 10)
		_ = lot.Done(r, "k", time.UnixMilli(5))
	})
}
