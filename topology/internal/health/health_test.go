package health_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/topology/internal/health"
)

func TestABoardTellsWhatThereIsAfterEachChange(t *testing.T) {
	t.Parallel()
	var told []string
	b := health.New(func(why string) { told = append(told, why) })
	b.Set("commit", errors.New("away\n again"))
	b.Set("brokers", errors.New("gone"))
	b.Set("commit", errors.New("late"))
	b.Clear("brokers")
	b.Clear("brokers")
	b.Clear("commit")
	want := []string{"commit: away again", "brokers: gone; commit: away again", "brokers: gone; commit: late", "commit: late", ""}
	if diff := cmp.Diff(told, want); diff != "" {
		t.Errorf("told (-got +want): %s", diff)
	}
}

func TestATroubleThatPassesIsOverWhenItDoesNotComeAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		over := make(chan time.Duration, 1)
		b := health.New(func(why string) {
			if why == "" {
				over <- time.Since(began)
			}
		})
		b.Pass("fetch", errors.New("away"), 5*time.Second)
		<-time.After(3 * time.Second)
		b.Pass("fetch", errors.New("away"), 5*time.Second)
		if got := <-over; got != 8*time.Second {
			t.Errorf("got the trouble over after %s, want 8s", got)
		}
	})
}

func TestWhatTakesTooLongIsATroubleUntilItIsDone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var told []string
		b := health.New(func(why string) { told = append(told, why) })
		quick := b.Expect("commit", time.Second)
		b.Note("commit", errors.New("forgotten"))
		quick()
		slow := b.Expect("commit", time.Second)
		b.Note("commit", errors.New("no leader"))
		<-time.After(2 * time.Second)
		synctest.Wait()
		slow()
		want := []string{"commit: it takes longer than 1s: no leader", ""}
		if diff := cmp.Diff(told, want); diff != "" {
			t.Errorf("told (-got +want): %s", diff)
		}
	})
}

// A try that comes to an end with an error is not well in between.
func TestATroubleThatTakesThePlaceOfADelayOutlivesIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var told []string
		b := health.New(func(why string) { told = append(told, why) })
		for range 2 {
			slow := b.Expect("group", time.Second)
			<-time.After(2 * time.Second)
			synctest.Wait()
			b.Set("group", errors.New("forbidden"))
			slow()
		}
		late := "group: it takes longer than 1s"
		want := []string{late, "group: forbidden", late, "group: forbidden"}
		if diff := cmp.Diff(told, want); diff != "" {
			t.Errorf("told (-got +want): %s", diff)
		}
	})
}

func TestANilBoardTakesEverything(t *testing.T) {
	t.Parallel()
	var b *health.Board
	b.Set("a", errors.New("x"))
	b.Pass("a", errors.New("x"), time.Second)
	b.Note("a", errors.New("x"))
	b.Expect("a", time.Second)()
	b.Clear("a")
}
