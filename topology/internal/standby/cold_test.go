package standby_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/topology/kafka/kafkatest"
)

func TestPartitionsWithLongChangelogsAreCold(t *testing.T) {
	t.Parallel()
	b := setup(t, 3)
	if got := b.standbys.Cold(); len(got) > 0 {
		t.Errorf("got %v before anything is known, want none", got)
	}
	var pairs []string
	for i := range 10_001 {
		pairs = append(pairs, fmt.Sprint("k", i%10), "v")
	}
	b.write(t, "a", 1, pairs...)
	b.write(t, "ttl", 2, pairs[:20]...)
	if err := b.standbys.Look(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := b.standbys.Cold(); !slices.Equal(got, []int32{1}) {
		t.Errorf("got %v cold, want the one with many records", got)
	}
	b.standbys.Assign([]int32{1, 2})
	kafkatest.Await(t, "the copies are warm", func() bool { return cmp.Equal(b.standbys.Warm(), []int32{1, 2}) })
	if got := b.standbys.Cold(); len(got) > 0 {
		t.Errorf("got %v cold with a warm copy, want none", got)
	}
	if got := b.standbys.Files(); !slices.Equal(got, []int32{1, 2}) {
		t.Errorf("got files of %v, want of 1 and 2", got)
	}
}
