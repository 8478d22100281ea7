package restore_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/topology/internal/restore"
	"github.com/gokavro/gokavro/topology/kafka"
	"github.com/gokavro/gokavro/topology/kafka/kafkatest"
)

func TestRestoreBringsEachPartitionToItsLastRecord(t *testing.T) {
	t.Parallel()
	b := setup(t, 3)
	b.write(t, 0, "a", "1", "b", "2", "a", "3", "c", "4", "b", "")
	b.write(t, 1, "d", "5")
	h := b.restore(t)
	want := []map[string]string{{"a": "3", "c": "4"}, {"d": "5"}, {}}
	for i := range want {
		if diff := cmp.Diff(want[i], b.rows(t, i)); diff != "" {
			t.Errorf("partition %d (-want +got):\n%s", i, diff)
		}
		if got, end := b.dbs[i].Offset("t"), b.end(t, int32(i)); got != end {
			t.Errorf("partition %d: got offset %d, want the end, %d", i, got, end)
		}
	}
	if len(h.finished) != 3 || len(h.cleared) > 0 {
		t.Errorf("got %v finished, %q cleared", h.finished, h.cleared)
	}
}

func TestAWarmRestartReadsOnlyTheTail(t *testing.T) {
	t.Parallel()
	b := setup(t, 1)
	b.write(t, 0, "a", "1", "b", "2", "c", "3")
	b.restore(t)
	if got := b.restore(t).finished[0].Records; got != 0 {
		t.Errorf("read %d records again", got)
	}
	b.write(t, 0, "b", "4", "d", "5")
	if got := b.restore(t).finished[0].Records; got != 2 {
		t.Errorf("read %d records, want the 2 new ones", got)
	}
	if diff := cmp.Diff(map[string]string{"a": "1", "b": "4", "c": "3", "d": "5"}, b.rows(t, 0)); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

func TestMarkersAndAbortedRecordsAreNotWaitedFor(t *testing.T) {
	t.Parallel()
	b := setup(t, 1)
	x := kafkatest.NewTransactor(t, b.cfg, b.topic)
	x.Begin()
	x.Write("a", "1")
	x.Commit()
	if diff := cmp.Diff(map[string]string{"a": "1"}, b.restoredRows(t)); diff != "" {
		t.Errorf("a marker at the end (-want +got):\n%s", diff)
	}
	x.Begin()
	x.Write("a", "2")
	x.Write("b", "2")
	x.Abort()
	if diff := cmp.Diff(map[string]string{"a": "1"}, b.restoredRows(t)); diff != "" {
		t.Errorf("aborted records at the end (-want +got):\n%s", diff)
	}
	if got := b.restore(t).finished[0].Records; got != 0 {
		t.Errorf("read %d records again", got)
	}
}

func (b *testBundle) restoredRows(t *testing.T) map[string]string {
	t.Helper()
	b.restore(t)
	return b.rows(t, 0)
}

func TestAnOpenTransactionIsWaitedFor(t *testing.T) {
	t.Parallel()
	b := setup(t, 1)
	b.write(t, 0, "before", "1")
	x := kafkatest.NewTransactor(t, b.cfg, b.topic)
	x.Begin()
	x.Write("in it", "2")
	b.write(t, 0, "behind", "3")
	ctx, cancel := context.WithTimeout(t.Context(), kafkatest.Patience)
	defer cancel()
	h, done := &heard{}, make(chan error, 1)
	events := h.events()
	go func() { done <- restore.Run(ctx, restore.Config{Client: b.client, Events: events}, b.tables()...) }()
	select {
	case <-h.waiting:
	case err := <-done:
		t.Fatalf("got %v before the transaction ended", err)
	}
	x.Commit()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"before": "1", "in it": "2", "behind": "3"}, b.rows(t, 0)); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

func TestTheEndOfTheContextEndsTheWait(t *testing.T) {
	t.Parallel()
	b := setup(t, 1)
	x := kafkatest.NewTransactor(t, b.cfg, b.topic)
	x.Begin()
	x.Write("a", "1")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	events := restore.Events{Waiting: func(restore.Progress) { cancel() }}
	err := restore.Run(ctx, restore.Config{Client: b.client, Events: events}, b.tables()...)
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), b.topic+"/0") {
		t.Errorf("got %v, want that the context ended, and where", err)
	}
}

func TestATableWhoseRecordsAreGoneIsRestoredWhole(t *testing.T) {
	t.Parallel()
	b := setup(t, 1)
	b.write(t, 0, "a", "1", "b", "2")
	b.restore(t)
	b.write(t, 0, "a", "", "c", "3", "d", "4") // that a was deleted is lost
	b.deleteBefore(t, 4)
	h := b.restore(t)
	if diff := cmp.Diff(map[string]string{"d": "4"}, b.rows(t, 0)); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	if len(h.cleared) != 1 || !strings.Contains(h.cleared[0], "begins at 4") {
		t.Errorf("got %q, want why it was cleared", h.cleared)
	}
}

func TestATableAheadOfItsChangelogIsRestoredWhole(t *testing.T) {
	t.Parallel()
	b := setup(t, 1)
	b.write(t, 0, "a", "1")
	b.dbs[0].Table("t").Set("stray", []byte("1"))
	if err := b.dbs[0].Seal().Flush(map[string]int64{"t": 100}); err != nil {
		t.Fatal(err)
	}
	h := b.restore(t)
	if diff := cmp.Diff(map[string]string{"a": "1"}, b.rows(t, 0)); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	if len(h.cleared) != 1 || !strings.Contains(h.cleared[0], "ends at 1") {
		t.Errorf("got %q, want why it was cleared", h.cleared)
	}
}

func TestATableOfATopicThatWasMadeAnewIsRestoredWhole(t *testing.T) {
	t.Parallel()
	b := setup(t, 1)
	b.write(t, 0, "a", "1", "b", "2")
	b.restore(t)
	kafkatest.Remake(t, b.client, kafka.Topic{Name: b.topic, Partitions: 1})
	b.write(t, 0, "c", "3", "d", "4", "e", "5") // longer than the first one was
	h := b.restore(t)
	if diff := cmp.Diff(map[string]string{"c": "3", "d": "4", "e": "5"}, b.rows(t, 0)); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	if len(h.cleared) != 1 || !strings.Contains(h.cleared[0], "made anew") {
		t.Errorf("got %q, want why it was cleared", h.cleared)
	}
	if h := b.restore(t); len(h.cleared) > 0 {
		t.Errorf("cleared again: %q", h.cleared)
	}
}

func TestALargeChangelogComesInPieces(t *testing.T) {
	t.Parallel()
	b := setup(t, 1)
	const keys, rounds = 200, 120
	value := strings.Repeat("x", 2000)
	var pairs []string
	for round := range rounds {
		for i := range keys {
			pairs = append(pairs, fmt.Sprintf("k%d", i), fmt.Sprintf("%d %s", round, value))
		}
	}
	b.write(t, 0, pairs...)
	h := b.restore(t)
	rows := b.rows(t, 0)
	if len(rows) != keys {
		t.Errorf("got %d rows, want %d", len(rows), keys)
	}
	for key, got := range rows {
		if want := fmt.Sprintf("%d %s", rounds-1, value); got != want {
			t.Errorf("key %s: got %.20q, want %.20q", key, got, want)
		}
	}
	p := h.finished[0]
	if p.Records != keys*rounds || p.Next != p.End || p.Left() != 0 || p.RecordsPerSecond() <= 0 {
		t.Errorf("got %s, want %d records to the end", p, keys*rounds)
	}
}

func TestProgressEstimatesTheTimeLeft(t *testing.T) {
	t.Parallel()
	p := restore.Progress{
		Table: restore.Table{Name: "t", Topic: "log", Partition: 3},
		From:  100, Next: 300, End: 900, Records: 150, Bytes: 1500, Took: 2 * time.Second,
	}
	if got, want := p.String(), "t log/3: offset 300 of 900, 150 records, 1500 bytes, 75 records/s, 6s left"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	p.Next = p.From
	if got := p.Left(); got >= 0 {
		t.Errorf("got %s before anything was read", got)
	}
}
