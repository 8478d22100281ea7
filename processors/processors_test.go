package processors_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/processors"
)

func run[In, Out any](t *testing.T, f processors.Func[In, Out, processors.None], in In) []Out {
	t.Helper()
	var out []Out
	err := f(processors.Record[In]{Value: in}, processors.NewRow[processors.None](nil), func(o Out) { out = append(out, o) })
	if err != nil {
		t.Fatalf("got error %v, want none", err)
	}
	return out
}

func TestMapHandsOnTheFunctionOfEveryValue(t *testing.T) {
	t.Parallel()
	got := run(t, processors.Map(func(n int) string { return string(rune('a' + n)) }), 2)
	if diff := cmp.Diff(got, []string{"c"}); diff != "" {
		t.Error(diff)
	}
}

func TestFilterHandsOnOnlyWhatIsKept(t *testing.T) {
	t.Parallel()
	even := processors.Filter(func(n int) bool { return n%2 == 0 })
	if got := run(t, even, 3); got != nil {
		t.Errorf("got %v for a value that is not kept, want nothing", got)
	}
	if got := run(t, even, 4); len(got) != 1 || got[0] != 4 {
		t.Errorf("got %v, want [4]", got)
	}
}

func TestRowTellsWhatWasDoneToIt(t *testing.T) {
	t.Parallel()
	seven := 7
	tests := []struct {
		name    string
		start   *int
		do      func(*processors.Row[int])
		value   int
		held    bool
		changed bool
	}{
		{name: "empty", do: func(*processors.Row[int]) {}},
		{name: "held", start: &seven, do: func(*processors.Row[int]) {}, value: 7, held: true},
		{name: "set", do: func(r *processors.Row[int]) { r.Set(1) }, value: 1, held: true, changed: true},
		{name: "deleted", start: &seven, do: func(r *processors.Row[int]) { r.Delete() }, changed: true},
		{name: "deleted and set", start: &seven, do: func(r *processors.Row[int]) { r.Delete(); r.Set(2) }, value: 2, held: true, changed: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			row := processors.NewRow(tt.start)
			tt.do(row)
			value, held := row.Get()
			if value != tt.value || held != tt.held || row.Changed() != tt.changed {
				t.Errorf("got (%d, %t, %t), want (%d, %t, %t)", value, held, row.Changed(), tt.value, tt.held, tt.changed)
			}
		})
	}
}
