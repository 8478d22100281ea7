package task_test

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/lovoo/goka"

	"github.com/gokavro/gokavro/codecs"
	"github.com/gokavro/gokavro/topology/internal/task"
)

// TestRecordsInHandAreBoundedByTheirBytes lets records of 1 KiB come while the
// first one is not done.
func TestRecordsInHandAreBoundedByTheirBytes(t *testing.T) {
	t.Parallel()
	const records, share = 200, 64 << 10
	open := make(chan struct{})
	b := start(t, nil, goka.Input("in", codecs.String(), func(goka.Context, any) { <-open }), goka.Persist(codecs.String()))
	b.Share(task.Share{Buffer: share, Cache: 1 << 20})
	var taken atomic.Int64
	all := make(chan struct{})
	go func() {
		defer close(all)
		for i := range int64(records) {
			m := message("in", i, strings.Repeat("x", 1<<10))
			if b.Put(t.Context(), "in", records, []*sarama.ConsumerMessage{m}) != nil {
				return
			}
			taken.Add(1)
		}
	}()
	seen, since := int64(-1), time.Now()
	for now := int64(0); seen != now || time.Since(since) < 200*time.Millisecond; now = taken.Load() {
		if seen != now {
			seen, since = now, time.Now()
		}
		<-time.After(time.Millisecond)
	}
	if most := int64(share / 4 >> 10); seen == 0 || seen > most {
		t.Errorf("got %d records of 1 KiB taken, want some and %d at most", seen, most)
	}
	close(open)
	b.seal(t, records)
	<-all
}

func TestATopicThatIsPausedHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	echo := func(ctx goka.Context, msg any) { ctx.Emit("out", ctx.Key(), msg) }
	b := start(t, nil, goka.Input("in", codecs.String(), echo), goka.Input("other", codecs.String(), echo),
		goka.Output("out", codecs.String()), goka.Persist(codecs.String()))
	b.Pause("other", true)
	for i := range int64(10) {
		b.put(t, message("other", i, fmt.Sprint("other ", i)))
	}
	for i := range int64(10) {
		b.put(t, message("in", i, fmt.Sprint("in ", i)))
	}
	b.seal(t, 10)
	if got := b.outputs(t, "out"); slices.ContainsFunc(got, func(v string) bool { return strings.Contains(v, "other") }) {
		t.Errorf("got %v of a topic that is paused", got)
	}
	b.Pause("other", false)
	b.seal(t, 20)
}
