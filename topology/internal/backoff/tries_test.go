package backoff_test

import (
	"testing"
	"time"

	"github.com/gokavro/gokavro/topology/graph"
	"github.com/gokavro/gokavro/topology/internal/backoff"
)

func TestTriesEndWithTheirAttempts(t *testing.T) {
	t.Parallel()
	var tries backoff.Tries
	retry := graph.Retry{Attempts: 4, Backoff: 90 * time.Millisecond, MaxBackoff: 120 * time.Millisecond}
	for _, most := range []time.Duration{90, 120, 120} {
		most *= time.Millisecond
		pause, ok := tries.Again(retry)
		if !ok || pause > most || pause < most*2/3-1 {
			t.Errorf("got %s, %t; want two thirds of %s or more", pause, ok, most)
		}
	}
	if pause, ok := tries.Again(retry); ok || tries.Failed() != 4 {
		t.Errorf("got %s, %t after %d tries; want no more", pause, ok, tries.Failed())
	}
}

func TestTriesEndWithTheirBudget(t *testing.T) {
	t.Parallel()
	var tries backoff.Tries
	if _, ok := tries.Again(graph.Retry{Budget: time.Hour}); !ok {
		t.Error("there is no second try within the budget")
	}
	if _, ok := tries.Again(graph.Retry{Budget: time.Minute, Backoff: time.Hour}); ok {
		t.Error("there is a try behind the budget")
	}
}

func TestOneTryIsTheDefault(t *testing.T) {
	t.Parallel()
	var tries backoff.Tries
	if _, ok := tries.Again(graph.Retry{}); ok {
		t.Error("a record is tried again without being told so")
	}
}

func TestTheWaitAfterManyTriesIsThatOfTheLast(t *testing.T) {
	t.Parallel()
	retry := graph.Retry{Backoff: 90 * time.Millisecond, MaxBackoff: 300 * time.Millisecond}
	for tried, most := range []time.Duration{90, 90, 180, 300, 300} {
		most *= time.Millisecond
		if got := backoff.After(retry, tried); got > most || got < most*2/3-1 {
			t.Errorf("after %d tries: got %s, want two thirds of %s or more", tried, got, most)
		}
	}
}
