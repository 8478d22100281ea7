package aggregate_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/processors"
	"github.com/gokavro/gokavro/processors/aggregate"
)

func TestSummaryFollowsItsValues(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		values []int64
		want   aggregate.Summary
	}{
		{name: "nothing", want: aggregate.Summary{}},
		{name: "one negative value is the maximum", values: []int64{-5}, want: aggregate.Summary{Count: 1, Sum: -5, Mean: -5, Max: -5}},
		{name: "the limit itself is not over", values: []int64{15, 16}, want: aggregate.Summary{Count: 2, Over: 1, Sum: 31, Mean: 15.5, Max: 16}},
		{name: "the maximum stays", values: []int64{40, -3, 2}, want: aggregate.Summary{Count: 3, Over: 1, Sum: 39, Mean: 13, Max: 40}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got aggregate.Summary
			for _, v := range tt.values {
				got = got.Add(v, 15)
			}
			if diff := cmp.Diff(got, tt.want); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSummaryDoesNotDependOnOrder(t *testing.T) {
	t.Parallel()
	const seed = 7
	random := rand.New(rand.NewPCG(seed, seed))
	values := make([]int64, 500)
	for i := range values {
		values[i] = random.Int64N(200) - 50
	}
	sum := func() (s aggregate.Summary) {
		for _, v := range values {
			s = s.Add(v, 15)
		}
		return s
	}
	want := sum()
	random.Shuffle(len(values), func(i, j int) { values[i], values[j] = values[j], values[i] })
	if got := sum(); got != want {
		t.Errorf("seed %d: got %+v after a shuffle, want %+v", seed, got, want)
	}
	if want.Max != slices.Max(values) {
		t.Errorf("seed %d: got maximum %d, want %d", seed, want.Max, slices.Max(values))
	}
}

func TestFoldKeepsStateAndHandsOnWhatComesOfIt(t *testing.T) {
	t.Parallel()
	count := aggregate.Fold(
		func(n int, _ processors.Record[string]) int { return n + 1 },
		func(in string, n int) string { return in + ":" + string(rune('0'+n)) },
	)
	var state *int
	var got []string
	for _, in := range []string{"a", "b", "c"} {
		row := processors.NewRow(state)
		if err := count(processors.Record[string]{Value: in}, row, func(s string) { got = append(got, s) }); err != nil {
			t.Fatal(err)
		}
		value, held := row.Get()
		if !held || !row.Changed() {
			t.Fatalf("after %q: got held %t, changed %t, want both", in, held, row.Changed())
		}
		state = &value
	}
	if diff := cmp.Diff(got, []string{"a:1", "b:2", "c:3"}); diff != "" {
		t.Error(diff)
	}
}
